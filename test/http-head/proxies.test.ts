import { describe, expect, test } from 'bun:test'
import { parse } from '../../src/http/wire/parse.ts'
import { HttpRequest } from '../../src/http/wire/request.ts'
import { CLIENT_KNOWN, TrustedProxies } from '../../src/http-head/proxies.ts'
import { Networks } from '../../src/tcp/networks.ts'
import { get } from '../http/harness.ts'
import { addressBytes } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { setSource } from '../udp/harness.ts'
import { ProxyList } from './naive-proxies.ts'

const PROXIES = ['10.0.0.0/8', '192.0.2.1', '2001:db8:1::/48', '198.51.100.128/25']

/** The address in hexadecimal digits; null where nobody knows it. */
function sourceOf(from: string, header: string, values: readonly string[]): string | null {
  const proxies = new TrustedProxies(new Networks(PROXIES), header)
  const request = new HttpRequest()
  request.proxyHeader = proxies.header
  const fields = values.map((value) => `${header}:${value}\r\n`).join('')
  const bytes = Buffer.from(get('/', 'HTTP/1.1', fields), 'latin1')
  if (parse(request, bytes, 0, bytes.length) <= 0) throw new Error('no request')
  setSource(request.source, addressBytes(from))
  if (proxies.readSource(request, bytes) !== CLIENT_KNOWN) return null
  const { ipv4, a0, a1, a2, a3 } = request.source
  return Buffer.from(Int32Array.from(ipv4 ? [a0] : [a0, a1, a2, a3]).buffer).toString('hex')
}

const hex = (address: string) => addressBytes(address).toString('hex')

describe('X-Forwarded-For', () => {
  test.each([
    ['203.0.113.9', ['198.51.100.7'], '203.0.113.9'],
    ['10.1.2.3', [' 198.51.100.7 '], '198.51.100.7'],
    ['10.1.2.3', ['198.51.100.7:4711'], '198.51.100.7'],
    ['10.1.2.3', ['1.1.1.1, 198.51.100.7'], '198.51.100.7'],
    ['10.1.2.3', ['1.1.1.1, 198.51.100.7, 192.0.2.1,10.9.9.9'], '198.51.100.7'],
    ['10.1.2.3', ['1.1.1.1', '198.51.100.7', '192.0.2.1'], '198.51.100.7'],
    ['10.1.2.3', ['unknown, 198.51.100.7'], '198.51.100.7'],
    ['10.1.2.3', ['10.4.4.4'], '10.4.4.4'],
    ['10.1.2.3', ['198.51.100.200, 10.4.4.4'], '198.51.100.200'],
    ['2001:db8:1:9::1', ['2001:db8:2::5'], '2001:db8:2::5'],
    ['2001:db8:1:9::1', ['[2001:db8:2::5]:4711'], '2001:db8:2::5'],
    ['2001:db8:2::1', ['198.51.100.7'], '2001:db8:2::1'],
    ['10.1.2.3', ['::ffff:198.51.100.7'], '198.51.100.7'],
  ])('from %s with %j: %s', (from, values, client) =>
    expect(sourceOf(from, 'X-Forwarded-For', values)).toBe(hex(client)),
  )

  test.each([[[]], [['']], [['unknown']], [['198.51.100.7,']], [['198.51.100.7, unknown']]])(
    'a trusted proxy that sends %j tells of nobody',
    (values) => expect(sourceOf('10.1.2.3', 'X-Forwarded-For', values)).toBeNull(),
  )

  test('no more than sixteen proxies in a row are skipped', () => {
    const value = `198.51.100.7${', 10.0.0.1'.repeat(40)}`
    expect(sourceOf('10.1.2.3', 'X-Forwarded-For', [value])).toBe(hex('10.0.0.1'))
  })
})

describe('Forwarded', () => {
  test.each([
    ['for=198.51.100.7', '198.51.100.7'],
    ['For="198.51.100.7:4711";proto=https', '198.51.100.7'],
    ['proto=https; for="[2001:db8:2::5]:1"', '2001:db8:2::5'],
    ['for=1.1.1.1, for=198.51.100.7;by=10.0.0.1, for=192.0.2.1', '198.51.100.7'],
    ['for="a, b", for=198.51.100.7', '198.51.100.7'],
    // A proxy may quote what the client has sent.
    ['host="a;for=1.1.1.1";for=198.51.100.7', '198.51.100.7'],
    ['host="a\\";for=1.1.1.1";for=198.51.100.7', '198.51.100.7'],
    // A quote of the client's that does not end takes nothing of what the proxy adds.
    ['for="x, for=198.51.100.7', '198.51.100.7'],
  ])('%s', (value, client) => expect(sourceOf('10.1.2.3', 'Forwarded', [value])).toBe(hex(client)))

  test.each(['for=unknown', 'for=_hidden', 'proto=https', 'for=', 'for="', 'for="198.51.100.7'])(
    '%s tells of nobody',
    (value) => expect(sourceOf('10.1.2.3', 'Forwarded', [value])).toBeNull(),
  )
})

test.each(['X-Forwarded-For', 'Forwarded'])(
  '%s is read as the WebTorrent tracker reads it, whatever it is',
  (header) => {
    const list = new ProxyList(PROXIES, header)
    const random = randomWords(3)
    const parts = [
      'for=',
      '"',
      ',',
      ';',
      ' ',
      '10.0.0.1',
      '198.51.100.7',
      '[2001:db8::1]',
      ':80',
      'x',
    ]
    for (let i = 0; i < 20_000; i++) {
      const value = Array.from(
        { length: 1 + (random() % 9) },
        () => parts[random() % parts.length],
      ).join('')
      const theirs = list.clientOf('10.1.2.3', value)
      const ours = sourceOf('10.1.2.3', header, [value])
      if (ours !== (theirs.header === 'believed' ? hex(theirs.address) : null)) {
        throw new Error(`${JSON.stringify(value)}: ${ours}, ${JSON.stringify(theirs)}`)
      }
    }
  },
)
