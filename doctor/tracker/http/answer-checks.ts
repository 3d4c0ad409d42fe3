// Conformance checks of HTTP: the form of announces' answers, and failures. Listed by conformance.ts.
import { type Check, must, mustBe, Skip, shown } from '../check.ts'
import { INTERVAL_MAX, INTERVAL_MIN, INTERVAL_SOURCE } from '../interval.ts'
import { readBencode } from './bencode.ts'
import type { Response } from './connection.ts'
import { dictionaryOf, escaped, type HttpSession, integer, served } from './session.ts'

const RESPONSES = 'http-protocol.md, Responses'
const ANNOUNCE = 'http-protocol.md, Announce'

const announce = (session: HttpSession) =>
  session.announce({ hash: session.newHash(), port: session.newPort() })

export function mustBeCanonical({ body }: Response): void {
  const { faults } = readBencode(body)
  must(faults.length === 0, faults.join(', '))
}

const answers: Check<HttpSession>[] = [
  {
    name: 'http/answer/announce-is-200',
    says: 'An announce gets status 200 and a bencoded dictionary.',
    source: 'BEP 3',
    run: async (session) => void (await announce(session)),
  },
  {
    name: 'http/answer/canonical',
    says: 'The bencode is canonical: keys in order and once, no leading zeros, nothing behind the end.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      await session.announce({ hash, port: session.newPort() })
      mustBeCanonical((await session.announce({ hash, port: session.newPort() })).response)
    },
  },
  {
    name: 'http/answer/interval-that-lists-take',
    says: `"interval" is there, a whole number of ${INTERVAL_MIN} to ${INTERVAL_MAX} seconds.`,
    source: INTERVAL_SOURCE,
    run: async (session) => {
      const interval = integer((await announce(session)).dictionary, 'interval')
      must(
        interval >= INTERVAL_MIN && interval <= INTERVAL_MAX,
        `the interval is ${interval} seconds`,
      )
    },
  },
  {
    name: 'http/answer/min-interval-not-above-interval',
    says: '"min interval" is not above "interval", or BiglyBT ignores it.',
    source: ANNOUNCE,
    run: async (session) => {
      const { dictionary } = await announce(session)
      const least = dictionary.get('min interval')
      const interval = integer(dictionary, 'interval')
      must(typeof least === 'number', 'there is no number "min interval"')
      must(least <= interval, `"min interval" is ${least}, "interval" ${interval}`)
    },
  },
  {
    name: 'http/answer/peers-always-there',
    says: '"peers" is there even if there are none: rtorrent fails without it.',
    source: 'BEP 3',
    run: async (session) =>
      must((await announce(session)).dictionary.has('peers'), 'there is no "peers"'),
  },
  {
    name: 'http/answer/peers-are-compact',
    says: 'With compact=1 "peers" is a string of 6 bytes per peer.',
    source: ANNOUNCE,
    run: async (session) => {
      const peers = (await announce(session)).dictionary.get('peers')
      must(Buffer.isBuffer(peers) && peers.length % 6 === 0, `"peers" is ${shown(peers)}`)
    },
  },
  {
    name: 'http/answer/compact-without-being-asked',
    says: 'Without "compact" the answer is compact too.',
    source: ANNOUNCE,
    run: async (session) => {
      const parts = { hash: session.newHash(), port: session.newPort() }
      session.remember(parts)
      const target = session.announceTarget(parts).replace(/&compact=1/, '')
      const peers = served(await session.ask(target)).get('peers')
      must(Buffer.isBuffer(peers), `"peers" is ${shown(peers)}`)
    },
  },
  {
    name: 'http/answer/compact-0-gets-a-list',
    says: 'With compact=0 "peers" is a list of dictionaries with "ip" and "port".',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      await session.announce({ hash, port })
      const { dictionary, ports } = await session.announce({
        hash,
        port: session.newPort(),
        compact: 0,
      })
      must(Array.isArray(dictionary.get('peers')), '"peers" is no list')
      must(ports.includes(port), 'the first peer is not in it')
    },
  },
  {
    name: 'http/answer/compact-0-has-no-peers6',
    says: 'With compact=0 there is no "peers6": the list takes both families.',
    source: ANNOUNCE,
    run: async (session) => {
      const { dictionary } = await session.announce({
        hash: session.newHash(),
        port: session.newPort(),
        compact: 0,
      })
      must(!dictionary.has('peers6'), 'there is a "peers6"')
    },
  },
  {
    name: 'http/answer/external-ip',
    says: '"external ip" is the address that the request came from, in 4 or 16 bytes.',
    source: ANNOUNCE,
    run: async (session) => {
      const address = (await announce(session)).dictionary.get('external ip')
      must(Buffer.isBuffer(address) && [4, 16].includes(address.length), `it is ${shown(address)}`)
      const { external } = session
      must(
        external === null || address.equals(external),
        `it is ${shown(address)}, not ${shown(external)}`,
      )
    },
  },
  {
    name: 'http/answer/counts-are-there',
    says: '"complete", "incomplete" and "downloaded" are whole numbers.',
    source: ANNOUNCE,
    run: async (session) => {
      const { dictionary } = await announce(session)
      for (const key of ['complete', 'incomplete', 'downloaded']) {
        must(integer(dictionary, key) >= 0, `"${key}" is below 0`)
      }
    },
  },
]

export async function refused(
  session: HttpSession,
  query: string,
  target = session.endpoint.url.target,
): Promise<Response> {
  const response = await session.ask(session.withQuery(target, query))
  const isFailure = response.status === 200 && dictionaryOf(response).has('failure reason')
  must(
    isFailure || response.status >= 400,
    `it is served: ${shown(response.body.toString('latin1'))}`,
  )
  return response
}

export const HASH = `info_hash=${escaped(Buffer.alloc(20, 0x61))}`
const REST = 'peer_id=-AD0001-000000000000&uploaded=0&downloaded=0&left=1'

/** Trackers differ in what they refuse. */
async function someRefusal(session: HttpSession): Promise<Response> {
  for (const query of [`${HASH}&${REST}&port=0`, `info_hash=abc&${REST}&port=6881`]) {
    const response = await session
      .ask(session.withQuery(session.endpoint.url.target, query))
      .catch(() => null)
    if (response === null) continue
    if (response.status !== 200 || dictionaryOf(response).has('failure reason')) return response
  }
  throw new Skip('nothing is known that it refuses with an answer')
}

function refusal(name: string, says: string, query: string): Check<HttpSession> {
  return {
    name,
    says,
    source: RESPONSES,
    run: async (session) => void (await refused(session, query)),
  }
}

const failures: Check<HttpSession>[] = [
  refusal('http/failure/port-missing', 'An announce without a port is refused.', `${HASH}&${REST}`),
  refusal('http/failure/port-0', 'An announce with port 0 is refused.', `${HASH}&${REST}&port=0`),
  refusal(
    'http/failure/port-65536',
    'An announce with a port above 65535 is refused.',
    `${HASH}&${REST}&port=65536`,
  ),
  refusal(
    'http/failure/port-not-a-number',
    'An announce whose port is no number is refused.',
    `${HASH}&${REST}&port=http`,
  ),
  refusal(
    'http/failure/hash-missing',
    'An announce without an info hash is refused.',
    `${REST}&port=6881`,
  ),
  refusal(
    'http/failure/hash-of-19-bytes',
    'An info hash of 19 bytes is refused.',
    `info_hash=${'a'.repeat(19)}&${REST}&port=6881`,
  ),
  refusal(
    'http/failure/hash-of-21-bytes',
    'An info hash of 21 bytes is refused.',
    `info_hash=${'a'.repeat(21)}&${REST}&port=6881`,
  ),
  refusal(
    'http/failure/hash-in-hex',
    'An info hash in 40 hex digits is refused.',
    `info_hash=${'61'.repeat(20)}&${REST}&port=6881`,
  ),
  refusal(
    'http/failure/hash-with-a-broken-escape',
    'A % without two hex digits makes the info hash invalid.',
    `info_hash=${'a'.repeat(17)}%4&${REST}&port=6881`,
  ),
  {
    name: 'http/failure/is-200-and-bencoded',
    says: 'A refusal has status 200 and a bencoded "failure reason": no client shows any other body.',
    source: RESPONSES,
    run: async (session) => {
      const response = await someRefusal(session)
      mustBe('the status', response.status, 200)
      const reason = dictionaryOf(response).get('failure reason')
      must(
        Buffer.isBuffer(reason) && /^[\x20-\x7e]{3,}$/.test(reason.toString('latin1')),
        `the reason is ${shown(reason)}`,
      )
    },
  },
  {
    name: 'http/failure/canonical',
    says: 'The bencode of a failure is canonical.',
    source: 'BEP 3',
    run: async (session) => mustBeCanonical(await someRefusal(session)),
  },
  {
    name: 'http/failure/has-an-interval',
    says: 'A failure has an "interval", which Transmission and rtorrent obey.',
    source: RESPONSES,
    run: async (session) => {
      const dictionary = dictionaryOf(await someRefusal(session))
      must(integer(dictionary, 'interval') > 0, 'it is 0')
    },
  },
  {
    name: 'http/failure/says-when-to-retry',
    says: 'A failure has "retry in": minutes, or "never" for what can never succeed.',
    source: RESPONSES,
    run: async (session) => {
      const retry = dictionaryOf(await someRefusal(session)).get('retry in')
      const isGood =
        typeof retry === 'number'
          ? retry > 0
          : Buffer.isBuffer(retry) && retry.equals(Buffer.from('never'))
      must(isGood, `"retry in" is ${shown(retry)}`)
    },
  },
]

/** An announce through a path with a key. */
function keyPath(name: string, path: (key: string) => string): Check<HttpSession> {
  return {
    name,
    says: `Where no key is asked for, ${path('KEY')} is the same as /announce.`,
    source: ANNOUNCE,
    run: async (session) => {
      if (session.endpoint.url.target !== '/announce')
        throw new Skip('the URL has a path of its own')
      const parts = { hash: session.newHash(), port: session.newPort() }
      session.remember(parts)
      const target = session.announceTarget(parts).replace('/announce', path('k'.repeat(20)))
      served(await session.ask(target))
    },
  }
}

const keys: Check<HttpSession>[] = [
  keyPath('http/path/key-before-announce', (key) => `/${key}/announce`),
  keyPath('http/path/key-behind-announce', (key) => `/announce/${key}`),
]

export const ANSWER_CHECKS: readonly Check<HttpSession>[] = [...answers, ...failures, ...keys]
