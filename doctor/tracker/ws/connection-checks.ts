// Conformance checks of WebTorrent: handshakes, frames, and what comes over plain HTTP. Listed by conformance.ts.
import { type Check, must, mustBe, shown, Unmet } from '../check.ts'
import { isDictionary, readBencode } from '../http/bencode.ts'
import { Connection, type Response } from '../http/connection.ts'
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  frameOf,
  type Handshake,
  PING,
  PONG,
  shakeHands,
  TEXT,
  type WsClient,
} from './client.ts'
import { announceOf, type WsSession } from './session.ts'

const TRANSPORT = 'webtorrent-protocol.md, Transport'
const HTTP = 'webtorrent-protocol.md, HTTP'
const ENDS = 'webtorrent-protocol.md, When connections end'
const RFC = 'RFC 6455'
/** Above every setting that makes sense: an offer has some kilobytes. */
const TOO_LARGE = 1_100_000

const scrapeOf = (session: WsSession) => ({ action: 'scrape', info_hash: session.newHash() })

async function mustServe(session: WsSession, client: WsClient): Promise<void> {
  const { files } = await client.ask(scrapeOf(session))
  must(typeof files === 'object' && files !== null, 'a scrape is not answered')
}

function shakes(
  name: string,
  says: string,
  source: string,
  handshake: Handshake,
): Check<WsSession> {
  return {
    name,
    says,
    source,
    run: async (session) => mustServe(session, await session.connect(handshake)),
  }
}

async function statusOf(session: WsSession, handshake: Handshake): Promise<number> {
  const { connection, head } = await shakeHands(session.endpoint, session.patience, handshake)
  connection.close()
  return head.status
}

function refuses(
  name: string,
  says: string,
  fields: Readonly<Record<string, string>>,
): Check<WsSession> {
  const run = async (session: WsSession) => {
    // Some only close the connection.
    const status = await statusOf(session, { fields }).catch(() => 400)
    must(status >= 400, `the status is ${status}`)
  }
  return { name, says, source: RFC, run }
}

const handshakes: Check<WsSession>[] = [
  shakes(
    'ws/handshake/accepted',
    'A handshake gets 101 and the right Sec-WebSocket-Accept.',
    RFC,
    {},
  ),
  shakes(
    'ws/handshake/values-in-any-case',
    'The values "websocket" and "upgrade" count in any case.',
    RFC,
    {
      fields: { Upgrade: 'WebSocket', Connection: 'upgrade' },
    },
  ),
  shakes(
    'ws/handshake/connection-with-several-values',
    '"Connection: keep-alive, Upgrade", as Firefox sends it, is a handshake.',
    RFC,
    {
      fields: { Connection: 'keep-alive, Upgrade' },
    },
  ),
  shakes(
    'ws/handshake/origin-is-accepted',
    'A page of any origin is served, unless the tracker says otherwise.',
    'webtorrent-protocol.md, HTTP',
    {
      fields: { Origin: 'https://webtorrent.example' },
    },
  ),
  shakes(
    'ws/handshake/sub-protocol-does-no-harm',
    'A handshake that offers a sub-protocol is accepted.',
    TRANSPORT,
    {
      fields: { 'Sec-WebSocket-Protocol': 'chat' },
    },
  ),
  {
    name: 'ws/handshake/no-compression',
    says: 'permessage-deflate, which browsers offer, is declined.',
    source: TRANSPORT,
    run: async (session) => {
      const client = await session.connect({
        fields: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
      })
      mustBe('the extension', client.head.fields.get('sec-websocket-extensions'), undefined)
    },
  },
  {
    name: 'ws/handshake/path-and-query-are-ignored',
    says: 'The path and the query of the URL are ignored, where no key is asked for.',
    source: TRANSPORT,
    run: async (session) => {
      for (const target of ['/', '/announce', '/some/path?and=query'])
        await mustServe(session, await session.connect({ target }))
    },
  },
  refuses('ws/handshake/no-key-is-refused', 'A handshake without Sec-WebSocket-Key is refused.', {
    'Sec-WebSocket-Key': '',
  }),
  refuses('ws/handshake/other-version-is-refused', 'A handshake of another version is refused.', {
    'Sec-WebSocket-Version': '99',
  }),
  {
    name: 'ws/handshake/other-version-gets-426',
    says: 'A handshake of another version gets 426, and Sec-WebSocket-Version says which one is spoken.',
    source: HTTP,
    run: async (session) => {
      const fields = { 'Sec-WebSocket-Version': '99' }
      const { endpoint, patience } = session
      const { connection, head } = await shakeHands(endpoint, patience, { fields })
      connection.close()
      mustBe('the status', head.status, 426)
      mustBe('Sec-WebSocket-Version', head.fields.get('sec-websocket-version'), '13')
    },
  },
]

async function ask(session: WsSession, target: string): Promise<Response> {
  const connection = await Connection.open(session.endpoint, session.patience)
  connection.send(`GET ${target} HTTP/1.1\r\nHost: tracker\r\nConnection: close\r\n\r\n`)
  const response = await connection.response()
  connection.close()
  if (response === undefined) throw new Unmet('it gets no response')
  return response
}

const http: Check<WsSession>[] = [
  {
    name: 'ws/http/health',
    says: '/health gets 200.',
    source: HTTP,
    run: async (session) => mustBe('the status', (await ask(session, '/health')).status, 200),
  },
  {
    name: 'ws/http/announce-gets-a-failure',
    says: 'An announce as HTTP trackers get it gets 200 and a bencoded failure, the only thing that such clients show.',
    source: HTTP,
    run: async (session) => {
      const { status, body } = await ask(
        session,
        `/announce?info_hash=${'a'.repeat(20)}&port=6881&left=0`,
      )
      mustBe('the status', status, 200)
      const { value } = readBencode(body)
      must(isDictionary(value) && value.has('failure reason'), 'there is no "failure reason"')
    },
  },
  {
    name: 'ws/http/other-requests-get-426',
    says: 'Any other request gets 426 and an explanation.',
    source: HTTP,
    run: async (session) => mustBe('the status', (await ask(session, '/')).status, 426),
  },
]

/** Sends frames, and is served as by one message. */
function served(
  name: string,
  says: string,
  source: string,
  send: (client: WsClient, text: Buffer) => void,
): Check<WsSession> {
  const run = async (session: WsSession) => {
    const client = await session.connect()
    send(client, Buffer.from(JSON.stringify(scrapeOf(session))))
    const { files } = await client.next()
    must(typeof files === 'object', 'it is not answered')
  }
  return { name, says, source, run }
}

/** Sends what ends a connection, by one of these codes, and no other's. */
function ends(
  name: string,
  says: string,
  source: string,
  codes: readonly number[],
  send: (client: WsClient) => void,
): Check<WsSession> {
  const run = async (session: WsSession) => {
    const [client, other] = await session.connectMany(2)
    send(client)
    const code = await client.ended()
    must(code !== null, 'the connection stays open')
    must(codes.includes(code), `it ends with ${code} instead of ${codes.join(' or ')}`)
    await mustServe(session, other)
  }
  return { name, says, source, run }
}

const frames: Check<WsSession>[] = [
  {
    name: 'ws/frame/text-answered-by-text',
    says: 'A message in a text frame is answered in one text frame.',
    source: TRANSPORT,
    run: async (session) => {
      const client = await session.connect()
      client.send(scrapeOf(session))
      const frame = await client.frame()
      must(frame !== undefined, 'no answer comes')
      mustBe('the frame (opcode, final)', `${frame.opcode} ${frame.final}`, `${TEXT} true`)
    },
  },
  served(
    'ws/frame/binary-is-accepted',
    'A message in a binary frame is answered too.',
    TRANSPORT,
    (client, text) => client.sendFrame(BINARY, text),
  ),
  served(
    'ws/frame/fragments-are-joined',
    'A message in several frames is one message.',
    RFC,
    (client, text) => {
      client.sendFrame(TEXT, text.subarray(0, 5), { final: false })
      client.sendFrame(CONTINUATION, text.subarray(5, 9), { final: false })
      client.sendFrame(CONTINUATION, text.subarray(9))
    },
  ),
  served(
    'ws/frame/pong-without-ping-is-ignored',
    'A pong that nobody asked for does no harm.',
    RFC,
    (client, text) => {
      client.sendFrame(PONG, Buffer.from('x'))
      client.sendFrame(TEXT, text)
    },
  ),
  {
    name: 'ws/frame/ping-gets-a-pong',
    says: 'A ping gets a pong with the same bytes.',
    source: RFC,
    run: async (session) => {
      const client = await session.connect()
      client.sendFrame(PING, Buffer.from('are you there?'))
      const frame = await client.frame()
      must(frame !== undefined, 'no pong comes')
      mustBe('the frame', `${frame.opcode} ${frame.payload}`, `${PONG} are you there?`)
    },
  },
  {
    name: 'ws/frame/ping-between-fragments',
    says: 'A ping between the frames of a message is answered, and the message stays whole.',
    source: RFC,
    run: async (session) => {
      const client = await session.connect()
      const text = Buffer.from(JSON.stringify(scrapeOf(session)))
      client.sendFrame(TEXT, text.subarray(0, 7), { final: false })
      client.sendFrame(PING, Buffer.from('p'))
      client.sendFrame(CONTINUATION, text.subarray(7))
      const opcodes = [await client.frame(), await client.frame()].map((frame) => frame?.opcode)
      must(opcodes.includes(PONG) && opcodes.includes(TEXT), `the frames are ${shown(opcodes)}`)
    },
  },
  {
    name: 'ws/frame/close-is-answered',
    says: 'A close frame is answered by one with its code.',
    source: RFC,
    run: async (session) => {
      const client = await session.connect()
      client.sendFrame(CLOSE, Buffer.from([3, 232]))
      mustBe('the code', await client.ended(), 1000)
    },
  },
  ends(
    'ws/frame/unmasked-ends-the-connection',
    'A frame without a mask ends the connection.',
    RFC,
    [1002, 1006],
    (client) => client.sendFrame(TEXT, Buffer.from('{}'), { masked: false }),
  ),
  ends(
    'ws/frame/reserved-bits-end-the-connection',
    'A frame with reserved bits ends the connection.',
    RFC,
    [1002, 1006],
    (client) => client.sendFrame(TEXT, Buffer.from('{}'), { reserved: 0x20 }),
  ),
  ends(
    'ws/frame/unknown-opcode-ends-the-connection',
    'A frame of an unknown kind ends the connection.',
    RFC,
    [1002, 1006],
    (client) => client.sendFrame(3, Buffer.from('{}')),
  ),
  ends(
    'ws/frame/long-ping-ends-the-connection',
    'A ping of more than 125 bytes ends the connection.',
    RFC,
    [1002, 1006],
    (client) => client.sendFrame(PING, Buffer.alloc(126)),
  ),
  ends(
    'ws/frame/invalid-utf-8-ends-the-connection',
    'A text that is not UTF-8 ends the connection with 1007.',
    ENDS,
    [1007],
    (client) => client.sendFrame(TEXT, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
  ),
  ends(
    'ws/frame/too-large-ends-the-connection',
    'A message above the limit on its size ends the connection with 1009.',
    ENDS,
    [1009],
    (client) => client.sendFrame(TEXT, Buffer.alloc(TOO_LARGE, 0x20)),
  ),
  {
    name: 'ws/frame/announced-size-is-no-reason-to-wait',
    says: 'A frame that announces too many bytes ends the connection before they come.',
    source: ENDS,
    run: async (session) => {
      const { connection, head } = await shakeHands(session.endpoint, session.patience)
      mustBe('the status of the handshake', head.status, 101)
      const whole = frameOf(TEXT, Buffer.alloc(TOO_LARGE, 0x20))
      connection.send(whole.subarray(0, 100))
      await connection.rest()
      const { hasEnded } = connection
      connection.close()
      must(hasEnded, 'the connection stays open')
    },
  },
  {
    name: 'ws/connection/serves-several-torrents',
    says: 'One connection serves several torrents, and several peers.',
    source: TRANSPORT,
    run: async (session) => {
      const client = await session.connect()
      for (let i = 0; i < 3; i++) {
        const hash = session.newHash()
        mustBe(
          'the info hash',
          (await client.ask(announceOf(hash, session.newPeerId()))).info_hash,
          hash,
        )
        const { incomplete } = await client.ask(announceOf(hash, session.newPeerId()))
        mustBe('the number of leechers', incomplete, 2)
      }
    },
  },
  {
    name: 'ws/connection/requests-without-waiting',
    says: 'Requests that follow each other without waiting are all answered, in order.',
    source: 'webtorrent-protocol.md, Announce',
    run: async (session) => {
      const client = await session.connect()
      const hashes = Array.from({ length: 20 }, () => session.newHash())
      for (const hash of hashes) client.send(announceOf(hash, session.newPeerId()))
      for (const hash of hashes) mustBe('the info hash', (await client.next()).info_hash, hash)
    },
  },
]

export const WS_CONNECTION_CHECKS: readonly Check<WsSession>[] = [...handshakes, ...http, ...frames]
