import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { announceRequest, infoHash, readError, scrapeRequest } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { STATISTICS, statisticsIn, TWO_STATISTICS } from '../support/statistics.ts'
import { type Endpoint, listenOn, type Tracker, withTracker } from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

type Use = (tracker: Tracker, client: UdpClient, to: Endpoint) => Promise<void>

/** A tracker on 127.0.0.1 with some settings, and a client. */
function serving(settings: string, use: Use): Promise<void> {
  return withTracker({ settings: listenOn('127.0.0.1:0') + settings }, (tracker) =>
    withClient('127.0.0.1', (client) => use(tracker, client, tracker.at())),
  )
}

function countOf(tracker: Tracker, pattern: RegExp): number {
  return [...tracker.stderr.matchAll(pattern)].length
}

/** The error that an announce gets. */
async function refusal(
  client: UdpClient,
  to: Endpoint,
  torrent: number,
  port = 1,
): Promise<string> {
  const request = announceRequest(await client.connect(to), { infoHash: infoHash(torrent), port })
  return readError((await client.request(request, to)).packet).text
}

const LOG_LINE = /^\S+Z error trouble: \w+: Refused .*$/gm

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe('at a limit the tracker says so, at most once a minute, and serves on:', () => {
    test('max_torrents', () =>
      serving(`${STATISTICS}[limits]\nmax_torrents = 2\n`, async (tracker, client, to) => {
        for (const torrent of [1, 2]) await client.announce(to, { infoHash: infoHash(torrent) })
        expect(await refusal(client, to, 3)).toBe('Tracker is full: no new torrents')
        const [line] = await tracker.waitForOutput(new RegExp(LOG_LINE.source, 'm'))
        expect(line).toMatch(
          /: Refused 1 announce in the last minute \(\d+ % of all\) for new torrents: \[limits\] max_torrents = 2 is reached\. /,
        )
        const before = statisticsIn(tracker.stderr).length
        await waitUntil('two more looks at the counts', async () => {
          expect(await refusal(client, to, 3)).toBe('Tracker is full: no new torrents')
          return statisticsIn(tracker.stderr).length >= before + 2
        })
        expect(countOf(tracker, LOG_LINE)).toBe(1)
        const fields = { infoHash: infoHash(1), port: 7 }
        expect((await client.announce(to, fields)).peers).toEqual(['127.0.0.1:6881'])
      }))

    test('max_peers', () =>
      serving('[limits]\nmax_torrents = 100\nmax_peers = 3\n', async (tracker, client, to) => {
        for (const port of [1, 2, 3]) await client.announce(to, { port })
        expect(await refusal(client, to, 1, 4)).toBe('Tracker is full: no new peers')
        expect(await refusal(client, to, 2, 1)).toBe('Tracker is full: no new peers')
        await tracker.waitForOutput(
          /: Refused [12] announces? in .* for new peers: \[limits\] max_peers = 3 is reached\. /,
        )
        expect((await client.announce(to, { port: 2 })).leechers).toBe(2)
        await client.announce(to, { port: 1, event: 3 })
        expect((await client.announce(to, { port: 4 })).leechers).toBe(2)
      }))

    test("but with log_level = 'off' it logs nothing", () =>
      withTracker(
        {
          settings: `log_level = 'off'\n${listenOn('127.0.0.1:0')}${STATISTICS}
          [limits]\nmax_torrents = 1\n`,
        },
        (tracker) =>
          withClient('127.0.0.1', async (client) => {
            await client.announce(tracker.at())
            await refusal(client, tracker.at(), 2)
            await tracker.waitForOutput(TWO_STATISTICS)
            expect(countOf(tracker, LOG_LINE)).toBe(0)
          }),
      ))
  })

  const INVALID = Buffer.from('0011223344556677', 'hex')

  describe('an invalid connection id', () => {
    const requests = () => [announceRequest(INVALID), scrapeRequest(INVALID, [infoHash(1)])]

    test('gets no answer by default', () =>
      serving('', async (_, client, to) => {
        for (const request of requests()) expect(await client.isSilent(request, to)).toBe(true)
      }))

    test("gets an error no longer than the request with 'error'", () =>
      serving("[protocol]\ninvalid_connection_id = 'error'\n", async (_, client, to) => {
        for (const request of requests()) {
          const { packet } = await client.request(request, to)
          expect(packet.length).toBeLessThanOrEqual(request.length)
          expect('Connection ID invalid or expired').toStartWith(readError(packet).text)
        }
      }))

    test('is also one that is older than max_connection_age', () =>
      serving('[cleaning]\nmax_connection_age = 1\n', async (_, client, to) => {
        const id = await client.connect(to)
        await waitUntil('the id has expired', () => client.isSilent(announceRequest(id), to))
        expect((await client.announce(to)).seeders).toBe(0)
      }))
  })

  describe('peers', () => {
    test('are forgotten after max_peer_age, with their torrents, though nobody asks for them', () =>
      serving(
        `${STATISTICS}[cleaning]\ninterval = 1\nmax_peer_age = 1\n`,
        async (tracker, client, to) => {
          for (let i = 0; i < 50; i++) {
            await client.announce(to, { infoHash: infoHash(i), left: BigInt(i % 2) })
          }
          const now = () => statisticsIn(tracker.stderr).at(-1)
          await waitUntil(
            'they are there',
            () => (now()?.torrents ?? 0) * (now()?.seeders ?? 0) > 0,
          )
          await waitUntil('they are not', () => {
            const { torrents, seeders, leechers } = now() ?? {}
            return torrents === 0 && seeders === 0 && leechers === 0
          })
          expect((await client.scrape(to, infoHash(1))).leechers).toBe(0)
        },
      ))

    test('stay as long as they announce', () =>
      serving('[cleaning]\ninterval = 1\nmax_peer_age = 2\n', async (_, client, to) => {
        await client.announce(to, { port: 1 })
        // The other one, which was there first, shows that the time has passed.
        await waitUntil('a peer that is silent is forgotten', async () => {
          const { leechers } = await client.announce(to, { port: 2 })
          return leechers === 0
        })
        expect((await client.scrape(to, infoHash(1))).leechers).toBe(1)
      }))
  })

  test('the statistics tell rates and sums', () =>
    serving(STATISTICS, async (tracker, client, to) => {
      await client.announce(to, { port: 1, left: 0n })
      await client.announce(to, { port: 2 })
      await client.announce(to, { infoHash: infoHash(2), port: 2 })
      await client.isSilent(announceRequest(INVALID), to)
      const all: Record<string, number> = {}
      await waitUntil('tables about all of it, and then one about nothing', () => {
        const lines = statisticsIn(tracker.stderr)
        for (const name of ['connect', 'announce', 'responses', 'rejected_connection_id', 'in']) {
          all[name] = lines.reduce((sum, line) => sum + (line[name] ?? 0), 0)
        }
        return lines.at(-1)?.connect === 0 && all.announce > 0
      })
      await tracker.waitForOutput(/^response time p50 [\d.]+ [µm]s, p99 .*; packets per batch \d/m)
      // Rates are rounded, so a table may be off by a half.
      expect(Math.abs(all.announce - 4)).toBeLessThanOrEqual(2)
      expect(Math.abs(all.connect - 4)).toBeLessThanOrEqual(2)
      expect(statisticsIn(tracker.stderr).at(-1)).toMatchObject({
        responses: 0,
        torrents: 2,
        seeders: 1,
        leechers: 2,
      })
    }))

  test('after a flood of garbage the tracker serves on', () =>
    serving('', async (_, client, to) => {
      const random = randomWords(7)
      const packets = Array.from({ length: 500 }, () => {
        const packet = Buffer.alloc(random() % 1500)
        for (let i = 0; i < packet.length; i++) packet[i] = random()
        if (packet.length >= 12) packet.writeUInt32BE(random() % 6, 8)
        return packet
      })
      await withClient('127.0.0.1', async (attacker) => {
        for (let round = 0; round < 100; round++) attacker.sendMany(packets, to)
      })
      await client.announce(to, { port: 1001 })
      expect((await client.announce(to, { port: 1002 })).peers).toEqual(['127.0.0.1:1001'])
    }))

  test.each([
    ['', 103],
    ['[protocol]\nmax_response_bytes = 1472\n', 122],
  ])('a scrape of 255 torrents with %j is answered for the %d that fit', (settings, fitting) =>
    serving(settings, async (_, client, to) => {
      await client.announce(to, { infoHash: infoHash(fitting - 1) })
      const infoHashes = Array.from({ length: 255 }, (_, i) => infoHash(i))
      const request = scrapeRequest(await client.connect(to), infoHashes)
      expect(request.length).toBe(5116)
      const { packet } = await client.request(request, to)
      expect(packet.length).toBe(8 + fitting * 12)
      expect(packet.readUInt32BE(packet.length - 4)).toBe(1)
    }),
  )
})
