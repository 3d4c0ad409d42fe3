// Which packets are the tracker's, and what is said about cards: as far as it follows from settings and addresses.
import { describe, expect, test } from 'bun:test'
import { listenAddresses } from '../../../src/config/listen.ts'
import { cardDestinations, destinationsOf, sharedQueues } from '../../../src/udp/main/xdp-cards.ts'
import { addressBytes } from '../../support/packets.ts'

const LOCAL = [
  { card: 'eth0', family: 4 as const, host: '192.0.2.1' },
  { card: 'eth1', family: 4 as const, host: '192.0.2.2' },
  { card: 'eth0', family: 6 as const, host: '2001:db8::1' },
].map((local) => withBytes({ ...local, isLoopback: false, broadcast: null }))

function withBytes<T extends { readonly host: string }>(local: T) {
  return { ...local, bytes: [...addressBytes(local.host)] }
}

function destinations(address: string | string[], address_ipv6 = '', ipv6_only = false): string[] {
  const list = destinationsOf(listenAddresses({ address, address_ipv6, ipv6_only }), LOCAL)
  return list.map(({ address, firstPort }) => {
    const own = LOCAL.find(({ bytes }) => bytes.join() === address.join())
    return `${own?.host ?? address.join('.')} ${firstPort}`
  })
}

describe('ours are packets to', () => {
  test.each([
    ['an address alone', '192.0.2.1:3000', '', ['192.0.2.1 3000']],
    [
      'each of a list, with its own port',
      ['192.0.2.1:3000', '192.0.2.2:4000'],
      '',
      ['192.0.2.1 3000', '192.0.2.2 4000'],
    ],
    ['an address that the machine does not have yet', '192.0.2.9:3000', '', ['192.0.2.9 3000']],
    ['all of a family, for its wildcard', '0.0.0.0:3000', '', ['192.0.2.1 3000', '192.0.2.2 3000']],
    [
      'all addresses, for both wildcards',
      '0.0.0.0:3000',
      'auto',
      ['192.0.2.1 3000', '192.0.2.2 3000', '2001:db8::1 3000'],
    ],
    [
      'all addresses, for a wildcard of both',
      '[::]:3000',
      '',
      ['192.0.2.1 3000', '192.0.2.2 3000', '2001:db8::1 3000'],
    ],
    [
      'IPv6 alone beside IPv4 of its own',
      ['192.0.2.1:3000', '[::]:3000'],
      '',
      ['192.0.2.1 3000', '2001:db8::1 3000'],
    ],
  ])('%s', (_, address, ipv6, expected) => {
    expect(destinations(address, ipv6)).toEqual(expected)
  })

  test('IPv6 alone, if that is wanted', () => {
    expect(destinations('[::]:3000', '', true)).toEqual(['2001:db8::1 3000'])
  })
})

test('packets to the VLANs of a card are left to the kernel, also to one within another', () => {
  const vlans = new Map([
    ['eth0.5', 'eth0'],
    ['eth0.5.6', 'eth0.5'],
    ['eth1.5', 'eth1'],
  ])
  const hosts = ['192.0.2.1', '192.0.2.5', '192.0.2.56', '192.0.2.15', '192.0.2.2']
  const cards = ['eth0', 'eth0.5', 'eth0.5.6', 'eth1.5', 'lo']
  const local = hosts.map((host, i) => ({ ...LOCAL[0], host, card: cards[i] })).map(withBytes)
  const addresses = (address: string | string[]) =>
    listenAddresses({ address, address_ipv6: '', ipv6_only: false })
  for (const address of ['0.0.0.0:3000', hosts.map((host) => `${host}:3000`)]) {
    const list = cardDestinations(
      'eth0',
      addresses(address),
      local,
      (name) => vlans.get(name) ?? null,
    )
    expect(list.map(({ address }) => address.join('.'))).toEqual([
      '192.0.2.1',
      '192.0.2.15',
      '192.0.2.2',
    ])
  }
})

describe('workers and queues', () => {
  const card = { index: 2, mac: new Uint8Array(6), mtu: 1500, isUp: true }
  const cards = [
    { name: 'eth0', card, queues: 2 },
    { name: 'eth1', card, queues: 4 },
  ]

  test('of the same number are not worth a word', () => {
    expect(sharedQueues(cards, 4, true)).toBeNull()
  })

  test('too few workers: who serves several, and both remedies', () => {
    expect(sharedQueues(cards, 3, true)).toMatch(
      /eth1 has 4 receive queues for 3 socket workers.* socket_workers = 4.*ethtool -L eth1 combined 3/,
    )
  })

  test('too many workers: how many have none, if somebody chose that number', () => {
    expect(sharedQueues(cards, 6, true)).toMatch(/6 socket workers: 2 of them serve only/)
    expect(sharedQueues(cards, 6, false)).toBeNull()
  })
})
