// Conformance checks of UDP: announces and the peers they get. Listed by conformance.ts.
import { randomBytes } from 'node:crypto'
import { type Check, must, mustBe, mustTakeAnyHash, Skip, shown } from '../check.ts'
import { INTERVAL_MAX, INTERVAL_MIN, INTERVAL_SOURCE } from '../interval.ts'
import { NO_EVENT, type UdpPeer, urlDataOption } from './packets.ts'
import { LEECHER, SEEDER, type UdpSession } from './session.ts'

const ANNOUNCE = 'udp-protocol.md, Announce'
const UNFRAGMENTED = { 4: 1472, 6: 1232 } as const

function portsOf(peers: readonly UdpPeer[]): number[] {
  return peers.map(({ port }) => port).sort((a, b) => a - b)
}

/** Apart from the announcing peer: whether that may be among them is another check's. */
function othersOf(peers: readonly UdpPeer[], own: number): string {
  return portsOf(peers.filter(({ port }) => port !== own)).join()
}

const answers: Check<UdpSession>[] = [
  {
    name: 'udp/announce/answered',
    says: 'An announce gets an announce response (action 1) of 20 bytes and whole peers.',
    source: 'BEP 15',
    run: async (session) => {
      await session.announce({ hash: session.newHash(), port: session.newPort() })
    },
  },
  {
    name: 'udp/announce/interval-that-lists-take',
    says: `The interval is ${INTERVAL_MIN} to ${INTERVAL_MAX} seconds.`,
    source: INTERVAL_SOURCE,
    run: async (session) => {
      const { interval } = await session.announce({
        hash: session.newHash(),
        port: session.newPort(),
      })
      must(
        interval >= INTERVAL_MIN && interval <= INTERVAL_MAX,
        `the interval is ${interval} seconds`,
      )
    },
  },
  {
    name: 'udp/announce/longer-request-answered',
    says: 'Bytes behind the 98 of an announce do no harm.',
    source: 'BEP 15',
    run: async (session) => {
      const fields = {
        hash: session.newHash(),
        port: session.newPort(),
        options: Buffer.alloc(30, 0),
      }
      await session.announce(fields)
    },
  },
  {
    name: 'udp/announce/url-data-does-no-harm',
    says: 'An announce with URL data, as libtorrent sends it, is answered.',
    source: 'BEP 41',
    run: async (session) => {
      const { target } = session.endpoint.url
      const options = urlDataOption(target === '/' ? '/announce' : target)
      await session.announce({ hash: session.newHash(), port: session.newPort(), options })
    },
  },
  {
    name: 'udp/announce/unfinished-option-does-no-harm',
    says: 'An announce whose option says that it is longer than the packet is answered, where no key is asked for.',
    source: ANNOUNCE,
    run: async (session) => {
      const options = Buffer.from([2, 200, 0x2f])
      await session.announce({ hash: session.newHash(), port: session.newPort(), options })
    },
  },
  {
    name: 'udp/announce/second-announce-renews',
    says: 'A peer that announces again is one peer.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [port] = await session.join(hash, [LEECHER])
      await session.announce({ hash, port, event: NO_EVENT })
      mustBe('the number of leechers', (await session.scrape([hash]))[0].leechers, 1)
    },
  },
]

const peers: Check<UdpSession>[] = [
  {
    name: 'udp/peers/first-is-returned-to-the-second',
    says: 'A second client gets the first one, with the port that it announced.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [first] = await session.join(hash, [LEECHER])
      const { peers } = await session.announce({ hash, port: session.newPort() })
      must(portsOf(peers).includes(first), `it gets ${shown(portsOf(peers))}`)
    },
  },
  {
    name: 'udp/peers/source-address-is-used',
    says: "A peer's address is where its packet came from.",
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const [first] = await session.join(hash, [LEECHER])
      const { peers } = await session.announce({ hash, port: session.newPort() })
      const { address } = peers.find(({ port }) => port === first) ?? {}
      must(address !== undefined, 'the first peer is not returned')
      const { external } = session
      if (external === null) throw new Skip('a NAT may be between this machine and the tracker')
      must(address.equals(external), `the address is ${shown(address)}, not ${shown(external)}`)
    },
  },
  {
    name: 'udp/peers/ip-field-is-ignored',
    says: 'The IP field of an announce is ignored: else anyone could register a victim.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      await session.announce({ hash, port: session.newPort(), ip: 0xc6336407 })
      const { peers } = await session.announce({ hash, port: session.newPort() })
      must(peers.length > 0, 'the first peer is not returned')
      const believed = peers.some(
        ({ address }) => address.readUInt32BE(address.length - 4) === 0xc6336407,
      )
      must(!believed, '198.51.100.7, which the first peer only claimed, is returned')
    },
  },
  {
    name: 'udp/peers/announcer-is-left-out',
    says: 'The announcing peer is not in its own response.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [own] = await session.join(hash, [LEECHER, LEECHER])
      const { peers } = await session.announce({ hash, port: own, event: NO_EVENT })
      must(!portsOf(peers).includes(own), 'it gets itself')
    },
  },
  {
    name: 'udp/peers/each-once',
    says: 'No peer is in a response twice.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const ports = await session.join(hash, [LEECHER, LEECHER, LEECHER, SEEDER])
      const port = session.newPort()
      const { peers } = await session.announce({ hash, port, numWant: 50 })
      mustBe("the others' ports", othersOf(peers, port), ports.join())
    },
  },
  {
    name: 'udp/peers/identified-by-address-and-port',
    says: 'Peers are told apart by address and port, not by peer id: nobody can replace another by its id.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const peerId = randomBytes(20)
      const [port, other] = [session.newPort(), session.newPort()]
      for (const each of [port, other]) await session.announce({ hash, port: each, peerId })
      mustBe(
        'with one peer id, the number of leechers',
        (await session.scrape([hash]))[0].leechers,
        2,
      )
      await session.announce({ hash, port, peerId: randomBytes(20) })
      mustBe('with two, the number of leechers', (await session.scrape([hash]))[0].leechers, 2)
    },
  },
  {
    name: 'udp/peers/only-of-the-torrent',
    says: 'Peers of another torrent are not returned.',
    source: 'BEP 15',
    run: async (session) => {
      mustTakeAnyHash(session)
      const first = session.newHash()
      const [port] = await session.join(first, [LEECHER])
      const other = Buffer.from(first)
      other[19] ^= 1
      const { peers } = await session.announce({ hash: other, port: session.newPort() })
      must(!portsOf(peers).includes(port), 'a peer of the other is returned')
    },
  },
  {
    name: 'udp/peers/seeder-gets-leechers-only',
    says: 'A seeder gets leechers only: seeders have no use for each other.',
    source: ANNOUNCE,
    run: async (session) => {
      const hash = session.newHash()
      const [, leecher] = await session.join(hash, [SEEDER, LEECHER])
      const port = session.newPort()
      const { peers } = await session.announce({ hash, port, left: SEEDER })
      mustBe("the others' ports", othersOf(peers, port), String(leecher))
    },
  },
  {
    name: 'udp/peers/leecher-gets-both',
    says: 'A leecher gets seeders and leechers.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const ports = await session.join(hash, [SEEDER, LEECHER])
      const { peers } = await session.announce({ hash, port: session.newPort() })
      for (const port of ports)
        must(portsOf(peers).includes(port), `it gets ${shown(portsOf(peers))}`)
    },
  },
]

function numWant(
  name: string,
  says: string,
  source: string,
  wanted: number,
  count: number,
): Check<UdpSession> {
  const run = async (session: UdpSession) => {
    const hash = session.newHash()
    await session.join(hash, [LEECHER, LEECHER, SEEDER])
    const own = session.newPort()
    const { peers } = await session.announce({ hash, port: own, numWant: wanted })
    // Whether the announcing peer may be among them is another check's.
    const others = peers.filter(({ port }) => port !== own)
    mustBe(`with num_want ${wanted} the number of peers`, others.length, count)
  }
  return { name, says, source, run }
}

const numbers: Check<UdpSession>[] = [
  numWant('udp/num-want/1-gets-one', 'A client that wants one peer gets one.', ANNOUNCE, 1, 1),
  numWant('udp/num-want/2-gets-two', 'A client that wants two peers gets two.', ANNOUNCE, 2, 2),
  numWant('udp/num-want/minus-1-gets-the-usual', '−1 means as many as usual.', 'BEP 15', -1, 3),
  numWant(
    'udp/num-want/0-gets-the-usual',
    '0 means as many as usual: some clients send it for «no wish».',
    ANNOUNCE,
    0,
    3,
  ),
  numWant(
    'udp/num-want/other-negative-gets-the-usual',
    'Other negative numbers mean as many as usual.',
    ANNOUNCE,
    -(2 ** 31),
    3,
  ),
  numWant(
    'udp/num-want/huge-gets-the-usual',
    'Too many means as many as usual.',
    ANNOUNCE,
    2 ** 31 - 1,
    3,
  ),
  {
    name: 'udp/num-want/answer-fits-one-packet',
    says: 'A response fits one unfragmented packet: 1,472 bytes over IPv4, 1,232 over IPv6.',
    source: 'udp-protocol.md, Size of responses',
    run: async (session) => {
      const { family } = session.endpoint
      const hash = session.newHash()
      const most = family === 4 ? 250 : 70
      await session.join(hash, Array<bigint>(most).fill(LEECHER))
      const { size, leechers } = await session.announce({
        hash,
        port: session.newPort(),
        numWant: 1000,
      })
      if (leechers < most - 1)
        throw new Skip(`the tracker stored ${leechers} of ${most} peers of one address`)
      must(size <= UNFRAGMENTED[family], `a response has ${size} bytes`)
    },
  },
]

export const ANNOUNCE_CHECKS: readonly Check<UdpSession>[] = [...answers, ...peers, ...numbers]
