import { expect, test } from 'bun:test'
import { BlockList, isIPv4 } from 'node:net'
import { addressWords } from '../../src/tcp/client-address.ts'
import { Networks } from '../../src/tcp/networks.ts'
import { randomWords } from '../support/random.ts'

function isIn(networks: readonly string[], address: string): boolean {
  const { ipv4, words } = addressWords(address)
  const [a0, a1, a2, a3] = words
  return new Networks(networks).has({ ipv4, a0, a1, a2, a3 })
}

test.each([
  [[], '192.0.2.1', false],
  [['192.0.2.1'], '192.0.2.1', true],
  [['192.0.2.1'], '192.0.2.2', false],
  [['192.0.2.0/25'], '192.0.2.127', true],
  [['192.0.2.0/25'], '192.0.2.128', false],
  [['0.0.0.0/0'], '203.0.113.9', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['::/0'], '2001:db8::1', true],
  [['::/0'], '203.0.113.9', false],
  [['2001:db8:1::/48'], '2001:db8:1:ffff::1', true],
  [['2001:db8:1::/49'], '2001:db8:1:8000::1', false],
  [['10.0.0.0/8', '2001:db8::1'], '2001:db8::1', true],
  // Both ways to write an IPv4 address are that address.
  [['::ffff:192.0.2.0/120'], '192.0.2.77', true],
  [['::ffff:192.0.2.0/120'], '192.0.3.77', false],
  [['192.0.2.0/24'], '::ffff:192.0.2.77', true],
] as const)('%j has %s: %p', (networks, address, expected) => {
  expect(isIn(networks, address)).toBe(expected)
})

test('any address is in the networks that the runtime finds it in', () => {
  const random = randomWords(5)
  const ipv4 = () => Array.from({ length: 4 }, () => random() % 3).join('.')
  const ipv6 = () => Array.from({ length: 8 }, () => (random() % 3).toString(16)).join(':')
  for (let i = 0; i < 5000; i++) {
    const base = random() % 2 === 0 ? ipv4() : ipv6()
    const bits = random() % (isIPv4(base) ? 33 : 129)
    const address = random() % 2 === 0 ? ipv4() : ipv6()
    const list = new BlockList()
    list.addSubnet(base, bits, isIPv4(base) ? 'ipv4' : 'ipv6')
    // The runtime finds IPv4 addresses in IPv6 networks that hold their mapped form.
    const sameFamily = isIPv4(base) === isIPv4(address)
    const expected = sameFamily && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
    expect([base, bits, address, isIn([`${base}/${bits}`], address)]).toEqual([
      base,
      bits,
      address,
      expected,
    ])
  }
})
