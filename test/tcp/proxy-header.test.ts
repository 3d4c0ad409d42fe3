import { describe, expect, test } from 'bun:test'
import { ProxyHeader, readProxyHeader } from '../../src/tcp/proxy-header.ts'
import { randomWords } from '../support/random.ts'
import {
  binaryHeader,
  field,
  ipv4Fields,
  ipv6Fields,
  LOCAL,
  naiveCrc32c,
  naiveRead,
  type Outcome,
  PROXY,
  withChecksum,
} from './proxy-headers.ts'

const BEFORE = 7
const V6 = '20010db8000000000000000000000001'

/** What is read of it, between bytes that are not to be looked at. */
function read(bytes: Uint8Array): Outcome {
  const header = new ProxyHeader()
  header.hasClient = true
  const all = Buffer.concat([Buffer.from('PROXY \n'), bytes, Buffer.from(' \r\n\r\n')])
  const used = readProxyHeader(header, all, BEFORE, BEFORE + bytes.length)
  if (used <= 0) return used === 0 ? 'incomplete' : 'bad'
  const { hasClient, client, port } = header
  const { ipv4, a0, a1, a2, a3 } = client
  const words = Int32Array.from(ipv4 ? [a0] : [a0, a1, a2, a3])
  const hex = Buffer.from(words.buffer).toString('hex')
  return { bytes: used, client: hasClient ? `${hex} ${port}` : null }
}

const text = (line: string) => Buffer.from(line, 'latin1')

const GOOD: readonly [string, Buffer, string | null][] = [
  ['TCP4', text('PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n'), 'c0000201 56324'],
  ['TCP6', text('PROXY TCP6 2001:db8::1 ::1 0 65535\r\n'), `${V6} 0`],
  ['TCP6 in full', text('PROXY TCP6 2001:DB8:0:0:0:0:0:1 2001:db8::2 1 1\r\n'), `${V6} 1`],
  ['mapped', text('PROXY TCP6 ::ffff:192.0.2.1 ::1 5 6\r\n'), 'c0000201 5'],
  [
    'the longest',
    text(`PROXY TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535\r\n`),
    `${'f'.repeat(32)} 65535`,
  ],
  ['UNKNOWN', text('PROXY UNKNOWN\r\n'), null],
  ['UNKNOWN and more', text('PROXY UNKNOWN ffff::1 whatever 65535 x\r\n'), null],
  ['binary IPv4', binaryHeader(PROXY, 0x11, ipv4Fields('192.0.2.1', 56324)), 'c0000201 56324'],
  ['binary IPv6', binaryHeader(PROXY, 0x21, ipv6Fields(V6, 7)), `${V6} 7`],
  [
    'binary mapped',
    binaryHeader(PROXY, 0x21, ipv6Fields('00000000000000000000ffffc0000201', 7)),
    'c0000201 7',
  ],
  ['binary Unix', binaryHeader(PROXY, 0x31, Buffer.alloc(216, 0x2f)), null],
  ['binary LOCAL', binaryHeader(LOCAL, 0, Buffer.alloc(0)), null],
  ['LOCAL with anything', binaryHeader(LOCAL, 0xff, Buffer.alloc(300, 3)), null],
  ['binary unspecified', binaryHeader(PROXY, 0, Buffer.alloc(9, 3)), null],
  [
    'fields',
    binaryHeader(
      PROXY,
      0x11,
      Buffer.concat([
        ipv4Fields('192.0.2.1', 1),
        field(1, text('h2')),
        field(4, Buffer.alloc(0)),
        field(0x20, Buffer.alloc(700, 3)),
        field(0xee, Buffer.alloc(3000)),
      ]),
    ),
    'c0000201 1',
  ],
  ['checksum', withChecksum(PROXY, 0x11, ipv4Fields('192.0.2.1', 1)), 'c0000201 1'],
  [
    'checksum and fields',
    withChecksum(PROXY, 0x21, Buffer.concat([ipv6Fields(V6, 2), field(2, text('example.org'))])),
    `${V6} 2`,
  ],
]

test.each(GOOD)('%s', (_, bytes, client) => {
  expect(read(bytes)).toEqual({ bytes: bytes.length, client })
  expect(naiveRead(bytes)).toEqual({ bytes: bytes.length, client })
  // What follows is the connection's.
  expect(read(Buffer.concat([bytes, text('GET / HTTP/1.1\r\n\r\n')]))).toEqual({
    bytes: bytes.length,
    client,
  })
})

test('every length of every header is incomplete, but the whole', () => {
  for (const [, bytes] of GOOD) {
    for (let end = 0; end < bytes.length; end++) {
      expect(read(bytes.subarray(0, end))).toBe('incomplete')
    }
  }
})

test('the checksum is CRC32c', () => expect(naiveCrc32c(text('123456789'))).toBe(0xe3069283))

describe('refused', () => {
  const fields = ipv4Fields('192.0.2.1', 1)
  const v2 = binaryHeader(PROXY, 0x11, fields)
  const changed = (at: number, to: number) => {
    const copy = Buffer.from(v2)
    copy[at] = to
    return copy
  }
  test.each([
    ['a request', text('GET / HTTP/1.1\r\n')],
    ['TLS', Buffer.from('1603010200', 'hex')],
    ['small letters', text('proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n')],
    ['bare LF', text('PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n')],
    ['two spaces', text('PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n')],
    ['a space at the end', text('PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n')],
    ['no ports', text('PROXY TCP4 192.0.2.1 10.0.0.1\r\n')],
    ['one port', text('PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n')],
    ['nothing', text('PROXY TCP4 \r\n')],
    ['a port too large', text('PROXY TCP4 192.0.2.1 10.0.0.1 65536 2\r\n')],
    ['a port with a zero', text('PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n')],
    ['a wrong second port', text('PROXY TCP4 192.0.2.1 10.0.0.1 1 -2\r\n')],
    ['an octet with a zero', text('PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n')],
    ['a wrong destination', text('PROXY TCP4 192.0.2.1 10.0.0 1 2\r\n')],
    ['IPv6 as TCP4', text('PROXY TCP4 2001:db8::1 ::1 1 2\r\n')],
    ['IPv4 as TCP6', text('PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n')],
    ['an address with a port', text('PROXY TCP4 192.0.2.1:5 10.0.0.1 1 2\r\n')],
    ['brackets', text('PROXY TCP6 [2001:db8::1] ::1 1 2\r\n')],
    ['UDP', text('PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n')],
    ['UNKNOWNx', text('PROXY UNKNOWNx\r\n')],
    ['108 bytes', text(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
    ['107 bytes without an end', text(`PROXY UNKNOWN ${'x'.repeat(93)}`)],
    ['another signature', changed(11, 0x0b)],
    ['version 1', changed(12, 0x11)],
    ['command 2', changed(12, 0x22)],
    ['a datagram', changed(13, 0x12)],
    ['a family that is none', changed(13, 0x41)],
    ['a transport that is none', changed(13, 0x13)],
    ['addresses cut off', changed(15, 11)],
    ['a field cut off', binaryHeader(PROXY, 0x11, Buffer.concat([fields, Buffer.from([5, 0])]))],
    [
      'a field longer than the header',
      binaryHeader(PROXY, 0x11, Buffer.concat([fields, Buffer.from([5, 0, 2, 1])])),
    ],
    [
      'a wrong checksum',
      binaryHeader(PROXY, 0x11, Buffer.concat([fields, field(3, Buffer.alloc(4, 1))])),
    ],
    [
      'a short checksum',
      binaryHeader(PROXY, 0x11, Buffer.concat([fields, field(3, Buffer.alloc(3))])),
    ],
    ['more than 4096 bytes', binaryHeader(PROXY, 0, Buffer.alloc(4081)).subarray(0, 16)],
  ])('%s', (_, bytes) => {
    expect(read(bytes)).toBe('bad')
    expect(naiveRead(bytes)).toBe('bad')
  })
})

test('any bytes are read as the naive parser reads them', () => {
  const random = randomWords(11)
  let good = 0
  for (let i = 0; i < 100_000; i++) {
    let bytes = Buffer.from(GOOD[random() % GOOD.length][1])
    for (let n = random() % 4; n > 0; n--) {
      const at = random() % (random() % 2 === 0 ? Math.min(bytes.length, 60) : bytes.length)
      const kind = random() % 4
      if (kind === 0) bytes[at] = random() % 256
      else if (kind === 1) bytes[at] ^= 1 << (random() % 8)
      else if (kind === 2) {
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
      } else {
        const some = text(' .:0159f\r\n')[random() % 10]
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([some]), bytes.subarray(at)])
      }
      if (bytes.length === 0) break
    }
    const expected = naiveRead(bytes)
    if (typeof expected === 'object') good++
    const found = read(bytes)
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      throw new Error(`${bytes.toString('hex')}: ${JSON.stringify([found, expected])}`)
    }
  }
  expect(good).toBeGreaterThan(20_000)
  expect(good).toBeLessThan(90_000)
})
