// Whose a connection is: what proxies say, and whom of them to believe, by the model that proxies.test.ts compares with.
import { describe, expect, test } from 'bun:test'
import { headerOfHost } from '../../src/tcp/client-address.ts'
import { randomWords } from '../support/random.ts'
import { ProxyList } from './naive-proxies.ts'

const proxies = new ProxyList(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])

test('only a listed proxy is believed', () => {
  const direct = (address: string) => ({ address, header: 'not trusted' as const })
  expect(proxies.clientOf('11.1.2.3', '2.2.2.2')).toEqual(direct('11.1.2.3'))
  expect(proxies.clientOf('11.1.2.3', null)).toEqual(direct('11.1.2.3'))
  expect(proxies.clientOf('2001:db9::5', '2.2.2.2')).toEqual(direct('2001:db9::5'))
  expect(proxies.clientOf('192.0.2.8', '2.2.2.2')).toEqual(direct('192.0.2.8'))
  expect(proxies.clientOf('', '2.2.2.2')).toEqual(direct(''))
  expect(new ProxyList([]).clientOf('::ffff:10.1.2.3', '2.2.2.2')).toEqual(direct('10.1.2.3'))
})

test.each([
  ['10.1.2.3', '2.2.2.2', '2.2.2.2'],
  ['192.0.2.7', '2.2.2.2', '2.2.2.2'],
  ['::ffff:10.1.2.3', '2.2.2.2', '2.2.2.2'],
  ['2001:db8::5', '2001:DB9::1', '2001:db9::1'],
  // Several: what the client says stands first.
  ['10.1.2.3', '1.1.1.1, 2.2.2.2', '2.2.2.2'],
  ['10.1.2.3', 'nonsense,2.2.2.2', '2.2.2.2'],
  // The last that is no proxy.
  ['10.1.2.3', '1.1.1.1, 2.2.2.2, 10.9.9.9', '2.2.2.2'],
  ['10.1.2.3', '2.2.2.2, 10.9.9.9:80, [2001:db8::9]:443, 192.0.2.7', '2.2.2.2'],
  ['10.1.2.3', '1.1.1.1, 2.2.2.2, 11.9.9.9, 10.9.9.9', '11.9.9.9'],
  // Nobody but proxies: whoever is farthest away.
  ['10.1.2.3', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
  // Ports, as gateways write them.
  ['10.1.2.3', '203.0.113.1:5001', '203.0.113.1'],
  ['10.1.2.3', '[2001:db9::1]:5001', '2001:db9::1'],
  ['10.1.2.3', '[2001:db9::1]', '2001:db9::1'],
  ['10.1.2.3', ' 2001:db9::1 ', '2001:db9::1'],
  ['10.1.2.3', '[::ffff:2.2.2.2]:1', '2.2.2.2'],
  // One address, however it is written: none of them is this machine's.
  ['10.1.2.3', '::FFFF:202:203', '2.2.2.3'],
  ['10.1.2.3', '0:0:0:0:0:ffff:2.2.2.3', '2.2.2.3'],
  ['10.1.2.3', '0000:0::ffff:fe02:ff03', '254.2.255.3'],
  ['10.1.2.3', '::1:ffff:202:203', '::1:ffff:202:203'],
  ['10.1.2.3', '::2.2.2.3', '::2.2.2.3'],
  ['::ffff:a01:203', '2.2.2.2', '2.2.2.2'],
  ['10.1.2.3', 'fe80::1%eth0', 'fe80::1'],
])('from %s, «%s» is of %s', (socket, header, address) =>
  expect(proxies.clientOf(socket, header)).toEqual({ address, header: 'believed' }),
)

test.each([
  [null, 'missing', '10.1.2.3'],
  ['', 'missing', '10.1.2.3'],
  ['  ', 'missing', '10.1.2.3'],
  ['unknown', 'not understood', '10.1.2.3'],
  ['2.2.2.2,', 'not understood', '10.1.2.3'],
  ['2.2.2.2, nonsense', 'not understood', '10.1.2.3'],
  ['2.2.2.2:', 'not understood', '10.1.2.3'],
  ['2.2.2.2:123456', 'not understood', '10.1.2.3'],
  ['2.2.2', 'not understood', '10.1.2.3'],
  ['[2001:db9::1', 'not understood', '10.1.2.3'],
  ['[2.2.2.2]x', 'not understood', '10.1.2.3'],
  // Who says nothing about its client stands for it.
  ['1.1.1.1, nonsense, 10.0.0.9', 'not understood', '10.0.0.9'],
] as const)('the header %p is %s, and counts for %s', (header, use, address) =>
  expect(proxies.clientOf('10.1.2.3', header)).toEqual({ address, header: use }),
)

describe('Forwarded', () => {
  const standard = new ProxyList(['10.0.0.0/8'], 'forwarded')

  test.each([
    ['for=2.2.2.2', '2.2.2.2'],
    ['For="[2001:db9::1]:4711"', '2001:db9::1'],
    ['by=10.0.0.1;for=2.2.2.2;host=a;proto=wss', '2.2.2.2'],
    ['for=1.1.1.1, for=2.2.2.2', '2.2.2.2'],
    ['for=1.1.1.1;by="a,;for=3.3.3.3", for="2.2.2.2:80" ; host="x\\",y", for=10.0.0.4', '2.2.2.2'],
    ['for="2\\.2.2.2"', '2.2.2.2'],
    // A client's quote that does not end takes nothing away from what its proxy adds.
    ['for=3.3.3.3;x=", for=2.2.2.2', '2.2.2.2'],
    ['for=3.3.3.3;x=", for="[2001:db9::1]:4711"', '2001:db9::1'],
    ['for=3.3.3.3;x="\\, for=4.4.4.4, for=2.2.2.2;by="10.0.0.1"', '2.2.2.2'],
  ])('%s is of %s', (header, address) =>
    expect(standard.clientOf('10.1.2.3', header)).toEqual({ address, header: 'believed' }),
  )

  test.each([
    'for=unknown',
    'for=_hidden',
    '2.2.2.2',
    'by=2.2.2.2',
    'for=',
    'for="2.2.2.2',
    ',',
    'xfor=2.2.2.2',
  ])('%p is not understood', (header) =>
    expect(standard.clientOf('10.1.2.3', header).header).toBe('not understood'),
  )

  test('X-Forwarded-For is another header', () => {
    expect(proxies.clientOf('10.1.2.3', 'for=2.2.2.2').header).toBe('not understood')
  })
})

test('nothing that a header holds throws, and the address is one', () => {
  const parts = [
    'for=',
    '"',
    '\\',
    ',',
    ';',
    '[',
    ']',
    ':',
    '2.2.2.2',
    '2001:db9::1',
    '10.0.0.1',
    ' ',
    '%',
    'x',
    '\u00ff',
  ]
  const random = randomWords(1)
  for (const list of [proxies, new ProxyList(['10.0.0.0/8'], 'Forwarded')]) {
    for (let i = 0; i < 20_000; i++) {
      const header = Array.from(
        { length: random() % 9 },
        () => parts[random() % parts.length],
      ).join('')
      const { address } = list.clientOf('10.1.2.3', header)
      expect(address).toMatch(/^(10\.1\.2\.3|2\.2\.2\.2|2001:db9::1|10\.0\.0\.1|[\da-f:.]+)$/)
    }
  }
})

test('what this machine asks itself names a client', () => {
  for (const header of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded']) {
    const list = new ProxyList(['127.0.0.1'], header)
    const client = list.clientOf('127.0.0.1', headerOfHost(header))
    expect(client).toEqual({ address: '127.0.0.1', header: 'believed' })
  }
})
