// The rings and doorbells between all socket workers. Made by main.ts before it starts them; each worker gets
// its ends.
import type { MessagePort } from 'node:worker_threads'
import { type DoorbellPort, doorbellPort } from '../../channel/doorbell.ts'
import { createSleepWord } from '../../channel/inbox.ts'
import { createRing } from '../../channel/ring.ts'
import { openEvent } from '../../os/event-fd.ts'
import { type ExchangeEnds, type ExchangeLimits, recordWordsMax } from './exchange.ts'

/** Some thousand offers from browsers, or a few of the longest records. */
const RING_WORDS_MIN = 2 ** 17
const RING_RECORDS_MIN = 4

export interface ExchangeMembers {
  readonly workers: number
  /** The cluster's thread is another one, the last. */
  readonly withCluster?: boolean
  /** Which have loops of their own, which wait for an eventfd. */
  readonly wakesByEvent?: (worker: number) => boolean
}

/** By member; null if there is only one. */
export function createExchange(
  members: ExchangeMembers,
  limits: ExchangeLimits,
): (ExchangeEnds | null)[] {
  const { withCluster = false, wakesByEvent = () => false } = members
  const workers = members.workers + (withCluster ? 1 : 0)
  const cluster = withCluster ? members.workers : -1
  if (workers === 1) return [null]
  const words = Math.max(RING_WORDS_MIN, RING_RECORDS_MIN * (recordWordsMax(limits) + 1))
  const all = Array.from({ length: workers }, (_, index) => index)
  const links = all.map((from) => all.map((to) => (from === to ? null : createLink(words))))
  const sleepWords = all.map(() => createSleepWord())
  const wakeEvents = all.map((worker) =>
    worker !== cluster && wakesByEvent(worker) ? openEvent() : -1,
  )
  return all.map((worker) => {
    const incoming = all.map((from) => links[from][worker]).filter((link) => link !== null)
    return {
      outRings: links[worker].map((link) => link?.ring ?? null),
      bells: links[worker].map((link) => link?.port.bell ?? null),
      sleepWords,
      inRings: incoming.map(({ ring }) => ring),
      heard: incoming.map(({ port }) => port.heard),
      wakeEvents,
      cluster,
    }
  })
}

/** The ports among the ends, which are transferred, not copied. */
export function portsOf(ends: ExchangeEnds | null): MessagePort[] {
  if (ends === null) return []
  return [...ends.bells, ...ends.heard].filter((port) => port !== null)
}

function createLink(words: number): { ring: SharedArrayBuffer; port: DoorbellPort } {
  return { ring: createRing(words), port: doorbellPort() }
}
