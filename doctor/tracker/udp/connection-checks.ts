// Conformance checks of UDP: connecting, connection ids, and what strangers get. Listed by conformance.ts.
import { type Check, must, mustBe, Skip, shown } from '../check.ts'
import { sameAddress } from '../endpoint.ts'
import {
  ANNOUNCE,
  actionOf,
  announcePacket,
  CONNECT,
  connectPacket,
  ERROR,
  readAnnounce,
  scrapePacket,
  withAction,
} from './packets.ts'
import type { UdpAnswer, UdpSession } from './session.ts'

const REQUESTS = 'udp-protocol.md, Requests and responses'
const IDS = 'udp-protocol.md, Connection ids'

/** What an address that has proved nothing gets is no longer than what it sent. */
function mustBeSilent(answers: readonly UdpAnswer[], what: string): void {
  const [first] = answers
  if (first === undefined) return
  const { bytes } = first
  must(false, `${what} is answered by action ${actionOf(bytes)} in ${bytes.length} bytes`)
}

function strangersAnnounce(session: UdpSession, id: Buffer): Buffer {
  return announcePacket(id, { hash: session.newHash(), port: session.newPort() })
}

async function connected(session: UdpSession): Promise<UdpAnswer> {
  return session.request(connectPacket(0), 'a connect')
}

async function refusedWith(session: UdpSession, id: Buffer, what: string): Promise<void> {
  mustBeSilent(await session.main.answersTo(strangersAnnounce(session, id)), what)
}

const connect: Check<UdpSession>[] = [
  {
    name: 'udp/connect/answered',
    says: 'A connect request of 16 bytes gets a connect response (action 0) with its transaction id.',
    source: 'BEP 15',
    run: async (session) =>
      mustBe('the action', actionOf((await connected(session)).bytes), CONNECT),
  },
  {
    name: 'udp/connect/answered-from-the-address-asked',
    says: 'The response comes from the address and port that was asked: clients ignore any other.',
    source: 'BEP 15',
    run: async (session) => {
      const answer = await session.main.ask(connectPacket(0))
      must(answer !== undefined, 'a connect gets no answer')
      const { address, url } = session.endpoint
      const isSame = sameAddress(answer.host, address) && answer.port === url.port
      must(isSame, `the answer comes from ${answer.host} port ${answer.port}`)
    },
  },
  {
    name: 'udp/connect/16-bytes',
    says: 'A connect response has 16 bytes, as many as the request: nothing is amplified.',
    source: 'BEP 15',
    run: async (session) => mustBe('its size', (await connected(session)).bytes.length, 16),
  },
  {
    name: 'udp/connect/longer-request-answered',
    says: 'A connect request with bytes behind its 16 is answered alike.',
    source: REQUESTS,
    run: async (session) => {
      const packet = Buffer.concat([connectPacket(0), Buffer.alloc(16)])
      const { bytes } = await session.request(packet, 'a connect of 32 bytes')
      mustBe('the action', actionOf(bytes), CONNECT)
    },
  },
  {
    name: 'udp/connect/answered-once',
    says: 'A request gets one response, not several.',
    source: 'BEP 15',
    run: async (session) =>
      mustBe('the number of responses', (await session.main.answersTo(connectPacket(0))).length, 1),
  },
  {
    name: 'udp/connect/wrong-protocol-id-is-silent',
    says: 'A connect request with another protocol id gets nothing.',
    source: REQUESTS,
    run: async (session) => {
      const packet = connectPacket(0)
      packet[7] ^= 1
      mustBeSilent(await session.main.answersTo(packet), 'another protocol id')
    },
  },
  {
    name: 'udp/connect/15-bytes-are-silent',
    says: 'A request shorter than a header gets nothing.',
    source: REQUESTS,
    run: async (session) =>
      mustBeSilent(
        await session.main.answersTo(connectPacket(0).subarray(0, 15)),
        'a short connect',
      ),
  },
  {
    name: 'udp/connect/empty-packet-is-silent',
    says: 'A packet without a byte gets nothing.',
    source: REQUESTS,
    run: async (session) =>
      mustBeSilent(await session.main.answersTo(Buffer.alloc(0)), 'an empty packet'),
  },
]

const ids: Check<UdpSession>[] = [
  {
    name: 'udp/connection-id/serves-several-requests',
    says: 'One connection id serves several requests.',
    source: 'BEP 15',
    run: async (session) => {
      const id = await session.connect()
      const { family } = session.endpoint
      const fields = { hash: session.newHash(), port: session.newPort() }
      for (let i = 0; i < 3; i++) {
        const { bytes } = await session.request(
          announcePacket(id, fields),
          `announce ${i + 1} with one id`,
        )
        readAnnounce(bytes, family)
      }
      await session.announce({ ...fields, event: 3 })
    },
  },
  {
    name: 'udp/connection-id/a-newer-one-leaves-it-valid',
    says: 'Another connect does not end an earlier connection id.',
    source: 'BEP 15',
    run: async (session) => {
      const id = await session.connect()
      await session.connect()
      const { bytes } = await session.request(
        scrapePacket(id, [session.newHash()]),
        'the earlier id',
      )
      mustBe('the action', actionOf(bytes), 2)
    },
  },
  {
    name: 'udp/connection-id/valid-from-every-port',
    says: 'A connection id is valid for every port of its address: NATs change ports, and clients use several.',
    source: IDS,
    run: async (session) => {
      const id = await session.connect()
      const other = await session.openSocket()
      const packet = scrapePacket(id, [session.newHash()])
      const { bytes } = await session.request(packet, 'the id from another port', other)
      mustBe('the action', actionOf(bytes), 2)
    },
  },
  {
    name: 'udp/connection-id/refused-from-another-address',
    says: 'A connection id is worth nothing at another address: else one id floods every victim.',
    source: 'BEP 15',
    run: async (session) => {
      // Of addresses that this machine has, only loopback's are known to reach the tracker.
      if (!session.endpoint.address.startsWith('127.')) {
        throw new Skip('this machine needs a second address that reaches the tracker')
      }
      const other = await session.openSocket('127.0.0.98')
      const answers = await other.answersTo(strangersAnnounce(session, await session.connect()))
      const isServed = answers.some(({ bytes }) => actionOf(bytes) === ANNOUNCE)
      must(!isServed, 'an announce with the id of another address is served')
    },
  },
  {
    name: 'udp/connection-id/unknown-is-silent',
    says: 'An announce with an unknown connection id gets nothing: its sender may be forged.',
    source: IDS,
    run: (session) =>
      refusedWith(session, session.newHash().subarray(0, 8), 'an unknown connection id'),
  },
  {
    name: 'udp/connection-id/unknown-is-not-amplified',
    says: 'Whatever an unproven address gets is no longer than what it sent.',
    source: REQUESTS,
    run: async (session) => {
      const id = session.newHash().subarray(0, 8)
      const packets = [
        strangersAnnounce(session, id),
        scrapePacket(id, [session.newHash()]),
        withAction(id, 9, 16),
      ]
      for (const packet of packets) {
        const answers = await session.main.answersTo(packet)
        const size = answers.reduce((sum, { bytes }) => sum + bytes.length, 0)
        must(size <= packet.length, `${packet.length} bytes with an unknown id get ${size}`)
      }
    },
  },
  {
    name: 'udp/connection-id/unknown-never-joins',
    says: 'An announce with an unknown connection id adds no peer.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const port = session.newPort()
      await session.main.answersTo(announcePacket(session.newHash().subarray(0, 8), { hash, port }))
      const [{ leechers }] = await session.scrape([hash])
      mustBe('the number of leechers', leechers, 0)
    },
  },
  {
    name: 'udp/connection-id/one-bit-changed-is-refused',
    says: 'A connection id with one bit changed is refused, whichever byte it is in.',
    source: IDS,
    run: async (session) => {
      const id = await session.connect()
      for (const at of [3, 7]) {
        const wrong = Buffer.from(id)
        wrong[at] ^= 0x10
        const answers = await session.main.answersTo(strangersAnnounce(session, wrong))
        const isServed = answers.some(({ bytes }) => actionOf(bytes) === ANNOUNCE)
        must(!isServed, `an id with byte ${at} changed is served`)
      }
    },
  },
  {
    name: 'udp/connection-id/zero-is-refused',
    says: 'Neither 0 nor the protocol id is a connection id.',
    source: 'BEP 15',
    run: async (session) => {
      const packets = [Buffer.alloc(8), connectPacket(0).subarray(0, 8)]
      for (const id of packets) {
        const answers = await session.main.answersTo(strangersAnnounce(session, id))
        const served = answers.find(({ bytes }) => actionOf(bytes) === ANNOUNCE)
        must(served === undefined, `the id ${shown(id)} is served`)
      }
    },
  },
  {
    name: 'udp/connection-id/scrape-with-an-unknown-one-is-silent',
    says: 'A scrape with an unknown connection id gets nothing.',
    source: IDS,
    run: async (session) => {
      const packet = scrapePacket(session.newHash().subarray(0, 8), [session.newHash()])
      mustBeSilent(await session.main.answersTo(packet), 'a scrape with an unknown id')
    },
  },
  {
    name: 'udp/connection-id/not-the-same-for-all',
    says: 'Connection ids are not one number for everybody, nor the time.',
    source: 'BEP 15',
    run: async (session) => {
      const id = await session.connect()
      const seconds = id.readUInt32BE(0) === 0 ? id.readUInt32BE(4) : 0
      must(Math.abs(seconds - Date.now() / 1000) > 86_400, `the id ${shown(id)} is the time`)
      must(
        !id.equals(Buffer.alloc(8)) && !id.equals(connectPacket(0).subarray(0, 8)),
        `the id is ${shown(id)}`,
      )
      if (!session.endpoint.address.startsWith('127.')) return
      const other = await session.openSocket('127.0.0.97')
      must(!(await session.connect(other)).equals(id), 'two addresses get the same id')
    },
  },
]

const malformed: Check<UdpSession>[] = [
  {
    name: 'udp/malformed/short-announce-is-silent',
    says: 'An announce of 97 bytes gets nothing.',
    source: REQUESTS,
    run: async (session) => {
      const packet = strangersAnnounce(session, await session.connectionId()).subarray(0, 97)
      mustBeSilent(await session.main.answersTo(packet), 'an announce of 97 bytes')
    },
  },
  {
    name: 'udp/malformed/short-announce-never-joins',
    says: 'An announce without its last byte adds no peer.',
    source: 'BEP 15',
    run: async (session) => {
      const hash = session.newHash()
      const packet = announcePacket(await session.connectionId(), { hash, port: session.newPort() })
      await session.main.answersTo(packet.subarray(0, 97))
      mustBe('the number of leechers', (await session.scrape([hash]))[0].leechers, 0)
    },
  },
  {
    name: 'udp/malformed/unknown-action-is-silent',
    says: 'Other actions get nothing, responses (3) included.',
    source: REQUESTS,
    run: async (session) => {
      const id = await session.connectionId()
      for (const action of [ERROR, 4, 0x80000001]) {
        const answers = await session.main.answersTo(withAction(id, action, 98))
        mustBeSilent(answers, `action ${action}`)
      }
    },
  },
  {
    name: 'udp/malformed/port-0-gets-an-error',
    says: 'An announce with port 0 gets an error: no client can connect to it.',
    source: REQUESTS,
    run: async (session) => {
      const { bytes } = await session.announceRaw({ hash: session.newHash(), port: 0 })
      mustBe('the action', actionOf(bytes), ERROR)
    },
  },
  {
    name: 'udp/malformed/error-says-why',
    says: 'An error is action 3, the transaction id, and a text of printable characters.',
    source: 'BEP 15',
    run: async (session) => {
      const { bytes } = await session.announceRaw({ hash: session.newHash(), port: 0 })
      if (actionOf(bytes) !== ERROR) throw new Skip('no error is known to provoke')
      must(
        /^[\x20-\x7e]{3,}$/.test(bytes.toString('latin1', 8)),
        `the text is ${shown(bytes.toString('latin1', 8))}`,
      )
    },
  },
  {
    name: 'udp/malformed/error-is-not-longer-than-the-request',
    says: 'An error is no longer than the request.',
    source: 'udp-protocol.md, Access keys',
    run: async (session) => {
      const { bytes } = await session.announceRaw({ hash: session.newHash(), port: 0 })
      must(bytes.length <= 98, `98 bytes get ${bytes.length}`)
    },
  },
]

export const CONNECTION_CHECKS: readonly Check<UdpSession>[] = [...connect, ...ids, ...malformed]
