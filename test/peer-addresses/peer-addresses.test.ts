// When private peers are stored, and who is stored with the site's external address.
import { describe, expect, test } from 'bun:test'
import { createPublicPeers, type PeerAddresses } from '../../src/peer-addresses/peer-addresses.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { ANNOUNCED, PRIVATE_ADDRESS, RESERVED_ADDRESS } from '../../src/swarm/status.ts'
import { addressBytes } from '../support/packets.ts'
import { START, setSource } from '../udp/harness.ts'
import { addressesFor, DEFAULT_RULES, MAX_AGE } from './rules-for.ts'

function peerAt(address: string): Peer {
  const peer = new Peer()
  setSource(peer, addressBytes(address))
  return peer
}

const place = (addresses: PeerAddresses, address: string) => addresses.place(peerAt(address))

/** The words of the address that a peer is stored with. */
function storedAs(addresses: PeerAddresses, address: string): number[] {
  const peer = peerAt(address)
  expect(addresses.place(peer)).toBe(ANNOUNCED)
  return [peer.a0, peer.a1, peer.a2, peer.a3]
}

function wordsOf(address: string): number[] {
  const { a0, a1, a2, a3 } = peerAt(address)
  return [a0, a1, a2, a3]
}

describe('private peers', () => {
  test('are stored by default as long as there are no public ones of their family', () => {
    const addresses = addressesFor()
    expect(place(addresses, '192.168.1.5')).toBe(ANNOUNCED)
    expect(place(addresses, '127.0.0.1')).toBe(ANNOUNCED)
    expect(place(addresses, 'fd00::5')).toBe(ANNOUNCED)
    expect(place(addresses, '1.1.1.1')).toBe(ANNOUNCED)
    expect(place(addresses, '192.168.1.5')).toBe(PRIVATE_ADDRESS)
    expect(place(addresses, '127.0.0.1')).toBe(PRIVATE_ADDRESS)
    expect(place(addresses, 'fd00::5')).toBe(ANNOUNCED)
    expect(place(addresses, '::1')).toBe(ANNOUNCED)
    expect(place(addresses, '2606:4700::1')).toBe(ANNOUNCED)
    expect(place(addresses, 'fd00::5')).toBe(PRIVATE_ADDRESS)
    expect(place(addresses, '::1')).toBe(PRIVATE_ADDRESS)
  })

  test('are stored again when the last public one must have been forgotten', () => {
    const addresses = addressesFor()
    place(addresses, '1.1.1.1')
    addresses.setTime(START + MAX_AGE)
    expect(place(addresses, '10.0.0.1')).toBe(PRIVATE_ADDRESS)
    addresses.setTime(START + MAX_AGE + 17)
    expect(place(addresses, '10.0.0.1')).toBe(ANNOUNCED)
  })

  test('a public peer that announces again keeps them out', () => {
    const addresses = addressesFor()
    for (let now = START; now < START + 5 * MAX_AGE; now += MAX_AGE - 100) {
      addresses.setTime(now)
      expect(place(addresses, '1.1.1.1')).toBe(ANNOUNCED)
      expect(place(addresses, '10.0.0.1')).toBe(PRIVATE_ADDRESS)
    }
  })

  test('a public peer of one worker keeps them out of all', () => {
    const shared = createPublicPeers()
    const [one, other] = [addressesFor({}, shared), addressesFor({}, shared)]
    place(one, '1.1.1.1')
    expect(place(other, '10.0.0.1')).toBe(PRIVATE_ADDRESS)
  })

  test('store and refuse depend on nobody', () => {
    const store = addressesFor({ privatePeers: 'store' })
    place(store, '1.1.1.1')
    expect(place(store, '10.0.0.1')).toBe(ANNOUNCED)
    expect(place(addressesFor({ privatePeers: 'refuse' }), '10.0.0.1')).toBe(PRIVATE_ADDRESS)
  })

  test('the setting can change', () => {
    const addresses = addressesFor({ privatePeers: 'refuse' })
    const rules = { ...DEFAULT_RULES, privatePeers: 'store', storesReserved: true } as const
    addresses.configure(rules, MAX_AGE)
    expect(place(addresses, '10.0.0.1')).toBe(ANNOUNCED)
    expect(place(addresses, '192.0.2.1')).toBe(ANNOUNCED)
  })
})

test('reserved peers are not stored unless the setting says so', () => {
  for (const address of ['0.0.0.0', '169.254.7.7', '192.0.2.1', '224.0.0.1', '::', 'fe80::1']) {
    expect(place(addressesFor(), address)).toBe(RESERVED_ADDRESS)
    expect(place(addressesFor({ privatePeers: 'store' }), address)).toBe(RESERVED_ADDRESS)
    expect(place(addressesFor({ storesReserved: true }), address)).toBe(ANNOUNCED)
  }
})

describe('the external address', () => {
  const internal = ['192.168.0.0/16', 'fd00::/8', '8.8.0.0/16']
  const rules = { internal, externalIPv4: '9.9.9.9', externalIPv6: '2606:4700::9' }

  test('stands for peers of the internal networks, of each family', () => {
    const addresses = addressesFor(rules)
    place(addresses, '1.1.1.1')
    expect(storedAs(addresses, '192.168.7.7')).toEqual(wordsOf('9.9.9.9'))
    expect(storedAs(addresses, '8.8.1.1')).toEqual(wordsOf('9.9.9.9'))
    expect(storedAs(addresses, 'fd00::7')).toEqual(wordsOf('2606:4700::9'))
  })

  test('stands for nobody else', () => {
    const addresses = addressesFor(rules)
    expect(storedAs(addresses, '1.1.1.1')).toEqual(wordsOf('1.1.1.1'))
    expect(storedAs(addresses, '2606:4700::1')).toEqual(wordsOf('2606:4700::1'))
    expect(place(addresses, '10.0.0.1')).toBe(PRIVATE_ADDRESS)
    expect(place(addresses, 'fc00::1')).toBe(PRIVATE_ADDRESS)
  })

  test('of one family leaves the other as it is', () => {
    const addresses = addressesFor({ ...rules, externalIPv6: '' })
    expect(storedAs(addresses, 'fd00::7')).toEqual(wordsOf('fd00::7'))
    expect(storedAs(addresses, '192.168.7.7')).toEqual(wordsOf('9.9.9.9'))
  })

  test('says nothing about public peers: others of the site may be private', () => {
    const addresses = addressesFor(rules)
    expect(place(addresses, '192.168.7.7')).toBe(ANNOUNCED)
    expect(place(addresses, '10.0.0.1')).toBe(ANNOUNCED)
  })
})

describe('an address that a client names', () => {
  const takes = (addresses: PeerAddresses, claimed: string, source: string) =>
    addresses.takesClaim(peerAt(claimed), peerAt(source))

  test('is taken if a peer at it would be stored', () => {
    const addresses = addressesFor()
    expect(takes(addresses, '8.8.8.8', '10.0.0.1')).toBe(true)
    expect(takes(addresses, '10.0.0.2', '10.0.0.1')).toBe(true)
    expect(takes(addresses, '192.0.2.1', '10.0.0.1')).toBe(false)
    expect(takes(addressesFor({ storesReserved: true }), '192.0.2.1', '10.0.0.1')).toBe(true)
    expect(takes(addressesFor({ privatePeers: 'refuse' }), '10.0.0.2', '10.0.0.1')).toBe(false)
  })

  test('that is private is not taken from a client elsewhere', () => {
    expect(takes(addressesFor(), '10.0.0.2', '1.1.1.1')).toBe(false)
    expect(takes(addressesFor({ privatePeers: 'store' }), '10.0.0.2', '1.1.1.1')).toBe(true)
  })

  test('that is internal is not taken: only a source is mapped', () => {
    const rules = { internal: ['10.0.0.0/8'], externalIPv4: '9.9.9.9' }
    expect(takes(addressesFor(rules), '10.0.0.2', '1.1.1.1')).toBe(false)
    expect(takes(addressesFor({ ...rules, privatePeers: 'store' }), '10.0.0.2', '1.1.1.1')).toBe(
      false,
    )
  })
})
