// What keeps the closed loop full: the pause between turns, and requests that make room for others.
import { expect, test } from 'bun:test'
import { createPopulation, Population } from '../../../load/population.ts'
import { Random } from '../../../load/random.ts'
import { Conversation } from '../../../load/udp/conversation.ts'
import { COUNTS, LOST, SENT } from '../../../load/udp/counts.ts'
import { CONNECT, Requests } from '../../../load/udp/generate.ts'
import { PAUSE_MICROSECONDS_MAX, Pause } from '../../../load/udp/pause.ts'
import { UnderWay } from '../../../load/udp/under-way.ts'

const BATCH = 256

/** The pause after `turns` turns, each with as many answers as `answered` says for the pause before it. */
function pauseAfter(turns: number, size: number, answered: (pause: number) => number): number {
  const pause = new Pause(BATCH)
  let last = PAUSE_MICROSECONDS_MAX
  for (let i = 0; i < turns; i++) last = pause.after(answered(last), size)
  return last
}

test('the pause grows until an eighth of the window is there, and no further', () => {
  // An answer every two microseconds.
  const pause = pauseAfter(100, 256, (microseconds) => Math.min(256, microseconds >> 1))
  expect(pause).toBeGreaterThanOrEqual(64)
  expect(pause).toBeLessThanOrEqual(192)
})

test('the pause is at most a millisecond', () => {
  expect(pauseAfter(1000, 256, () => 0)).toBe(PAUSE_MICROSECONDS_MAX)
})

test('a full batch ends a pause however large the window is', () => {
  const pause = new Pause(BATCH)
  for (let i = 0; i < 100; i++) pause.after(0, 768)
  expect(pause.after(1, 768)).toBe(PAUSE_MICROSECONDS_MAX)
  for (let i = 0; i < 10; i++) expect(pause.after(BATCH, 768)).toBe(0)
  expect(pause.after(1, 768)).toBeLessThan(50)
})

test('a request without an answer stops no others when all places have been used', () => {
  const places = 64
  const settings = { torrents: 1, peers: 1, gammaShape: 1000, seederProbability: 0, seed: 1 }
  const population = new Population(createPopulation({ ...settings, sockets: 1 }))
  const underWay = new UnderWay(places, 1)
  const counts = new Int32Array(COUNTS.length)
  const mix = { weightConnect: 1, weightAnnounce: 0, weightScrape: 0, peersWanted: 1 }
  const requests = new Requests(
    { ...mix, scrapeTorrents: 1, invalidShare: 0 },
    population,
    underWay,
    new Random(1, 1),
    counts,
  )
  const memory = { answers: new Int32Array(1024), end: 0 }
  const train = { memory, queue: () => {}, flush: () => 0 }
  const conversation = new Conversation(train, 0, 0, population.peersOf(0))
  requests.queue(conversation, 1, 0, 0)
  for (let i = 1; i < 10 * places; i++) {
    requests.queue(conversation, 1, i, 0)
    underWay.settle(i % places)
  }
  expect(counts[SENT + CONNECT]).toBe(10 * places)
  expect(counts[LOST]).toBe(1)
  expect(underWay.waiting()).toBe(0)
})
