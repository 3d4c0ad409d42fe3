// Conformance checks of WebTorrent: announces, and whose a peer is. Listed by conformance.ts.
import { type Check, must, mustBe, mustTakeAnyHash, Skip, shown } from '../check.ts'
import { pause } from '../deadline.ts'
import type { Message, WsClient } from './client.ts'
import { announceOf, SEEDER, scraped, type WsSession } from './session.ts'

const IDS = 'webtorrent-protocol.md, 20-byte strings'
const ANNOUNCE = 'webtorrent-protocol.md, Announce'
const ERRORS = 'webtorrent-protocol.md, Errors'
const OWNERSHIP = 'webtorrent-protocol.md, Peer ownership'

function countsIn({ complete, incomplete }: Message): string {
  return `${shown(complete)}/${shown(incomplete)}`
}

/** One announce that should be counted so: complete/incomplete. */
function counted(
  name: string,
  says: string,
  more: object,
  wanted: string,
  source = ANNOUNCE,
): Check<WsSession> {
  const run = async (session: WsSession) => {
    const client = await session.connect()
    const response = await client.ask(announceOf(session.newHash(), session.newPeerId(), more))
    mustBe('complete/incomplete', countsIn(response), wanted)
  }
  return { name, says, source, run }
}

const announces: Check<WsSession>[] = [
  {
    name: 'ws/announce/answered',
    says: 'An announce is answered with "action", "info_hash", "interval", "complete" and "incomplete".',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const response = await (await session.connect()).ask(announceOf(hash, session.newPeerId()))
      mustBe('"action"', response.action, 'announce')
      mustBe('"info_hash"', response.info_hash, hash)
      for (const key of ['interval', 'complete', 'incomplete']) {
        must(Number.isSafeInteger(response[key]), `"${key}" is ${shown(response[key])}`)
      }
    },
  },
  {
    name: 'ws/announce/interval-makes-sense',
    says: 'The interval is 10 to 3,600 seconds: clients use it as it is.',
    source: 'webtorrent-protocol.md, Timing',
    run: async (session) => {
      const { interval } = await (await session.connect()).ask(
        announceOf(session.newHash(), session.newPeerId()),
      )
      must(
        typeof interval === 'number' && interval >= 10 && interval <= 3600,
        `it is ${shown(interval)}`,
      )
    },
  },
  counted('ws/announce/announcer-is-counted', 'The counts include the announcing peer.', {}, '0/1'),
  counted(
    'ws/announce/left-0-is-a-seeder',
    'A client with nothing left is a seeder.',
    { left: 0 },
    '1/0',
  ),
  counted(
    'ws/announce/left-null-is-a-leecher',
    'left null, of clients without metadata, is a leecher.',
    { left: null },
    '0/1',
  ),
  counted(
    'ws/announce/left-missing-is-a-leecher',
    'Without "left" a client is a leecher.',
    { left: undefined },
    '0/1',
  ),
  counted('ws/announce/left-minus-1-is-a-leecher', 'left -1 is a leecher.', { left: -1 }, '0/1'),
  counted(
    'ws/announce/left-huge-is-a-leecher',
    'left above 2^53 is a leecher.',
    { left: 1e300 },
    '0/1',
  ),
  counted(
    'ws/announce/wrong-types-of-numbers-are-no-error',
    'A wrong type in left, numwant, uploaded or downloaded is no error.',
    { left: '5', numwant: [], uploaded: 'x', downloaded: {} },
    '0/1',
    ERRORS,
  ),
  counted(
    'ws/announce/other-fields-are-ignored',
    'Other fields are ignored.',
    { trackerid: 'x', extra: { deep: [1, [2]] } },
    '0/1',
  ),
  counted(
    'ws/announce/offers-null-means-none',
    '"offers" null means none.',
    { offers: null },
    '0/1',
  ),
  {
    name: 'ws/announce/events-that-renew',
    says: '"update", "paused", "empty", "", null, none and any other word renew a peer.',
    source: ANNOUNCE,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      const peerId = session.newPeerId()
      for (const event of [
        'started',
        'update',
        'paused',
        'empty',
        '',
        null,
        undefined,
        'whatever',
      ]) {
        const response = await client.ask(announceOf(hash, peerId, { event }))
        mustBe(`with event ${shown(event)} complete/incomplete`, countsIn(response), '0/1')
      }
    },
  },
  {
    name: 'ws/announce/stopped-removes',
    says: '"stopped" removes the peer, and is answered.',
    source: ANNOUNCE,
    run: async (session) => {
      const [a, b] = await session.connectMany(2)
      const hash = session.newHash()
      const own = session.newPeerId()
      await a.ask(announceOf(hash, own))
      await b.ask(announceOf(hash, session.newPeerId()))
      mustBe(
        'the action of the answer',
        (await a.ask(announceOf(hash, own, { event: 'stopped' }))).action,
        'announce',
      )
      mustBe('complete/downloaded/incomplete', await scraped(b, hash), '0/0/1')
    },
  },
  {
    name: 'ws/announce/completed-counts-a-download',
    says: 'A leecher that completes counts as a download, and as a seeder.',
    source: ANNOUNCE,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      const own = session.newPeerId()
      await client.ask(announceOf(hash, own))
      for (let i = 0; i < 2; i++)
        await client.ask(announceOf(hash, own, { left: SEEDER, event: 'completed' }))
      mustBe('complete/downloaded/incomplete', await scraped(client, hash), '1/1/0')
    },
  },
  {
    name: 'ws/announce/completed-of-a-seeder-counts-nothing',
    says: 'A seeder that starts with "completed" counts as no download.',
    source: ANNOUNCE,
    run: async (session) => {
      const client = await session.connect()
      const hash = session.newHash()
      await client.ask(announceOf(hash, session.newPeerId(), { left: SEEDER, event: 'completed' }))
      mustBe('complete/downloaded/incomplete', await scraped(client, hash), '1/0/0')
    },
  },
  {
    name: 'ws/announce/invalid-offers-are-told',
    says: 'If items in "offers" are invalid, the response has a "warning message".',
    source: ANNOUNCE,
    run: async (session) => {
      const client = await session.connect()
      const offers = [7, { offer: 'sdp' }, { offer_id: 'x' }]
      const response = await client.ask(
        announceOf(session.newHash(), session.newPeerId(), { offers }),
      )
      must(typeof response['warning message'] === 'string', `the response is ${shown(response)}`)
      mustBe('complete/incomplete', countsIn(response), '0/1')
    },
  },
]

/** JSON with every character of these strings as \u00xx. */
function escapedText(message: object, spelled: (hex: string) => string): string {
  return JSON.stringify(message, (_, value) => value).replace(
    /"info_hash":"((?:[^"\\]|\\.)*)"/,
    (_, inner: string) => {
      const text = JSON.parse(`"${inner}"`) as string
      const codes = [...text].map(
        (c) => `\\u${spelled(c.charCodeAt(0).toString(16).padStart(4, '0'))}`,
      )
      return `"info_hash":"${codes.join('')}"`
    },
  )
}

const ids: Check<WsSession>[] = [
  {
    name: 'ws/id/every-spelling-is-the-same',
    says: 'An info hash in \\u escapes, in either case, is the same as in plain characters.',
    source: 'RFC 8259',
    run: async (session) => {
      mustTakeAnyHash(session)
      const clients = await session.connectMany(3)
      const hash = `\u00ff\u0000"\\/\u0080\u00e9${session.newHash().slice(7)}`
      const spellings = [null, (hex: string) => hex, (hex: string) => hex.toUpperCase()]
      for (const [i, spelled] of spellings.entries()) {
        const message = announceOf(hash, session.newPeerId())
        const text = spelled === null ? message : escapedText(message, spelled)
        const response = await clients[i].ask(text)
        mustBe('"info_hash"', response.info_hash, hash)
        mustBe('complete/incomplete', countsIn(response), `0/${i + 1}`)
      }
    },
  },
  {
    name: 'ws/id/all-bytes-come-back',
    says: 'An info hash of any bytes comes back as it was.',
    source: IDS,
    run: async (session) => {
      mustTakeAnyHash(session)
      const client = await session.connect()
      for (let first = 0; first < 256; first += 20) {
        const hash = Buffer.from(Array.from({ length: 20 }, (_, i) => (first + i) & 255)).toString(
          'latin1',
        )
        mustBe(
          '"info_hash"',
          (await client.ask(announceOf(hash, session.newPeerId()))).info_hash,
          hash,
        )
      }
    },
  },
]

/** Waits for the tracker to notice an end, then counts. */
async function leftBehind(session: WsSession, end: (client: WsClient) => void): Promise<string> {
  const [a, b] = await session.connectMany(2)
  const hash = session.newHash()
  await a.ask(announceOf(hash, session.newPeerId()))
  await b.ask(announceOf(hash, session.newPeerId()))
  end(a)
  await pause(session.patience.silenceMs)
  return scraped(b, hash)
}

const ownership: Check<WsSession>[] = [
  {
    name: 'ws/ownership/peers-leave-with-a-closed-connection',
    says: 'Peers leave with their connection when it is closed.',
    source: 'webtorrent-protocol.md, Transport',
    run: async (session) => {
      const counts = await leftBehind(session, (client) =>
        client.sendFrame(8, Buffer.from([3, 233])),
      )
      mustBe('complete/downloaded/incomplete', counts, '0/0/1')
    },
  },
  {
    name: 'ws/ownership/peers-leave-with-a-broken-connection',
    says: 'Peers leave with their connection when it ends without a word.',
    source: 'webtorrent-protocol.md, Transport',
    run: async (session) => {
      const counts = await leftBehind(session, (client) => client.vanish())
      mustBe('complete/downloaded/incomplete', counts, '0/0/1')
    },
  },
  {
    name: 'ws/ownership/others-cannot-stop-a-peer',
    says: 'Another connection\'s "stopped" leaves a live peer alone.',
    source: OWNERSHIP,
    run: async (session) => {
      if (session.external === null)
        throw new Skip('at one address, a second connection may take a peer over')
      const [owner, thief] = await session.connectMany(2)
      const hash = session.newHash()
      const peerId = session.newPeerId()
      await owner.ask(announceOf(hash, peerId))
      await thief.ask(announceOf(hash, peerId, { event: 'stopped' }))
      mustBe('complete/downloaded/incomplete', await scraped(owner, hash), '0/0/1')
    },
  },
  {
    name: 'ws/ownership/others-cannot-change-a-peer',
    says: "Another connection's announce with the same peer id is answered and leaves a live peer as it is.",
    source: OWNERSHIP,
    run: async (session) => {
      if (session.external === null)
        throw new Skip('at one address, a second connection may take a peer over')
      const [owner, thief] = await session.connectMany(2)
      const hash = session.newHash()
      const peerId = session.newPeerId()
      await owner.ask(announceOf(hash, peerId))
      await thief.ask(announceOf(hash, peerId, { left: SEEDER }))
      mustBe('complete/downloaded/incomplete', await scraped(owner, hash), '0/0/1')
    },
  },
]

export const WS_ANNOUNCE_CHECKS: readonly Check<WsSession>[] = [...announces, ...ids, ...ownership]
