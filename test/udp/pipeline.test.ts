// What only a tracker with request workers can get wrong: rings that run full, answers that go
// astray, scrapes whose torrents belong to several workers. All in one thread, stage by stage.
import { describe, expect, test } from 'bun:test'
import { COUNTERS, type CounterName } from '../../src/udp/worker/counters.ts'
import {
  addressBytes,
  announceRequest,
  infoHash,
  readAnnounce,
  readScrape,
  scrapeRequest,
} from '../support/packets.ts'
import { START, UdpHarness, wordOf } from './harness.ts'
import type { PipelineStages } from './pipeline-stages.ts'

const CLIENT = '10.0.0.7'

function pipeline(requestWorkers: number) {
  const harness = new UdpHarness({ requestWorkers, maxTorrents: 10_000 })
  const stages = harness.stages as PipelineStages
  const count = (name: CounterName) => harness.handler.counts[COUNTERS.indexOf(name)]
  return { harness, stages, count, id: harness.connect(CLIENT) }
}

type Pipeline = ReturnType<typeof pipeline>

/** Takes a packet in, and passes it on; nobody serves it yet. */
function takeIn({ harness }: Pipeline, packet: Buffer, from = CLIENT): number {
  harness.receivedBytes.set(packet)
  return harness.takeIn(packet.length, addressBytes(from))
}

/** So many info hashes that every worker owns some. */
const MANY = Array.from({ length: 40 }, (_, i) => infoHash(i))

describe('a scrape of torrents of several workers', () => {
  test('is answered in one piece, in the order asked, when the last part is there', () => {
    const tracker = pipeline(4)
    for (const [i, hash] of MANY.entries()) {
      for (let peer = 0; peer <= i % 3; peer++) {
        tracker.harness.announce(CLIENT, { infoHash: hash, port: 1000 + peer })
      }
    }
    takeIn(tracker, scrapeRequest(tracker.id, MANY, 77))
    tracker.stages.forwarder.publish()
    for (const [i, server] of tracker.stages.servers.entries()) {
      expect(server.serveAll(10)).toBe(1)
      const sent = tracker.stages.deliver()
      expect(sent.length).toBe(i === 3 ? 1 : 0)
      if (sent.length === 0) continue
      const { transaction, entries } = readScrape(sent[0].packet)
      expect(transaction).toBe(77)
      expect(entries.map(({ leechers }) => leechers)).toEqual(MANY.map((_, n) => 1 + (n % 3)))
    }
  })

  test('parts of several scrapes that arrive mixed find their own', () => {
    const tracker = pipeline(3)
    for (const hash of MANY) tracker.harness.announce(CLIENT, { infoHash: hash })
    const orders = [MANY, [...MANY].reverse(), MANY.map((_, i) => infoHash(1000 + i))]
    for (const [i, hashes] of orders.entries()) {
      takeIn(tracker, scrapeRequest(tracker.id, hashes, i))
    }
    tracker.stages.forwarder.publish()
    const sent = [2, 0, 1].flatMap((i) => {
      tracker.stages.servers[i].serveAll(10)
      return tracker.stages.deliver()
    })
    const answers = sent.map(({ packet }) => readScrape(packet))
    expect(answers.map(({ transaction }) => transaction)).toEqual([0, 1, 2])
    for (const [i, { entries }] of answers.entries()) {
      expect(entries.length).toBe(MANY.length)
      expect(entries.every(({ leechers }) => leechers === (i === 2 ? 0 : 1))).toBe(true)
    }
  })

  test('is answered at the address it came from, with all places of the joiner in use at once', () => {
    const tracker = pipeline(2)
    const PLACES = 128
    const clients = Array.from({ length: PLACES }, (_, i) => `10.0.1.${i}`)
    const ids = clients.map((client) => tracker.harness.connect(client))
    for (const [i, client] of clients.entries()) {
      takeIn(tracker, scrapeRequest(ids[i], MANY, i), client)
    }
    const sent = tracker.stages.run()
    expect(tracker.count('dropped_scrapes')).toBe(0)
    const answered = sent.map(({ packet, name }) => {
      const { transaction, entries } = readScrape(packet)
      return [transaction, name[1], entries.length]
    })
    answered.sort(([a], [b]) => a - b)
    expect(answered).toEqual(
      clients.map((client, i) => [i, wordOf(addressBytes(client), 0), MANY.length]),
    )
  })

  test('is never answered in part: it is given up, and its place goes to others', () => {
    const tracker = pipeline(2)
    const PLACES = 128
    for (let i = 0; i < PLACES; i++) takeIn(tracker, scrapeRequest(tracker.id, MANY, i))
    // The second worker is late.
    tracker.stages.forwarder.publish()
    tracker.stages.servers[0].serveAll(1000)
    expect(tracker.stages.deliver()).toEqual([])
    takeIn(tracker, scrapeRequest(tracker.id, MANY, 500))
    expect(tracker.count('dropped_scrapes')).toBe(1)
    tracker.harness.setTime(START + 2)
    takeIn(tracker, scrapeRequest(tracker.id, MANY, 501))
    expect(tracker.count('dropped_scrapes')).toBe(1 + PLACES)
    // Parts of what was given up come after all, before those of the newest, whose places they had.
    const sent = tracker.stages.run()
    expect(sent.map(({ packet }) => readScrape(packet).transaction)).toEqual([501])
    expect(tracker.stages.run()).toEqual([])
  })

  test('is not passed on at all when one of its parts finds no room', () => {
    const tracker = pipeline(2)
    fill(tracker)
    expect(tracker.count('dropped_requests')).toBeGreaterThan(0)
    for (let i = 0; i < 2000; i++) takeIn(tracker, scrapeRequest(tracker.id, MANY, 9999))
    const transactions = serveEverything(tracker).map(({ packet }) => packet.readUInt32BE(4))
    const scrapes = transactions.filter((transaction) => transaction === 9999)
    expect(scrapes.length).toBeLessThan(128)
  })
})

/** Passes announces on until every ring is full; returns how many were taken. */
function fill(tracker: Pipeline): number {
  const before = tracker.count('dropped_requests')
  let sent = 0
  while (tracker.count('dropped_requests') - before < 1000) {
    takeIn(tracker, announceRequest(tracker.id, { infoHash: infoHash(sent), transaction: sent }))
    sent++
  }
  return sent - 1000
}

function serveEverything({ stages }: Pipeline) {
  const all = []
  for (let sent = stages.run(); sent.length > 0; sent = stages.run()) all.push(...sent)
  return all
}

describe('a full ring', () => {
  test('to a request worker drops the newest request, counted, and no other', () => {
    const tracker = pipeline(1)
    const taken = fill(tracker)
    expect(taken).toBeGreaterThan(500)
    const transactions = serveEverything(tracker).map(
      ({ packet }) => readAnnounce(packet, 4).transaction,
    )
    expect(transactions).toEqual(Array.from({ length: taken }, (_, i) => i))
    // There is room again.
    takeIn(tracker, announceRequest(tracker.id, { transaction: 4711 }))
    expect(serveEverything(tracker).length).toBe(1)
  })

  test('back to a socket worker is waited for a moment, then answers are dropped, counted', () => {
    const tracker = pipeline(1)
    const { stages, count } = tracker
    // Large answers: the ring back is full long before the ring there is empty.
    for (let peer = 1; peer <= 250; peer++) tracker.harness.announce(CLIENT, { port: peer })
    const large = { infoHash: infoHash(1), numWant: 255 }
    for (let i = 0; i < 500; i++) {
      takeIn(tracker, announceRequest(tracker.id, { ...large, transaction: i, port: 2000 + i }))
    }
    stages.forwarder.publish()
    const before = performance.now()
    expect(stages.servers[0].serveAll(10_000)).toBe(500)
    const took = performance.now() - before
    const dropped = count('dropped_responses')
    expect(count('response_waits')).toBe(1)
    expect(took).toBeGreaterThan(9)
    expect(dropped).toBeGreaterThan(100)
    const sent = stages.deliver()
    expect(sent.map(({ packet }) => readAnnounce(packet, 4).transaction)).toEqual(
      Array.from({ length: 500 - dropped }, (_, i) => i),
    )
    // The requests were carried out all the same, and answers flow again.
    expect(tracker.harness.scrape(CLIENT, infoHash(1))[0].leechers).toBe(750)
    expect(count('response_waits')).toBe(1)
  })
})

test.each(['10.0.0.7', '2001:db8::9'])(
  'an answer to %s goes where its request came from',
  (from) => {
    const tracker = pipeline(3)
    const id = tracker.harness.connect(from)
    takeIn(tracker, announceRequest(id), from)
    takeIn(tracker, scrapeRequest(id, MANY), from)
    takeIn(tracker, scrapeRequest(id, [infoHash(1)]), from)
    const address = addressBytes(from)
    const sent = tracker.stages.run()
    expect(sent.length).toBe(3)
    for (const { name } of sent) {
      const words = address.length === 4 ? name.slice(1, 2) : name.slice(2, 6)
      expect(words).toEqual(
        Array.from({ length: address.length / 4 }, (_, i) => wordOf(address, i * 4)),
      )
    }
  },
)

test('a turn takes no more requests than allowed, from each ring in turn', () => {
  const tracker = pipeline(1)
  for (let i = 0; i < 10; i++) takeIn(tracker, announceRequest(tracker.id, { transaction: i }))
  tracker.stages.forwarder.publish()
  const [server] = tracker.stages.servers
  expect([4, 4, 4, 4].map((max) => server.serveAll(max))).toEqual([4, 4, 2, 0])
})
