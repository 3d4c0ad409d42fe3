import { describe, expect, test } from 'bun:test'
import {
  infoHash,
  readError,
  readScrape,
  type ScrapeEntry,
  scrapeRequest,
} from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { present, UdpHarness } from './harness.ts'

const ZEROS: ScrapeEntry = { seeders: 0, completed: 0, leechers: 0 }

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each([
    { client: '192.0.2.7', others: '192.0.2.', max: 122, packetBytes: 1472 },
    { client: '2001:db8::7', others: '2001:db8::', max: 102, packetBytes: 1232 },
  ])('a scrape from $client', ({ client, others, max, packetBytes }) => {
    /** Torrent n has n leechers and 2n seeders, for n of 1, 2 and 3. */
    function withTorrents(maxScrapeTorrents = 255): UdpHarness {
      const harness = new UdpHarness({ maxScrapeTorrents })
      for (const n of [1, 2, 3]) {
        for (let i = 0; i < 3 * n; i++) {
          const left = i < n ? 1n : 0n
          harness.announce(`${others}${i + 10}`, { infoHash: infoHash(n), left })
        }
      }
      return harness
    }

    const entry = (n: number): ScrapeEntry => ({ seeders: 2 * n, completed: 0, leechers: n })

    test('is answered byte for byte: action, transaction, then seeders, completed, leechers', () => {
      const harness = withTorrents()
      harness.announce(`${others}10`, { infoHash: infoHash(2), left: 0n, event: 1 })
      const request = scrapeRequest(harness.connect(client), [infoHash(2)], 0xfeedbeef)
      const answer = present(harness.send(request, client)).toString('hex')
      expect(answer).toBe('00000002' + 'feedbeef' + '00000005' + '00000001' + '00000001')
    })

    test('lists torrents in the order asked, unknown and repeated ones included', () => {
      const order = [3, 9, 1, 1, 2, 9, 3]
      const expected = order.map((n) => (n === 9 ? ZEROS : entry(n)))
      expect(withTorrents().scrape(client, ...order.map(infoHash))).toEqual(expected)
    })

    test('creates no torrent', () => {
      const harness = new UdpHarness({ maxTorrents: 1 })
      harness.scrape(client, infoHash(1), infoHash(2), infoHash(3))
      harness.announce(`${others}10`, { infoHash: infoHash(4) })
      expect(harness.scrape(client, infoHash(4))[0].leechers).toBe(1)
    })

    test('without a whole info hash gets an error and is counted', () => {
      const harness = withTorrents()
      const request = scrapeRequest(harness.connect(client), [infoHash(1)], 4)
      harness.forgetCounts()
      for (let length = 16; length < 36; length++) {
        expect(readError(present(harness.send(request.subarray(0, length), client)))).toEqual({
          transaction: 4,
          text: 'No info hash: full scrapes are not allowed',
        })
      }
      expect(harness.counts).toEqual({
        requests_scrape: 20,
        responses_error: 20,
        rejected_no_info_hash: 20,
      })
    })

    test('ignores bytes beyond whole info hashes', () => {
      const harness = withTorrents()
      const request = scrapeRequest(harness.connect(client), [1, 2, 3].map(infoHash))
      for (let length = 36; length <= request.length; length++) {
        const answer = present(harness.send(request.subarray(0, length), client))
        const expected = [entry(1), entry(2), entry(3)].slice(0, Math.floor((length - 16) / 20))
        expect(readScrape(answer).entries).toEqual(expected)
      }
    })

    test.each([
      [548, 45, 45],
      [1231, 101, 101],
      [1232, 102, 102],
      [1252, 103, 102],
      [1352, 112, 102],
      [1472, 122, 102],
    ])(
      'with max_response_bytes = %d has %d entries over IPv4, %d over IPv6',
      (bytes, ipv4, ipv6) => {
        const harness = new UdpHarness({ maxResponseBytes: bytes })
        const infoHashes = Array.from({ length: 255 }, (_, i) => infoHash(i))
        const request = scrapeRequest(harness.connect(client), infoHashes)
        const answer = present(harness.send(request, client))
        expect(answer.length).toBe(8 + 12 * (max === 122 ? ipv4 : ipv6))
        expect(answer.length).toBeLessThanOrEqual(bytes)
      },
    )

    test('is answered for as many torrents as fit a packet, whatever its length', () => {
      const harness = withTorrents()
      const id = harness.connect(client)
      for (let count = 1; count <= 255; count++) {
        const infoHashes = Array.from({ length: count }, (_, i) => infoHash(i % 4))
        const answer = present(harness.send(scrapeRequest(id, infoHashes), client))
        const fitting = Math.min(count, max)
        expect(answer.length).toBe(8 + 12 * fitting)
        expect(answer.length).toBeLessThanOrEqual(packetBytes)
        const expected = Array.from({ length: fitting }, (_, i) =>
          i % 4 === 0 ? ZEROS : entry(i % 4),
        )
        expect(readScrape(answer).entries).toEqual(expected)
      }
      expect(8 + 12 * (max + 1)).toBeGreaterThan(packetBytes)
    })

    test.each([1, 2, 70])('is answered for max_scrape_torrents = %d at most', (limit) => {
      const harness = withTorrents(limit)
      for (const count of [1, limit, limit + 1, 255]) {
        const infoHashes = Array.from({ length: count }, () => infoHash(1))
        expect(harness.scrape(client, ...infoHashes).length).toBe(Math.min(count, limit))
      }
    })

    test('is counted as request and as answer', () => {
      const harness = new UdpHarness()
      harness.scrape(client, infoHash(1), infoHash(2))
      expect(harness.counts).toEqual({
        requests_connect: 1,
        responses_connect: 1,
        requests_scrape: 1,
        responses_scrape: 1,
      })
    })
  })
})
