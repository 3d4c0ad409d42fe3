// Which addresses are public, private or reserved: each border by name, and all of IPv4 and random IPv6 against a
// model that reads the same networks as text.
import { describe, expect, test } from 'bun:test'
import { classOf, PRIVATE, PUBLIC, RESERVED } from '../../src/peer-addresses/address-class.ts'
import { Networks } from '../../src/tcp/networks.ts'
import { addressBytes } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { wordOf } from '../udp/harness.ts'

const PRIVATE_NETWORKS = new Networks([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  'fc00::/7',
  '::1',
])
const RESERVED_NETWORKS = new Networks([
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '2001:db8::/32',
  '2001:2::/48',
  '3fff::/20',
])
const GLOBAL = new Networks(['2000::/3'])
const SIX_TO_FOUR = new Networks(['2002::/16'])

function words(address: string): [boolean, number, number, number, number] {
  const bytes = addressBytes(address)
  const word = (i: number) => (bytes.length > i * 4 ? wordOf(bytes, i * 4) : 0)
  return [bytes.length === 4, word(0), word(1), word(2), word(3)]
}

function modelOf(ipv4: boolean, a0: number, a1: number, a2: number, a3: number): number {
  const address = { ipv4, a0, a1, a2, a3 }
  if (PRIVATE_NETWORKS.has(address)) return PRIVATE
  if (RESERVED_NETWORKS.has(address)) return RESERVED
  if (ipv4) return PUBLIC
  if (!GLOBAL.has(address)) return RESERVED
  if (!SIX_TO_FOUR.has(address)) return PUBLIC
  const inside = modelOf(true, (a0 >>> 16) | (a1 << 16), 0, 0, 0)
  return inside === PUBLIC ? PUBLIC : RESERVED
}

describe('one by one', () => {
  test.each([
    ['1.1.1.1', PUBLIC],
    ['9.255.255.255', PUBLIC],
    ['10.0.0.0', PRIVATE],
    ['100.63.255.255', PUBLIC],
    ['100.64.0.0', PRIVATE],
    ['100.127.255.255', PRIVATE],
    ['100.128.0.0', PUBLIC],
    ['127.0.0.1', PRIVATE],
    ['169.254.1.1', RESERVED],
    ['172.15.255.255', PUBLIC],
    ['172.31.255.255', PRIVATE],
    ['172.32.0.0', PUBLIC],
    ['192.168.1.5', PRIVATE],
    ['198.17.255.255', PUBLIC],
    ['198.19.255.255', RESERVED],
    ['198.20.0.0', PUBLIC],
    ['223.255.255.255', PUBLIC],
    ['224.0.0.1', RESERVED],
    ['255.255.255.255', RESERVED],
    ['0.0.0.0', RESERVED],
    ['2606:4700::1', PUBLIC],
    ['2001:0:1234::1', PUBLIC],
    ['2001:db8::1', RESERVED],
    ['2001:2::1', RESERVED],
    ['2001:2:1::1', PUBLIC],
    ['3fff:fff::1', RESERVED],
    ['3fff:1000::1', PUBLIC],
    ['2002:0808:0808::1', PUBLIC],
    ['2002:7f00:0001::1', RESERVED],
    ['2002:c0a8:0105::1', RESERVED],
    ['fd00::1', PRIVATE],
    ['::1', PRIVATE],
    ['::2', RESERVED],
    ['::', RESERVED],
    ['fe80::1', RESERVED],
    ['fec0::1', RESERVED],
    ['ff02::1', RESERVED],
    ['64:ff9b::808:808', RESERVED],
    ['100::1', RESERVED],
  ])('%s', (address, kind) => expect(classOf(...words(address))).toBe(kind))
})

/** Their third octets decide too. */
const MIXED = [100, 169, 172, 192, 198, 203]

test('all IPv4 networks are as in the model', () => {
  for (let first = 0; first < 256; first++) {
    const thirds = MIXED.includes(first) ? 256 : 1
    for (let i = 0; i < 256 * thirds; i++) {
      const address = first | ((i & 255) << 8) | ((i >>> 8) << 16) | (7 << 24)
      if (classOf(true, address, 0, 0, 0) !== modelOf(true, address, 0, 0, 0)) {
        throw new Error(`differs for the octets ${first}.${i & 255}.${i >>> 8}`)
      }
    }
  }
})

test('random IPv6 addresses, most of them near a border, are as in the model', () => {
  const random = randomWords(17)
  const below = (count: number) => random() % count
  const first = [
    0x2001, 0x2002, 0x3fff, 0xfc00, 0xfdff, 0xfe00, 0xfe80, 0xff02, 0, 0x1fff, 0x2000, 0x4000,
  ]
  const second = [0xdb8, 2, 0, 0xfff, 0x1000, 0x7f00, 0xc0a8, 0xdb7]
  for (let i = 0; i < 200_000; i++) {
    const groups = Array.from({ length: 8 }, (_, at) => {
      if (at === 0 && below(8) > 0) return first[below(first.length)]
      if (at === 1 && below(4) > 0) return second[below(second.length)]
      return below(3) === 0 ? below(0x10000) : below(2)
    })
    const address = groups.map((group) => group.toString(16)).join(':')
    const found = classOf(...words(address))
    if (found !== modelOf(...words(address))) throw new Error(`${address} is ${found}`)
  }
})
