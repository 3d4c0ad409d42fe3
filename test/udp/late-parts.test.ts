// Parts of a scrape that come when it has been given up: its place belongs to another then.
import { expect, test } from 'bun:test'
import { addressBytes, infoHash, readScrape, scrapeRequest } from '../support/packets.ts'
import { START, UdpHarness } from './harness.ts'

const CLIENT = '10.0.0.7'
const PLACES = 128

test('late parts are not taken for those of the scrape that has their place, however often it changed hands', () => {
  const harness = new UdpHarness({ requestWorkers: 2 })
  const { stages } = harness
  if (stages === null) throw new Error('no request workers')
  const known = Array.from({ length: 40 }, (_, i) => infoHash(i))
  const unknown = known.map((_, i) => infoHash(1000 + i))
  for (const each of known) harness.announce(CLIENT, { infoHash: each })
  const id = harness.connect(CLIENT)
  const takeIn = (packet: Buffer) => {
    harness.receivedBytes.set(packet)
    return harness.takeIn(packet.length, addressBytes(CLIENT))
  }
  for (let round = 1; round <= 4; round++) {
    const [late, newest] = round % 2 === 0 ? [known, unknown] : [unknown, known]
    harness.setTime(START + round * 10)
    for (let i = 0; i < PLACES; i++) takeIn(scrapeRequest(id, late, i))
    harness.setTime(START + round * 10 + 2)
    // All are given up, and the newest has a place that one of them had.
    takeIn(scrapeRequest(id, newest, 500 + round))
    const sent = stages.run().map(({ packet }) => readScrape(packet))
    expect(sent.map(({ transaction }) => transaction)).toEqual([500 + round])
    expect(sent[0].entries.map(({ leechers }) => leechers)).toEqual(
      newest.map(() => (newest === known ? 1 : 0)),
    )
  }
})
