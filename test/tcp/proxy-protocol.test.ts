import { expect, test } from 'bun:test'
import { connectionsOf } from './connections-of.ts'
import { withServer } from './harness.ts'
import { binaryHeader, ipv4Fields, LOCAL, PROXY, withChecksum } from './proxy-headers.ts'

const TRUSTED = { proxyProtocol: true, trusted: ['127.0.0.1'] }
const LINE = Buffer.from('PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n')
const BINARY = withChecksum(PROXY, 0x11, ipv4Fields('192.0.2.1', 56324))
const CLIENT = 'c0000201 56324\n'

/** A header of the client 192.0.2.N. */
const from = (n: number) => `PROXY TCP4 192.0.2.${n} 10.0.0.1 1 2\r\n`

test.each([
  ['text', LINE],
  ['binary', BINARY],
] as const)(
  'a connection is of the client that a %s header names, requests and all',
  (_, header) => {
    withServer(TRUSTED, (bench) => {
      const client = bench.connect()
      client.send(Buffer.concat([header, Buffer.from('who\nhello\n')]))
      expect(bench.answer(client, CLIENT.length + 6)).toBe(`${CLIENT}hello\n`)
      // Only what comes first is a header.
      client.send('who\nPROXY UNKNOWN\r\nclose\n')
      expect(bench.end(client)).toEndWith(`${CLIENT}PROXY UNKNOWN\r\nclose\n`)
      expect(bench.counted()).toEqual({ accepted: 1, closed_answered: 1 })
      expect(bench.limits.total()).toBe(0)
    })
  },
)

test.each([
  ['text', LINE],
  ['binary', BINARY],
] as const)('a %s header may be cut anywhere', (_, header) => {
  withServer(TRUSTED, (bench) => {
    for (let cut = 1; cut <= header.length; cut++) {
      const client = bench.connect()
      client.send(header.subarray(0, cut))
      bench.until('a part', () => bench.server.count === 1)
      client.send(Buffer.concat([header.subarray(cut), Buffer.from('who\nclose\n')]))
      expect(bench.end(client)).toBe(`${CLIENT}close\n`)
    }
    const pieces = bench.connect()
    for (const byte of header) {
      pieces.send(Buffer.from([byte]))
      bench.turn(1)
    }
    pieces.send('close\n')
    expect(bench.end(pieces)).toBe('close\n')
    expect(bench.limits.total()).toBe(0)
  })
})

test.each([
  ['a request', 'hello\n'],
  ['a wrong header', 'PROXY TCP4 192.0.2.1\r\nhello\n'],
  ['too long a header', binaryHeader(PROXY, 0, Buffer.alloc(5000))],
] as const)('without a right header nothing is answered: %s', (_, bytes) => {
  withServer(TRUSTED, (bench) => {
    const client = bench.connect()
    client.send(bytes)
    expect(bench.end(client)).toBe('')
    expect(bench.counted()).toEqual({ accepted: 1, closed_proxy_header: 1 })
  })
})

test('an untrusted sender cannot name a client, but may ask from this machine', () => {
  withServer({ proxyProtocol: true, trusted: ['192.0.2.0/24'] }, (bench) => {
    const forger = bench.connect()
    forger.send(`${from(7)}who\n`)
    expect(bench.end(forger)).toBe('')
    expect(bench.counted()).toEqual({ accepted: 1, closed_proxy_not_trusted: 1 })
    for (const header of [
      Buffer.from('PROXY UNKNOWN\r\n'),
      binaryHeader(LOCAL, 0, Buffer.alloc(0)),
    ]) {
      const own = bench.connect()
      own.send(Buffer.concat([header, Buffer.from('who\nclose\n')]))
      expect(bench.end(own)).toStartWith('7f000001 ')
    }
  })
})

test('connections count for the clients of a proxy, and not for itself', () => {
  withServer({ ...TRUSTED, maxPerAddress: 2 }, (bench) => {
    const held = [1, 1, 2, 3, 4].map((n) => {
      const client = bench.connect()
      client.send(`${from(n)}who\n`)
      bench.answer(client, 'c0000201 1\n'.length)
      return client
    })
    const more = bench.connect()
    more.send(`${from(1)}part`)
    expect(bench.end(more)).toBe('full\n')
    expect(bench.counted().closed_connections_per_address).toBe(1)
    expect(bench.limits.total()).toBe(5)
    expect(connectionsOf(bench.limitsTable, 0, Buffer.from([192, 0, 2, 1]).readInt32LE())).toBe(2)
    expect(connectionsOf(bench.limitsTable, 0, Buffer.from([127, 0, 0, 1]).readInt32LE())).toBe(0)
    for (const client of held) client.reset()
    bench.until('none', () => bench.server.count === 0)
    expect(bench.limits.total()).toBe(0)
  })
})

test("one that waits for its header is the proxy's until then, and the client's limit holds after", () => {
  withServer({ ...TRUSTED, maxPerAddress: 1 }, (bench) => {
    const clients = [0, 1, 2].map(() => bench.connect())
    for (const client of clients) client.send('PROX')
    bench.until('three', () => bench.server.waiting === 3)
    for (const client of clients) client.send(`${from(9).slice(4)}part`)
    expect(bench.end(clients[1])).toBe('full\n')
    expect(bench.end(clients[2])).toBe('full\n')
    expect(bench.limits.total()).toBe(1)
    clients[0].send('\n')
    expect(bench.answer(clients[0], 5)).toBe('part\n')
  })
})

test('a client that does not finish a header is closed in time, without an answer', () => {
  withServer(TRUSTED, (bench) => {
    const client = bench.connect()
    client.send('PROXY ')
    bench.until('a part', () => bench.server.waiting === 1)
    bench.now += bench.times.request + 1
    expect(bench.end(client)).toBe('')
    expect(bench.counted()).toEqual({ accepted: 1, closed_request_timeout: 1 })
  })
})

test('a stop answers a request that came with its header', () => {
  withServer(TRUSTED, (bench) => {
    const client = bench.connect()
    client.send(`${from(9)}hello\n`)
    bench.stopListening()
    expect(bench.end(client)).toBe('hello\n')
  })
})
