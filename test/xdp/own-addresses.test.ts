// Addresses from which no packet can come: the table that is asked for each packet, against a Set, and which addresses
// of the machine are put into it.
import { expect, test } from 'bun:test'
import { localAddresses, unsendableAddresses } from '../../src/xdp/local-addresses.ts'
import { ADDRESS_WORDS, OwnAddresses } from '../../src/xdp/own-addresses.ts'
import { addressBytes } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'

const local = (host: string, broadcast: string | null = null) => ({
  card: 'eth0',
  isLoopback: false,
  family: host.includes(':') ? (6 as const) : (4 as const),
  host,
  bytes: [...addressBytes(host)],
  broadcast: broadcast === null ? null : [...addressBytes(broadcast)],
})

function has(own: OwnAddresses, host: string): boolean {
  const words = new Int32Array(6)
  const bytes = addressBytes(host)
  new Uint8Array(words.buffer).set(bytes, 4)
  return bytes.length === 4 ? own.hasIPv4(words[1]) : own.hasIPv6(words, 1)
}

test('nothing is in it at first', () => {
  for (const host of ['10.0.0.1', '2001:db8::1', '255.255.255.255']) {
    expect(has(new OwnAddresses(), host)).toBe(false)
  }
})

test('our addresses are, and those of everybody in our networks, and no others', () => {
  const own = new OwnAddresses()
  own.set(
    unsendableAddresses([
      local('192.0.2.1', '192.0.2.255'),
      local('10.0.0.1'),
      local('2001:db8::1'),
      local('fe80::1'),
    ]),
  )
  for (const host of ['192.0.2.1', '192.0.2.255', '10.0.0.1', '2001:db8::1', 'fe80::1']) {
    expect([host, has(own, host)]).toEqual([host, true])
  }
  const others = ['192.0.2.2', '192.0.2.0', '10.0.0.255', '2001:db8::2', 'c000:201::', '::a00:1']
  for (const host of others) expect([host, has(own, host)]).toEqual([host, false])
  own.set(unsendableAddresses([local('10.0.0.2')]))
  expect([has(own, '10.0.0.2'), has(own, '192.0.2.1')]).toEqual([true, false])
})

test.each([1, 2, 3, 50, 5000])('of %i addresses each is found, and no neighbour', (count) => {
  const random = randomWords(count)
  const words = new Int32Array(count * ADDRESS_WORDS)
  // Few different values, so that many collide.
  for (let i = 0; i < words.length; i++) words[i] = random() % 9
  const keyAt = (at: number) => words.subarray(at, at + ADDRESS_WORDS).join()
  const own = new OwnAddresses()
  own.set(words)
  const known = new Set<string>(['0,0,0,0'])
  for (let at = 0; at < words.length; at += ADDRESS_WORDS) {
    known.add(keyAt(at))
    expect(own.hasIPv6(words, at)).toBe(true)
  }
  const asked = new Int32Array(ADDRESS_WORDS)
  for (let i = 0; i < 20_000; i++) {
    for (let n = 0; n < ADDRESS_WORDS; n++) asked[n] = random() % 12
    expect(own.hasIPv6(asked, 0)).toBe(known.has(asked.join()))
  }
})

test('the addresses of this machine are among them, but those of its loopback interface', () => {
  for (const { host } of localAddresses()) expect(host).not.toMatch(/^(127\.|::1$)/)
  const own = new OwnAddresses()
  own.set(unsendableAddresses())
  for (const { host } of localAddresses()) expect([host, has(own, host)]).toEqual([host, true])
})
