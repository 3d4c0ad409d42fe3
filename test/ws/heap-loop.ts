// A process of heap.test.ts: handles a mix of messages, and marks on standard error where that begins and ends, between
// the engine's own lines about garbage collections.
// Usage: bun heap-loop.ts MESSAGES [one needless object every N messages]
import { writeSync } from 'node:fs'
import { newRegion } from '../../src/memory/region.ts'
import { ConnectionStates, createConnectionStates } from '../../src/swarm/connections.ts'
import { attachSwarms, createSwarmMemory } from '../../src/swarm/memory.ts'
import { type Connection, Connections } from '../../src/ws/worker/connection.ts'
import {
  ANSWERS_SENT,
  COUNTER_COUNT,
  OFFERS_SENT,
  RESPONSES_SCRAPE,
} from '../../src/ws/worker/counters.ts'
import { Handler } from '../../src/ws/worker/handle.ts'
import { createRequestLimits, RequestLimits } from '../../src/ws/worker/request-limits.ts'
import type { Sender } from '../../src/ws/worker/send.ts'
import { Signal } from '../../src/ws/worker/signal.ts'
import { randomWords } from '../support/random.ts'
import { Generated } from './generated.ts'

const CONNECTIONS = 200
const KINDS = 4096
const MESSAGES_PER_SECOND = 50_000
const OUTPUT_BYTES = 2 ** 20
const OFFERS = 10

/** Takes every message, and keeps none. */
class NoSender {
  readonly bytes = newRegion(OUTPUT_BYTES).bytes
  sum = 0

  openAnswer(): number {
    return 0
  }

  openRelay(): number {
    return 0
  }

  commit(end: number): void {
    this.sum += end
  }

  closeForRequests(): void {}
}

const counts = new Int32Array(COUNTER_COUNT)
const states = new ConnectionStates(createConnectionStates(1, CONNECTIONS))
const connections = new Connections(0, states, 30)
const noSender = new NoSender()
const sender = noSender as unknown as Sender
const signal = new Signal(0, connections, sender, { key0: 1, key1: 2 }, counts)
const memory = createSwarmMemory({
  maxTorrents: 5000,
  maxPeers: 50_000,
  workers: 1,
  kinds: ['websocket'],
})
const swarms = attachSwarms(memory, true, states)
const rates = { perConnection: 0, perAddress: 0, newTorrents: 0 }
const requestLimits = new RequestLimits(createRequestLimits(), rates)
const settings = {
  maxScrapeTorrents: 255,
  maxOffers: OFFERS,
  announceInterval: 120,
  intervalJitter: 5,
  maxTorrentsPerConnection: 100,
  maxPeerIdsPerTorrent: 4,
}
const parts = { swarms, connections, sender, signal, requestLimits }
const handler = new Handler(parts, settings, counts)
const clients = Array.from({ length: CONNECTIONS }, () => connections.open(0, 0xcb007107 | 0, 0))

const generated = new Generated(randomWords(4))
const hashes = Array.from({ length: 50 }, () => generated.id())
const peers = Array.from({ length: CONNECTIONS }, () => generated.id())
const input = newRegion(2 ** 24)
const ends = new Int32Array(KINDS + 1)
const senders = new Int32Array(KINDS)
const garbage: object[] = []

/** An offer from one to the other of the two peers of a torrent, and its answer. */
function pairOf(kind: number): [offerer: number, message: object] {
  const pair = (kind >> 2) % (CONNECTIONS / 2)
  const [one, other] = [pair * 2, pair * 2 + 1]
  const ids = { info_hash: `pair${String(pair).padStart(16, '0')}`, offer_id: peers[one] }
  const announce = { action: 'announce', info_hash: ids.info_hash, left: 1 }
  if (kind % 4 === 0) return [other, { ...announce, peer_id: peers[other] }]
  const offers = [{ offer: { type: 'offer', sdp: 'v=0\r\n'.repeat(99) }, offer_id: ids.offer_id }]
  if (kind % 4 === 1) return [one, { ...announce, peer_id: peers[one], offers }]
  const answer = { type: 'answer', sdp: 'v=0\r\n'.repeat(99) }
  const who = { peer_id: peers[other], to_peer_id: peers[one] }
  return [other, { action: 'announce', ...ids, ...who, answer }]
}

function prepare(): void {
  for (let kind = 0; kind < KINDS; kind++) {
    const [client, pair] = pairOf(kind)
    senders[kind] = kind % 3 === 0 ? client : kind % CONNECTIONS
    const text = Buffer.from(
      kind % 3 === 0
        ? generated.text(pair)
        : generated.message(hashes, [peers[senders[kind]], generated.id()]),
    )
    const message = kind % 16 === 1 ? generated.changed(text) : text
    input.bytes.set(message, ends[kind])
    ends[kind + 1] = ends[kind] + message.length
  }
}

function serveMany(count: number, garbageEvery: number): void {
  let now = 1
  for (let i = 0; i < count; i++) {
    if (i % MESSAGES_PER_SECOND === 0) {
      handler.setTime(++now)
      signal.setTime(now)
      requestLimits.setTime(now)
      forgetOffers(clients)
    }
    const kind = i % KINDS
    handler.message(clients[senders[kind]], input.bytes, ends[kind], ends[kind + 1])
    if (garbageEvery > 0 && i % garbageEvery === 0) garbage[(i / garbageEvery) & 7] = { i }
  }
}

/** As the clock does after a while, but every second. */
function forgetOffers(list: readonly Connection[]): void {
  for (let i = 0; i < list.length; i++) list[i].pendingOffers?.rotate()
}

const [count, garbageEvery] = process.argv.slice(2).map(Number)
prepare()
serveMany(300_000, 0)
for (const counter of [ANSWERS_SENT, OFFERS_SENT, RESPONSES_SCRAPE]) {
  if (counts[counter] < 1000) throw new Error('it does not do what it is meant to do')
}
Bun.gc(true)
writeSync(2, 'begin\n')
serveMany(count, garbageEvery ?? 0)
writeSync(2, `end after ${noSender.sum} bytes\n`)
