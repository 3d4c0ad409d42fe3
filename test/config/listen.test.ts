import { describe, expect, test } from 'bun:test'
import { addressText } from '../../src/config/address.ts'
import { duplicatesOf, listenAddresses, listenFindings } from '../../src/config/listen.ts'

/** Each entry as text: address, then its properties. */
function plan(address: string | string[], address_ipv6: string, ipv6_only = false): string[] {
  return listenAddresses({ address, address_ipv6, ipv6_only }).map((item) =>
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
    duplicatesOf(listenAddresses({ address, address_ipv6: ipv6, ipv6_only: false }))
  expect(duplicates(['[2001:db8::1]:1', '[2001:0db8:0::1]:1'], 'auto')).toEqual(['[2001:db8::1]:1'])
  expect(duplicates(['127.0.0.1:1', '127.0.0.1:1', '127.0.0.1:1'], '')).toEqual(['127.0.0.1:1'])
  expect(duplicates(['[::]:1'], '[::]:1')).toEqual(['[::]:1'])
  expect(duplicates(['0.0.0.0:0', '0.0.0.0:0'], 'auto')).toEqual([])
  expect(duplicates(['0.0.0.0:1', '127.0.0.1:1'], 'auto')).toEqual([])
})

describe('ipv6_only', () => {
  test('makes the IPv4 wildcard that of IPv6, which must be there', () => {
    expect(plan('0.0.0.0:3000', 'auto', true)).toEqual(['[::]:3000'])
    expect(plan('0.0.0.0:0', 'auto', true)).toEqual(['[::]:0'])
    expect(plan(['0.0.0.0:1', '[::]:1', '0.0.0.0:2'], 'auto', true)).toEqual(['[::]:1', '[::]:2'])
  })

  test('takes IPv6 alone on [::]', () => {
    expect(plan('[::]:3000', 'auto', true)).toEqual(['[::]:3000'])
    expect(plan('[::]:3000', '', true)).toEqual(['[::]:3000'])
  })

  test('listens on address_ipv6 in place of the wildcard', () => {
    expect(plan('0.0.0.0:3000', '[2001:db8::1]:1', true)).toEqual(['[2001:db8::1]:1'])
    expect(plan([], '[::]:1', true)).toEqual(['[::]:1'])
  })

  const findings = (address: string | string[], address_ipv6: string) =>
    listenFindings({ address, address_ipv6, ipv6_only: true }).map(({ text }) => text)

  test('does not go with another IPv4 address, or with no IPv6 at all', () => {
    expect(findings('0.0.0.0:3000', 'auto')).toEqual([])
    expect(findings(['[::]:1', '192.0.2.1:1'], 'auto')).toEqual([
      '[network] ipv6_only = true, but address names 192.0.2.1:1, which is IPv4: delete it there, or ' +
        'set ipv6_only = false.',
    ])
    expect(findings('0.0.0.0:3000', '')[0]).toContain('the tracker would listen nowhere')
  })
})
