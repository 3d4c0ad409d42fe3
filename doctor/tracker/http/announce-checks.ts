// Conformance checks of HTTP: which peers an announce gets, and what it changes. Listed by conformance.ts.
import { type Check, must, mustBe, mustTakeAnyHash, Skip, shown } from '../check.ts'
import { type HttpSession, LEECHER, SEEDER } from './session.ts'

const ANNOUNCE = 'http-protocol.md, Announce'
const FAMILIES = 'http-protocol.md, IPv4 and IPv6'

/** Apart from the announcing peer: whether that may be among them is another check's. */
function othersOf(ports: readonly number[], own: number): string {
  return ports.filter((port) => port !== own).join()
}

const peers: Check<HttpSession>[] = [
  {
    name: 'http/peers/first-is-returned-to-the-second',
    says: 'A second client gets the first one, with the port that it announced.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const [first] = await session.join(hash, [LEECHER])
      const { ports } = await session.announce({ hash, port: session.newPort() })
      must(ports.includes(first), `it gets ${shown(ports)}`)
    },
  },
  {
    name: 'http/peers/source-address-is-used',
    says: "A peer's address is where its request came from.",
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const [first] = await session.join(hash, [LEECHER])
      const { peers } = await session.announce({ hash, port: session.newPort() })
      const { address } = peers.find(({ port }) => port === first) ?? {}
      must(address !== undefined, 'the first peer is not returned')
      const { external } = session
      if (external === null)
        throw new Skip('a NAT or proxy may be between this machine and the tracker')
      must(address.equals(external), `the address is ${shown(address)}`)
    },
  },
  {
    name: 'http/peers/of-the-same-family',
    says: 'An announce over IPv4 gets IPv4 peers in "peers", one over IPv6 IPv6 peers in "peers6".',
    source: 'BEP 7',
    run: async (session) => {
      const hash = session.newHash()
      await session.join(hash, [LEECHER])
      const { dictionary } = await session.announce({ hash, port: session.newPort() })
      const key = session.endpoint.family === 4 ? 'peers' : 'peers6'
      const own = dictionary.get(key)
      must(Buffer.isBuffer(own) && own.length > 0, `there is no peer in "${key}"`)
    },
  },
  {
    name: 'http/peers/no-peers6-over-ipv4',
    says: 'An announce over IPv4 gets no "peers6".',
    source: FAMILIES,
    run: async (session) => {
      if (session.endpoint.family === 6) throw new Skip('asked over IPv6')
      const { dictionary } = await session.announce({
        hash: session.newHash(),
        port: session.newPort(),
      })
      must(!dictionary.has('peers6'), 'there is a "peers6"')
    },
  },
  {
    name: 'http/peers/claimed-address-is-ignored',
    says: '"ip", "ipv4" and "ipv6" are ignored: else anyone could register a victim.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const more = 'ip=198.51.100.7&ipv4=198.51.100.7&ipv6=2001:db8::7'
      await session.announce({ hash, port: session.newPort(), more })
      const { peers } = await session.announce({ hash, port: session.newPort() })
      must(peers.length > 0, 'the first peer is not returned')
      const claimed = ['c6336407', '20010db8000000000000000000000007']
      const believed = peers.find(({ address }) => claimed.includes(address.toString('hex')))
      must(believed === undefined, 'the address that it only claimed is returned')
    },
  },
  {
    name: 'http/peers/announcer-is-left-out',
    says: 'The announcing peer is not in its own answer.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [own] = await session.join(hash, [LEECHER, LEECHER])
      const { ports } = await session.announce({ hash, port: own })
      must(!ports.includes(own), 'it gets itself')
    },
  },
  {
    name: 'http/peers/each-once',
    says: 'No peer is in an answer twice.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const wanted = await session.join(hash, [LEECHER, LEECHER, LEECHER, SEEDER])
      const port = session.newPort()
      const { ports } = await session.announce({ hash, port })
      mustBe("the others' ports", othersOf(ports, port), wanted.join())
    },
  },
  {
    name: 'http/peers/identified-by-address-and-port',
    says: 'Peers are told apart by address and port, not by peer id.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const peerId = Buffer.from('-AD0001-abcdefghijkl')
      const [port, other] = [session.newPort(), session.newPort()]
      for (const each of [port, other]) await session.announce({ hash, port: each, peerId })
      mustBe('with one peer id complete/downloaded/incomplete', await session.counts(hash), '0/0/2')
      await session.announce({ hash, port, peerId: Buffer.from('-AD0001-mnopqrstuvwx') })
      mustBe('with two complete/downloaded/incomplete', await session.counts(hash), '0/0/2')
    },
  },
  {
    name: 'http/peers/only-of-the-torrent',
    says: 'Peers of another torrent are not returned.',
    source: 'BEP 3',
    run: async (session) => {
      mustTakeAnyHash(session)
      const first = session.newHash()
      const [port] = await session.join(first, [LEECHER])
      const other = Buffer.from(first)
      other[0] ^= 1
      const { ports } = await session.announce({ hash: other, port: session.newPort() })
      must(!ports.includes(port), 'a peer of the other is returned')
    },
  },
  {
    name: 'http/peers/seeder-gets-leechers-only',
    says: 'A seeder gets leechers only.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [, leecher] = await session.join(hash, [SEEDER, LEECHER])
      const port = session.newPort()
      const { ports } = await session.announce({ hash, port, left: SEEDER })
      mustBe("the others' ports", othersOf(ports, port), String(leecher))
    },
  },
  {
    name: 'http/peers/leecher-gets-both',
    says: 'A leecher gets seeders and leechers.',
    source: 'BEP 3',
    run: async (session) => {
      const hash = session.newHash()
      const wanted = await session.join(hash, [SEEDER, LEECHER])
      const { ports } = await session.announce({ hash, port: session.newPort() })
      for (const port of wanted) must(ports.includes(port), `it gets ${shown(ports)}`)
    },
  },
]

function numWant(
  name: string,
  says: string,
  numWant: number | string | undefined,
  count: number,
): Check<HttpSession> {
  const run = async (session: HttpSession) => {
    const hash = session.newHash()
    await session.join(hash, [LEECHER, LEECHER, SEEDER])
    const parts = { hash, port: session.newPort(), ...(numWant === undefined ? {} : { numWant }) }
    const { ports } = await session.announce(parts)
    // Whether the announcing peer may be among them is another check's.
    mustBe('the number of peers', ports.filter((port) => port !== parts.port).length, count)
  }
  return { name, says, source: ANNOUNCE, run }
}

const numbers: Check<HttpSession>[] = [
  numWant('http/numwant/1-gets-one', 'numwant=1 gets one peer.', 1, 1),
  numWant('http/numwant/0-gets-none', 'numwant=0 gets none.', 0, 0),
  numWant(
    'http/numwant/missing-gets-the-usual',
    'Without numwant there are as many as usual.',
    undefined,
    3,
  ),
  numWant('http/numwant/negative-gets-the-usual', 'numwant=-1 gets as many as usual.', -1, 3),
  numWant(
    'http/numwant/no-number-gets-the-usual',
    'A numwant that is no number gets as many as usual.',
    'many',
    3,
  ),
  numWant(
    'http/numwant/huge-gets-the-usual',
    'A huge numwant gets as many as usual.',
    '99999999999999999999',
    3,
  ),
]

export const HTTP_ANNOUNCE_CHECKS: readonly Check<HttpSession>[] = [...peers, ...numbers]
