// Conformance checks of HTTP: how parameters are read, what announces change, and how peers are counted. Listed by conformance.ts.
import { type Check, must, mustBe, mustTakeAnyHash, shown } from '../check.ts'
import { escaped, type HttpSession, integer, LEECHER, peersOf, SEEDER, served } from './session.ts'

const ANNOUNCE = 'http-protocol.md, Announce'

const parameters: Check<HttpSession>[] = [
  {
    name: 'http/parameter/last-of-two-counts',
    says: "A parameter that occurs twice counts as its last value: clients append theirs to what the torrent's URL has.",
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      const target = session
        .announceTarget({ hash, port })
        .replace('info_hash=', 'port=1&info_hash=')
      session.remember({ hash, port })
      served(await session.ask(target))
      const { ports } = await session.announce({ hash, port: session.newPort() })
      must(ports.includes(port) && !ports.includes(1), `it gets ${shown(ports)}`)
    },
  },
  {
    name: 'http/parameter/escapes-in-either-case',
    says: 'Escapes with small and capital hex digits are the same.',
    source: 'RFC 3986',
    run: (session) => sameTorrent(session, (escapes) => escapes.toUpperCase()),
  },
  {
    name: 'http/parameter/plain-characters-and-escapes-alike',
    says: 'Characters that need no escape are the same without one.',
    source: 'RFC 3986',
    run: async (session) => {
      mustTakeAnyHash(session)
      const hash = Buffer.from('aquatic-doctor_~.AZ9'.padEnd(20, 'x'))
      hash.write(session.newHash().toString('hex').slice(0, 6), 14, 'latin1')
      await sameTorrent(session, () => hash.toString('latin1'), hash)
    },
  },
  {
    name: 'http/parameter/raw-bytes-are-taken',
    says: 'Bytes from 0x80 on are taken as they are.',
    source: ANNOUNCE,
    run: async (session) => {
      mustTakeAnyHash(session)
      const hash = Buffer.from(session.newHash().map((byte) => byte | 0x80))
      await sameTorrent(session, () => hash.toString('latin1'), hash)
    },
  },
  {
    name: 'http/parameter/plus-is-a-plus',
    says: '+ is a plus sign, not a space.',
    source: ANNOUNCE,
    run: async (session) => {
      mustTakeAnyHash(session)
      const hash = session.newHash()
      hash[7] = 0x2b
      await sameTorrent(session, (escapes) => escapes.replace('%2b', '+'), hash)
    },
  },
  {
    name: 'http/parameter/peer-id-may-be-missing',
    says: 'An announce without peer id is served: nothing depends on it.',
    source: ANNOUNCE,
    run: async (session) => {
      await session.announce({ hash: session.newHash(), port: session.newPort(), peerId: null })
    },
  },
  {
    name: 'http/parameter/others-do-no-harm',
    says: 'What clients send beside, and what nobody knows, has no effect.',
    source: ANNOUNCE,
    run: async (session) => {
      const more =
        'key=1a2b3c&no_peer_id=1&supportcrypto=1&trackerid=x&redundant=0&corrupt=0&foo=%41&&bar'
      await session.announce({ hash: session.newHash(), port: session.newPort(), more })
    },
  },
]

/** That the torrent is known when it is asked for in another spelling. */
async function sameTorrent(
  session: HttpSession,
  spelled: (escapes: string) => string,
  hash = session.newHash(),
): Promise<void> {
  const [first] = await session.join(hash, [LEECHER])
  const parts = { hash, port: session.newPort() }
  session.remember(parts)
  const target = session.announceTarget(parts).replace(escaped(hash), spelled(escaped(hash)))
  const peers = peersOf(served(await session.ask(target)))
  must(
    peers.some(({ port }) => port === first),
    'the torrent is another one',
  )
}

const counts: Check<HttpSession>[] = [
  {
    name: 'http/counts/left-0-is-a-seeder',
    says: 'A client with nothing left counts as a seeder.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      await session.join(hash, [SEEDER])
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '1/0/0')
    },
  },
  {
    name: 'http/counts/any-other-left-is-a-leecher',
    says: 'A client with anything left counts as a leecher: also numbers above 2^64, and -1 for «not known».',
    source: ANNOUNCE,
    run: async (session) => {
      for (const left of ['1', '18446744073709551616', '4294967296', '-1']) {
        const hash = session.newHash()
        await session.join(hash, [left])
        mustBe(
          `with left=${left} complete/downloaded/incomplete`,
          await session.counts(hash),
          '0/0/1',
        )
      }
    },
  },
  {
    name: 'http/counts/announcer-is-not-counted',
    says: 'The announcing peer is not in the counts of its answer.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      const first = await session.announce({ hash, port })
      const again = await session.announce({ hash, port })
      const got = [first, again].map(({ dictionary }) => integer(dictionary, 'incomplete'))
      mustBe('"incomplete"', got.join(), '0,0')
    },
  },
  {
    name: 'http/counts/agree-with-the-scrape',
    says: 'Announce and scrape count the same peers.',
    source: 'BEP 48',
    run: async (session) => {
      const hash = session.newHash()
      await session.join(hash, [SEEDER, LEECHER, LEECHER])
      const { dictionary } = await session.announce({ hash, port: session.newPort() })
      const scraped = await session.counts(hash)
      const complete = integer(dictionary, 'complete')
      const incomplete = integer(dictionary, 'incomplete')
      const possible = [incomplete, incomplete + 1].map((count) => `${complete}/0/${count}`)
      must(
        possible.includes(scraped),
        `announce counts ${complete}/${incomplete}, scrape ${scraped}`,
      )
    },
  },
  {
    name: 'http/counts/leecher-becomes-a-seeder',
    says: 'A leecher that has finished is a seeder, and no leecher any more.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, left: SEEDER })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '1/0/0')
    },
  },
]

const events: Check<HttpSession>[] = [
  {
    name: 'http/event/stopped-removes',
    says: 'A client that has stopped is no peer any more.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, event: 'stopped' })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '0/0/0')
    },
  },
  {
    name: 'http/event/stopped-gets-no-peers',
    says: 'A client that stops gets no peers.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER, LEECHER])
      const { peers } = await session.announce({ hash, port, event: 'stopped' })
      mustBe('the number of peers', peers.length, 0)
    },
  },
  {
    name: 'http/event/stopped-needs-no-port',
    says: 'A client that stops is answered without a port.',
    source: ANNOUNCE,
    run: async (session) =>
      void (await session.announce({ hash: session.newHash(), event: 'stopped' })),
  },
  {
    name: 'http/event/completed-counts-a-download',
    says: 'A leecher that completes counts as a download.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, left: SEEDER, event: 'completed' })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '1/1/0')
    },
  },
  {
    name: 'http/event/completed-counts-once',
    says: 'A client that says twice that it has completed counts as one download.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      for (let i = 0; i < 2; i++)
        await session.announce({ hash, port, left: SEEDER, event: 'completed' })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '1/1/0')
    },
  },
  {
    name: 'http/event/completed-of-a-stranger-counts-nothing',
    says: 'A client that was never a leecher here counts as no download.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      await session.announce({ hash, port: session.newPort(), left: SEEDER, event: 'completed' })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '1/0/0')
    },
  },
  {
    name: 'http/event/paused-stays',
    says: 'A client that pauses stays a peer.',
    source: 'BEP 21',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, event: 'paused' })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '0/0/1')
    },
  },
  {
    name: 'http/event/unknown-renews',
    says: 'Unknown events, and an empty one, renew a peer like any announce.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      for (const event of ['started', 'whatever', '']) await session.announce({ hash, port, event })
      mustBe('complete/downloaded/incomplete', await session.counts(hash), '0/0/1')
    },
  },
]

export const HTTP_EVENT_CHECKS: readonly Check<HttpSession>[] = [
  ...parameters,
  ...counts,
  ...events,
]
