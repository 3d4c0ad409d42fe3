// Peers whose address nobody else can reach, over UDP: they are answered, but no other peer gets them.
import { describe, expect, test } from 'bun:test'
import { addressesFor } from '../peer-addresses/rules-for.ts'
import { infoHash } from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { UdpHarness } from './harness.ts'

const PUBLIC4 = '1.1.1.1'
const PUBLIC6 = '2606:4700::1'
const STOPPED = 3

/** The addresses of the peers that a public client of the same family gets, in the words of the answer. */
function peersAt(harness: UdpHarness, address: string): string[] {
  const asker = address.includes(':') ? '2606:4700::aaaa' : '8.8.8.8'
  return harness.announce(asker, { port: 9 }).peers.filter((peer) => !peer.endsWith(':9'))
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  test.each([
    ['0.0.0.0', 'reserved'],
    ['0.1.2.3', 'reserved'],
    ['127.0.0.1', 'private'],
    ['10.1.2.3', 'private'],
    ['172.16.9.9', 'private'],
    ['192.168.1.5', 'private'],
    ['100.64.1.1', 'private'],
    ['169.254.3.3', 'reserved'],
    ['192.0.2.7', 'reserved'],
    ['198.51.100.7', 'reserved'],
    ['203.0.113.7', 'reserved'],
    ['198.18.0.7', 'reserved'],
    ['224.0.0.7', 'reserved'],
    ['240.0.0.7', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::', 'reserved'],
    ['::1', 'private'],
    ['fd00::7', 'private'],
    ['fe80::7', 'reserved'],
    ['2001:db8::7', 'reserved'],
    ['ff02::7', 'reserved'],
  ])('%s is answered with peers, but not stored beside public ones', (address, kind) => {
    const harness = new UdpHarness({ addresses: addressesFor() })
    const other = address.includes(':') ? PUBLIC6 : PUBLIC4
    const [seen] = [harness.announce(other).peers]
    expect(seen).toEqual([])
    harness.forgetCounts()
    const answer = harness.announce(address)
    expect(answer.peers).toHaveLength(1)
    expect(answer.leechers).toBe(1)
    expect(harness.counts).toMatchObject({
      [`rejected_${kind}_address`]: 1,
      requests_announce: 1,
      responses_announce: 1,
    })
    expect(peersAt(harness, address)).toHaveLength(1)
  })

  test.each(['127.0.0.1', '192.168.1.5', '::1', 'fd00::7'])(
    '%s is stored where there are no public peers',
    (address) => {
      const harness = new UdpHarness({ addresses: addressesFor() })
      harness.announce(address)
      expect(harness.announce(address, { port: 3 }).peers).toHaveLength(1)
      expect(harness.counts.rejected_private_address).toBeUndefined()
    },
  )

  test('one that was stored before leaves with its next announce', () => {
    const harness = new UdpHarness({ addresses: addressesFor() })
    harness.announce('192.168.1.5')
    expect(harness.announce(PUBLIC4).peers).toHaveLength(1)
    expect(harness.announce('192.168.1.5').peers).toHaveLength(1)
    expect(harness.announce('8.8.8.8').leechers).toBe(1)
  })

  test('one that was stored before can leave', () => {
    const harness = new UdpHarness({ addresses: addressesFor() })
    harness.announce('192.168.1.5')
    harness.announce(PUBLIC4)
    harness.announce('192.168.1.5', { event: STOPPED })
    expect(harness.counts.rejected_private_address).toBeUndefined()
    expect(harness.announce('8.8.8.8').leechers).toBe(1)
  })

  test('one that is not stored creates no torrent', () => {
    const harness = new UdpHarness({ addresses: addressesFor({ privatePeers: 'refuse' }) })
    const answer = harness.announce('10.0.0.1', { infoHash: infoHash(77) })
    expect([answer.peers.length, answer.leechers, answer.seeders]).toEqual([0, 0, 0])
    expect(harness.scrape('10.0.0.1', infoHash(77))).toEqual([
      { seeders: 0, completed: 0, leechers: 0 },
    ])
  })

  test('one that is not stored gets peers of a large torrent', () => {
    const harness = new UdpHarness({ addresses: addressesFor() })
    for (let i = 0; i < 300; i++) harness.announce(`1.2.${i >> 8}.${i & 255}`)
    const { peers, leechers } = harness.announce('10.0.0.1', { numWant: 50 })
    expect([peers.length, leechers]).toEqual([50, 300])
    expect(harness.announce('10.0.0.2').leechers).toBe(300)
  })

  test('peers of the internal networks are given out with the external address', () => {
    const rules = { internal: ['192.168.0.0/16', 'fd00::/8'], externalIPv4: '9.9.9.9' }
    const harness = new UdpHarness({
      addresses: addressesFor({ ...rules, externalIPv6: '2606:4700::9' }),
    })
    harness.announce('192.168.1.5', { port: 5 })
    harness.announce('fd00::5', { port: 6 })
    expect(harness.announce(PUBLIC4).peers).toEqual(['9.9.9.9:5'])
    expect(harness.announce(PUBLIC6).peers).toEqual(['38.6.71.0.0.0.0.0.0.0.0.0.0.0.0.9:6'])
    expect(harness.announce('192.168.1.5', { port: 5 }).peers).toEqual(['1.1.1.1:6881'])
    expect(harness.announce('192.168.9.9', { port: 7 }).peers.toSorted()).toEqual([
      '1.1.1.1:6881',
      '9.9.9.9:5',
    ])
    harness.announce('192.168.1.5', { port: 5, event: STOPPED })
    expect(harness.announce(PUBLIC4).peers).toEqual(['9.9.9.9:7'])
  })
})
