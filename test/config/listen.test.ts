import { describe, expect, test } from 'bun:test'
import { addressText } from '../../src/config/address.ts'
import { duplicatesOf, listenAddresses } from '../../src/config/listen.ts'

/** Each entry as text: address, then its properties. */
function plan(address: string | string[], addressIpv6: string): string[] {
  return listenAddresses(address, addressIpv6).map((item) =>
    [
      addressText(item),
      ...(item.dualStack ? ['dual'] : []),
      ...(item.optional ? ['optional'] : []),
      ...(item.portFromIndex >= 0 ? [`port of ${item.portFromIndex}`] : []),
    ].join(' '),
  )
}

describe("address_ipv6 = 'auto'", () => {
  test('adds the IPv6 wildcard to the IPv4 wildcard, where the system has IPv6', () => {
    expect(plan('0.0.0.0:3000', 'auto')).toEqual(['0.0.0.0:3000', '[::]:3000 optional'])
  })

  test('adds nothing to an address that is not the wildcard', () => {
    expect(plan('127.0.0.1:3000', 'auto')).toEqual(['127.0.0.1:3000'])
    expect(plan('[::1]:3000', 'auto')).toEqual(['[::1]:3000'])
    expect(plan([], 'auto')).toEqual([])
  })

  test('adds one socket for each IPv4 wildcard of a list, and none that is there already', () => {
    expect(plan(['0.0.0.0:1', '0.0.0.0:2', '[::]:2', '192.0.2.1:3'], 'auto')).toEqual([
      '0.0.0.0:1',
      '0.0.0.0:2',
      '[::]:2',
      '192.0.2.1:3',
      '[::]:1 optional',
    ])
    expect(plan(['0.0.0.0:1', '0.0.0.0:1'], 'auto')).toEqual([
      '0.0.0.0:1',
      '0.0.0.0:1',
      '[::]:1 optional',
    ])
  })

  test('follows the port that the system chooses', () => {
    expect(plan(['127.0.0.1:0', '0.0.0.0:0'], 'auto')).toEqual([
      '127.0.0.1:0',
      '0.0.0.0:0',
      '[::]:0 optional port of 1',
    ])
  })
})

describe('an IPv6 wildcard in address', () => {
  test('takes IPv4 too when nothing else does on its port', () => {
    expect(plan('[::]:3000', 'auto')).toEqual(['[::]:3000 dual'])
    expect(plan('[::]:3000', '')).toEqual(['[::]:3000 dual'])
    expect(plan(['[0:0::0]:3000', '0.0.0.0:3001'], '')).toEqual(['[::]:3000 dual', '0.0.0.0:3001'])
  })

  test('takes IPv6 alone beside an IPv4 address with the same port', () => {
    expect(plan(['[::]:3000', '127.0.0.1:3000'], '')).toEqual(['[::]:3000', '127.0.0.1:3000'])
  })
})

test('an address in address_ipv6 must be opened and takes IPv6 alone', () => {
  expect(plan('0.0.0.0:3000', '[::]:3000')).toEqual(['0.0.0.0:3000', '[::]:3000'])
  expect(plan([], '[::]:3000')).toEqual(['[::]:3000'])
  expect(plan('', '[2001:db8::1]:3000')).toEqual(['[2001:db8::1]:3000'])
})

test("address_ipv6 = '' adds nothing", () => {
  expect(plan('0.0.0.0:3000', '')).toEqual(['0.0.0.0:3000'])
})

test('duplicates are found in any spelling, and port 0 is none', () => {
  const duplicates = (address: string[], ipv6: string) =>
    duplicatesOf(listenAddresses(address, ipv6))
  expect(duplicates(['[2001:db8::1]:1', '[2001:0db8:0::1]:1'], 'auto')).toEqual(['[2001:db8::1]:1'])
  expect(duplicates(['127.0.0.1:1', '127.0.0.1:1', '127.0.0.1:1'], '')).toEqual(['127.0.0.1:1'])
  expect(duplicates(['[::]:1'], '[::]:1')).toEqual(['[::]:1'])
  expect(duplicates(['0.0.0.0:0', '0.0.0.0:0'], 'auto')).toEqual([])
  expect(duplicates(['0.0.0.0:1', '127.0.0.1:1'], 'auto')).toEqual([])
})
