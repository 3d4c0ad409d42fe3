import { describe, expect, test } from 'bun:test'
import { addressText, checkSocketAddress, parseSocketAddress } from '../../src/config/address.ts'

describe('an address with a port', () => {
  test.each([
    ['0.0.0.0:3000', { family: 4, host: '0.0.0.0', port: 3000 }],
    ['127.0.0.1:0', { family: 4, host: '127.0.0.1', port: 0 }],
    ['192.0.2.255:65535', { family: 4, host: '192.0.2.255', port: 65535 }],
    ['[::]:3000', { family: 6, host: '::', port: 3000 }],
    ['[2001:DB8:0:0:0:0:0:1]:1', { family: 6, host: '2001:db8::1', port: 1 }],
    ['[::1]:80', { family: 6, host: '::1', port: 80 }],
  ] as const)('%s is read', (text, expected) => {
    expect(parseSocketAddress(text)).toEqual(expected)
    expect(checkSocketAddress(text)).toBe(null)
  })

  test('is written as it is read', () => {
    for (const text of ['10.0.0.1:1', '[2001:db8::1]:65535']) {
      const address = parseSocketAddress(text)
      if ('fault' in address) throw new Error(text)
      expect(addressText(address)).toBe(text)
    }
  })
})

describe('a remedy fits the mistake:', () => {
  test.each([
    ['', "'0.0.0.0:3000'"],
    ['0.0.0.0', "'0.0.0.0:3000'"],
    ['3000', "'0.0.0.0:3000'"],
    [':3000', "'0.0.0.0:3000'"],
    ['*:3001', "'0.0.0.0:3001'"],
    ['localhost:3000', "'127.0.0.1:3000'"],
    ['::1', "'[::1]:3000'"],
    ['::1:3000', "'[::1]:3000'"],
    ['2001:db8::1:80', "'[2001:db8::1]:80'"],
    ['[127.0.0.1]:3000', 'without brackets'],
    ['[::ffff:192.0.2.1]:3000', 'as an IPv4 address'],
    ['[fe80::1%eth0]:3000', 'global address'],
    ['[]:3000', "'[::]:3000'"],
    ['udp://0.0.0.0:3000', 'only address and port'],
    ['"0.0.0.0:3000"', 'one pair of quotes'],
    ["'0.0.0.0:3000", 'one pair of quotes'],
    ['“0.0.0.0:3000”', 'one pair of quotes'],
    ['0.0.0.0:', 'port from 0 to 65535'],
    ['0.0.0.0:65536', 'port from 0 to 65535'],
    ['0.0.0.0:-1', 'port from 0 to 65535'],
    ['0.0.0.0:3000 ', "'0.0.0.0:3000'"],
    ['0.0.0.0: 3000', 'port from 0 to 65535'],
    ['0.0.0.0:http', 'port from 0 to 65535'],
    ['224.0.0.1:3000', 'address of this machine'],
    ['255.255.255.255:3000', 'address of this machine'],
    ['[ff02::1]:3000', 'address of this machine'],
    ['010.0.0.1:3000', 'in numbers'],
    ['1.2.3:3000', 'in numbers'],
    ['1.2.3.256:3000', 'in numbers'],
    [' 0.0.0.0:3000', "'0.0.0.0:3000'"],
    ['[::1]', "'[::]:3000'"],
    ['[::1]3000', "'[::]:3000'"],
    ['[:::1]:3000', "'[::]:3000'"],
    ['nonsense', "'0.0.0.0:3000'"],
    ['a:b:c', "'0.0.0.0:3000'"],
  ])('%p', (text, remedy) => {
    expect(checkSocketAddress(text)?.remedy).toContain(remedy)
  })
})
