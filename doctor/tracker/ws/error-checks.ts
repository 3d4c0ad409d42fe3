// Conformance checks of WebTorrent: scrapes, errors and limits. Listed by conformance.ts.
import { type Check, must, mustBe, shown } from '../check.ts'
import {
  announceOf,
  entryOf,
  LEECHER,
  newOffer,
  SEEDER,
  scraped,
  type WsSession,
} from './session.ts'

const SCRAPE = 'webtorrent-protocol.md, Scrape'
const ERRORS = 'webtorrent-protocol.md, Errors'

const scrapes: Check<WsSession>[] = [
  {
    name: 'ws/scrape/one',
    says: 'A scrape of one info hash gets its counts in "files".',
    source: SCRAPE,
    run: async (session) => {
      const [client, other] = await session.connectMany(2)
      const hash = session.newHash()
      await client.ask(announceOf(hash, session.newPeerId(), { left: SEEDER }))
      await other.ask(announceOf(hash, session.newPeerId(), { left: LEECHER }))
      const counts = await scraped(client, hash)
      must(
        /^1\/\d+\/1$/.test(counts),
        `complete/downloaded/incomplete is ${counts} instead of 1/0/1`,
      )
    },
  },
  {
    name: 'ws/scrape/several',
    says: 'A scrape of a list gets each, unknown ones with zeros.',
    source: SCRAPE,
    run: async (session) => {
      const client = await session.connect()
      const [known, unknown] = [session.newHash(), session.newHash()]
      await client.ask(announceOf(known, session.newPeerId()))
      const message = await client.ask({ action: 'scrape', info_hash: [unknown, known] })
      mustBe('the known one', entryOf(message, known), '0/0/1')
      mustBe('the unknown one', entryOf(message, unknown), '0/0/0')
    },
  },
  {
    name: 'ws/scrape/invalid-items-are-left-out',
    says: 'Items that are no info hashes are left out.',
    source: SCRAPE,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      const { files } = await client.ask({ action: 'scrape', info_hash: ['short', 7, null, hash] })
      mustBe('the info hashes', Object.keys((files as object | undefined) ?? {}).join(), hash)
    },
  },
  {
    name: 'ws/scrape/nothing-is-refused',
    says: 'A scrape without info hash is refused: there are no full scrapes.',
    source: SCRAPE,
    run: async (session) => {
      const response = await (await session.connect()).ask({ action: 'scrape' })
      must(typeof response['failure reason'] === 'string', `the response is ${shown(response)}`)
      mustBe('"action"', response.action, 'scrape')
    },
  },
  {
    name: 'ws/scrape/creates-no-swarm',
    says: 'A scrape leaves the torrent as it was.',
    source: SCRAPE,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      await scraped(client, hash)
      mustBe('complete/downloaded/incomplete', await scraped(client, hash), '0/0/0')
    },
  },
]

type Making = (hash: string, peerId: string) => object | string

/** A message that gets an error, with this in it; the connection stays. */
function refused(
  name: string,
  says: string,
  make: Making,
  about: 'its torrent' | 'nothing' = 'nothing',
): Check<WsSession> {
  const run = async (session: WsSession) => {
    const client = await session.connect()
    const hash = session.newHash()
    const response = await client.ask(make(hash, session.newPeerId()))
    must(typeof response['failure reason'] === 'string', `the response is ${shown(response)}`)
    must(
      typeof response.action === 'string',
      'it has no "action": the npm client then gives up the connection',
    )
    if (about === 'its torrent') mustBe('"info_hash"', response.info_hash, hash)
    mustBe('complete/downloaded/incomplete after it', await scraped(client, hash), '0/0/0')
  }
  return { name, says, source: ERRORS, run }
}

const errors: Check<WsSession>[] = [
  refused(
    'ws/error/not-json',
    'What is not JSON gets an error, and the connection stays.',
    () => '{',
  ),
  refused('ws/error/no-object', 'JSON that is no object gets an error.', () => '[]'),
  refused(
    'ws/error/trailing-comma',
    'JSON with a comma too many gets an error: other clients could not read it.',
    (hash, peerId) => JSON.stringify(announceOf(hash, peerId)).replace(/\}$/, ',}'),
  ),
  refused(
    'ws/error/nested-too-deep',
    'JSON nested deeper than 16 levels gets an error.',
    (hash, peerId) =>
      JSON.stringify(announceOf(hash, peerId)).replace(
        /\}$/,
        `,"x":${'['.repeat(40)}${']'.repeat(40)}}`,
      ),
  ),
  refused('ws/error/no-action', 'A message without action gets an error.', (hash, peerId) =>
    announceOf(hash, peerId, { action: undefined }),
  ),
  refused(
    'ws/error/unknown-action',
    'An unknown action gets an error with its torrent.',
    (hash, peerId) => announceOf(hash, peerId, { action: 'dance' }),
    'its torrent',
  ),
  refused('ws/error/no-info-hash', 'An announce without info hash gets an error.', (_, peerId) =>
    announceOf('', peerId, { info_hash: undefined }),
  ),
  refused('ws/error/short-info-hash', 'An info hash of 19 bytes gets an error.', (hash, peerId) =>
    announceOf(hash.slice(1), peerId),
  ),
  refused(
    'ws/error/info-hash-beyond-ff',
    'An info hash with a character above U+00FF gets an error.',
    (hash, peerId) => announceOf(`\u0100${hash.slice(1)}`, peerId),
  ),
  refused(
    'ws/error/no-peer-id',
    'An announce without peer id gets an error with its torrent.',
    (hash, peerId) => announceOf(hash, peerId, { peer_id: undefined }),
    'its torrent',
  ),
  refused(
    'ws/error/long-peer-id',
    'A peer id of 21 bytes gets an error with its torrent.',
    (hash, peerId) => announceOf(hash, `${peerId}x`),
    'its torrent',
  ),
  refused(
    'ws/error/event-that-is-no-text',
    'An event that is no text gets an error with its torrent.',
    (hash, peerId) => announceOf(hash, peerId, { event: 7 }),
    'its torrent',
  ),
  refused(
    'ws/error/answer-that-is-no-object',
    'An answer that is no object gets an error with its torrent.',
    (hash, peerId) =>
      announceOf(hash, peerId, { answer: 'sdp', to_peer_id: peerId, offer_id: hash }),
    'its torrent',
  ),
  refused(
    'ws/error/answer-without-addressee',
    'An answer without "to_peer_id" gets an error with its torrent.',
    (hash, peerId) => announceOf(hash, peerId, { answer: {}, offer_id: hash }),
    'its torrent',
  ),
  {
    name: 'ws/error/names-the-offer',
    says: 'An error about an answer has its offer id.',
    source: ERRORS,
    run: async (session) => {
      const client = await session.connect()
      const { offer_id } = newOffer()
      const hash = session.newHash()
      const response = await client.ask(
        announceOf(hash, session.newPeerId(), { answer: {}, offer_id }),
      )
      must(typeof response['failure reason'] === 'string', `the response is ${shown(response)}`)
      mustBe('"offer_id"', response.offer_id, offer_id)
    },
  },
  {
    name: 'ws/limit/peer-ids-of-one-connection',
    says: 'One connection cannot be most of a torrent: beyond a number of peer ids (4 by default, 50 here) it gets an error.',
    source: ERRORS,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      for (let i = 0; i < 50; i++) {
        if ('failure reason' in (await client.ask(announceOf(hash, session.newPeerId())))) return
      }
      must(false, '50 peer ids of one connection are in the torrent')
    },
  },
]

export const WS_ERROR_CHECKS: readonly Check<WsSession>[] = [...scrapes, ...errors]
