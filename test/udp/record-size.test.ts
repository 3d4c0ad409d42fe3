// A request travels between threads in as many words as src/udp/pipeline/record.ts draws, and not one more: a ring
// has room for no more, and what follows would be overwritten.
import { describe, expect, test } from 'bun:test'
import { createClientSample } from '../../src/census/sample.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { announceRequest, infoHash, scrapeRequest } from '../support/packets.ts'
import { type HarnessOptions, present, UdpHarness } from './harness.ts'

/** Head and transaction id; in a return its head and the time; of a reply address its length. */
const FRONT_WORDS = 2 + 2 + 1

describe.each([
  ['10.0.0.7', 2],
  ['2001:db8::7', 7],
])('a request from %s', (from, nameWords) => {
  /** The words of the last record, when all of it has been served. */
  function wordsOf(options: HarnessOptions, packetFor: (id: Buffer) => Buffer): number {
    const harness = new UdpHarness({ requestWorkers: 1, ...options })
    present(harness.send(packetFor(harness.connect(from)), from))
    const [reader] = harness.stages?.servers[0].readers ?? []
    return reader.count
  }

  const front = FRONT_WORDS + nameWords

  test('to announce takes its hash and info hash, and two words of the peer id where clients are counted', () => {
    const words = front + 1 + INFO_HASH_WORDS
    expect(wordsOf({}, (id) => announceRequest(id))).toBe(words)
    const clients = createClientSample(new Int32Array(4), 1200)
    expect(wordsOf({ clients }, (id) => announceRequest(id))).toBe(words + 2)
  })

  test.each([1, 2, 70])('to scrape takes its %d info hashes', (count) => {
    const infoHashes = Array.from({ length: count }, (_, i) => infoHash(i))
    const words = front + count * INFO_HASH_WORDS
    expect(wordsOf({}, (id) => scrapeRequest(id, infoHashes))).toBe(words)
  })
})
