// Conformance checks of HTTP: scrapes. Listed by conformance.ts.
import { type Check, must, mustBe, mustTakeAnyHash } from '../check.ts'
import { HASH, mustBeCanonical, refused } from './answer-checks.ts'
import { isDictionary, readBencode } from './bencode.ts'
import { escaped, type HttpSession, integer, served } from './session.ts'

const RESPONSES = 'http-protocol.md, Responses'
const SCRAPE = 'http-protocol.md, Scrape'

/** A torrent with a seeder and a leecher. */
async function knownTorrent(session: HttpSession): Promise<Buffer> {
  const hash = session.newHash()
  await session.announce({ hash, port: session.newPort(), left: '0' })
  await session.announce({ hash, port: session.newPort() })
  return hash
}

export const HTTP_SCRAPE_CHECKS: readonly Check<HttpSession>[] = [
  {
    name: 'http/scrape/counts',
    says: 'A scrape gets "complete", "downloaded" and "incomplete" of a torrent, by its info hash.',
    source: 'BEP 48',
    run: async (session) => {
      const counts = await session.counts(await knownTorrent(session))
      // Whether a seeder that starts counts as a download is another check's.
      must(
        /^1\/\d+\/1$/.test(counts),
        `complete/downloaded/incomplete is ${counts} instead of 1/0/1`,
      )
    },
  },
  {
    name: 'http/scrape/canonical',
    says: 'The bencode of a scrape is canonical: info hashes in order.',
    source: 'BEP 3',
    run: async (session) => {
      mustTakeAnyHash(session)
      const hashes = [0xff, 0x00, 0x80].map((first) =>
        Buffer.concat([Buffer.from([first]), session.newHash().subarray(1)]),
      )
      const query = hashes.map((hash) => `info_hash=${escaped(hash)}`).join('&')
      const response = await session.ask(session.withQuery(session.scrapeTarget, query))
      served(response)
      mustBeCanonical(response)
    },
  },
  {
    name: 'http/scrape/unknown-gets-zeros',
    says: 'A torrent that the tracker does not know gets zeros: libtorrent and rtorrent fail if it is missing.',
    source: SCRAPE,
    run: async (session) => {
      const hash = session.newHash()
      const entry = (await session.scrape([hash])).get(hash.toString('latin1'))
      must(entry !== undefined, 'it is missing')
      mustBe('complete/incomplete', `${entry.complete}/${entry.incomplete}`, '0/0')
    },
  },
  {
    name: 'http/scrape/several',
    says: 'A scrape of several torrents gets each.',
    source: 'BEP 48',
    run: async (session) => {
      const hashes = [await knownTorrent(session), await knownTorrent(session)]
      const entries = await session.scrape(hashes)
      const complete = hashes.map((hash) => entries.get(hash.toString('latin1'))?.complete)
      mustBe('"complete" of each', complete.join(), '1,1')
    },
  },
  {
    name: 'http/scrape/repeated-is-there-once',
    says: 'A torrent that is asked for twice is there once.',
    source: SCRAPE,
    run: async (session) => {
      const hash = session.newHash()
      const query = `info_hash=${escaped(hash)}&info_hash=${escaped(hash)}`
      const response = await session.ask(session.withQuery(session.scrapeTarget, query))
      const files = served(response).get('files')
      must(isDictionary(files) && files.size === 1, 'not exactly one entry')
      const twice = readBencode(response.body).faults.find((fault) => fault.endsWith('twice'))
      must(twice === undefined, String(twice))
    },
  },
  {
    name: 'http/scrape/50-torrents-are-served',
    says: 'A scrape of 50 torrents gets them all.',
    source: SCRAPE,
    run: async (session) => {
      const hashes = Array.from({ length: 50 }, () => session.newHash())
      mustBe('the number of torrents', (await session.scrape(hashes)).size, 50)
    },
  },
  {
    name: 'http/scrape/nothing-is-refused',
    says: 'A scrape without info hash is refused: there are no full scrapes.',
    source: RESPONSES,
    run: async (session) => void (await refused(session, 'compact=1', session.scrapeTarget)),
  },
  {
    name: 'http/scrape/one-malformed-refuses-all',
    says: 'One malformed info hash fails the request.',
    source: SCRAPE,
    run: async (session) =>
      void (await refused(session, `${HASH}&info_hash=short`, session.scrapeTarget)),
  },
  {
    name: 'http/scrape/min-request-interval',
    says: '"flags" has "min_request_interval", which Azureus and BiglyBT read.',
    source: SCRAPE,
    run: async (session) => {
      const response = await session.ask(session.withQuery(session.scrapeTarget, HASH))
      const flags = served(response).get('flags')
      must(isDictionary(flags), 'there is no dictionary "flags"')
      must(integer(flags, 'min_request_interval') > 0, 'it is 0')
    },
  },
  {
    name: 'http/scrape/creates-no-peer',
    says: 'A scrape leaves the torrent as it was.',
    source: 'BEP 48',
    run: async (session) => {
      const hash = session.newHash()
      await session.scrape([hash])
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '0/0/0')
    },
  },
]
