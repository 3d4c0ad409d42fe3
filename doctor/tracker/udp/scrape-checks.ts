// Conformance checks of UDP: scrapes. Listed by conformance.ts.
import { type Check, must, mustBe } from '../check.ts'
import { actionOf, ERROR, readScrape, type ScrapeEntry, scrapePacket } from './packets.ts'
import type { UdpSession } from './session.ts'

const SCRAPE = 'udp-protocol.md, Scrape'
/** What BEP 15 says to be about the most. */
const BEP_MAX = 74
const ASKED_MAX = 200

/** A torrent with a seeder and a leecher, and one that nobody knows. */
async function twoTorrents(session: UdpSession): Promise<[Buffer, Buffer]> {
  const known = session.newHash()
  await session.announce({ hash: known, port: session.newPort(), left: 0n })
  await session.announce({ hash: known, port: session.newPort() })
  return [known, session.newHash()]
}

/** Not the completed downloads: whether a seeder that starts is one is another check's. */
function counts({ seeders, leechers }: ScrapeEntry): string {
  return `${seeders}/${leechers}`
}

async function mustScrape(
  session: UdpSession,
  hashes: readonly Buffer[],
  wanted: readonly string[],
): Promise<void> {
  const entries = await session.scrape(hashes)
  mustBe('seeders/leechers of each torrent', entries.map(counts).join(' '), wanted.join(' '))
}

export const SCRAPE_CHECKS: readonly Check<UdpSession>[] = [
  {
    name: 'udp/scrape/counts',
    says: 'A scrape gets seeders and leechers of a torrent, in their places.',
    source: 'BEP 15',
    run: async (session) => {
      const [known] = await twoTorrents(session)
      await mustScrape(session, [known], ['1/1'])
    },
  },
  {
    name: 'udp/scrape/unknown-gets-zeros',
    says: 'A torrent that the tracker does not know gets zeros, in its place.',
    source: SCRAPE,
    run: (session) => mustScrape(session, [session.newHash()], ['0/0']),
  },
  {
    name: 'udp/scrape/keeps-the-order',
    says: 'Counts come in the order of the request.',
    source: 'BEP 15',
    run: async (session) => {
      const [known, unknown] = await twoTorrents(session)
      await mustScrape(session, [unknown, known, session.newHash()], ['0/0', '1/1', '0/0'])
      await mustScrape(session, [known, unknown], ['1/1', '0/0'])
    },
  },
  {
    name: 'udp/scrape/repeated-is-repeated',
    says: 'A torrent that is asked for twice is there twice.',
    source: SCRAPE,
    run: async (session) => {
      const [known] = await twoTorrents(session)
      await mustScrape(session, [known, known], ['1/1', '1/1'])
    },
  },
  {
    name: 'udp/scrape/creates-no-peer',
    says: 'A scrape leaves the torrent as it was.',
    source: 'BEP 15',
    run: async (session) => {
      const [known, unknown] = await twoTorrents(session)
      await session.scrape([known, unknown])
      await mustScrape(session, [known, unknown], ['1/1', '0/0'])
    },
  },
  {
    name: 'udp/scrape/trailing-bytes-are-ignored',
    says: 'Bytes behind the last whole info hash are ignored.',
    source: SCRAPE,
    run: async (session) => {
      const [known] = await twoTorrents(session)
      const packet = scrapePacket(await session.connectionId(), [known, Buffer.alloc(19)])
      const { bytes } = await session.request(packet, 'a scrape with 19 bytes behind')
      mustBe('the counts', readScrape(bytes).map(counts).join(' '), '1/1')
    },
  },
  {
    name: 'udp/scrape/nothing-gets-an-error',
    says: 'A scrape without a whole info hash gets an error: there are no full scrapes.',
    source: SCRAPE,
    run: async (session) => {
      const id = await session.connectionId()
      for (const rest of [Buffer.alloc(0), Buffer.alloc(19)]) {
        const { bytes } = await session.request(scrapePacket(id, [rest]), 'a scrape of nothing')
        mustBe('the action', actionOf(bytes), ERROR)
      }
    },
  },
  {
    name: `udp/scrape/${BEP_MAX}-torrents-are-served`,
    says: `A scrape of ${BEP_MAX} torrents gets them all.`,
    source: SCRAPE,
    run: async (session) => {
      const [known] = await twoTorrents(session)
      const hashes = Array.from({ length: BEP_MAX - 1 }, () => session.newHash())
      const entries = await session.scrape([...hashes, known])
      mustBe('the number of torrents', entries.length, BEP_MAX)
      mustBe('the counts of the last', counts(entries[BEP_MAX - 1]), '1/1')
    },
  },
  {
    name: 'udp/scrape/too-many-are-cut-off',
    says: 'A longer scrape gets its first torrents, in one unfragmented packet.',
    source: SCRAPE,
    run: async (session) => {
      const [known] = await twoTorrents(session)
      const hashes = Array.from({ length: ASKED_MAX - 1 }, () => session.newHash())
      const packet = scrapePacket(await session.connectionId(), [known, ...hashes])
      const { bytes } = await session.request(packet, `a scrape of ${ASKED_MAX}`)
      const entries = readScrape(bytes)
      const most = session.endpoint.family === 4 ? 1472 : 1232
      must(bytes.length <= most, `the response has ${bytes.length} bytes`)
      must(entries.length >= BEP_MAX, `it has ${entries.length} torrents`)
      mustBe('the counts of the first', counts(entries[0]), '1/1')
    },
  },
]
