// How many peers of one address a torrent keeps, in swarms of every form.
import { describe, expect, test } from 'bun:test'
import { PLENTY } from '../../src/swarm/admission.ts'
import { DIRECTORY_BUCKETS } from '../../src/swarm/layout.ts'
import { setPeersPerAddress } from '../../src/swarm/memory.ts'
import { judgeBySample } from '../../src/swarm/peers/large.ts'
import type { Peer } from '../../src/swarm/peers/peer.ts'
import { ANNOUNCED, CROWDED, PEERS_FULL } from '../../src/swarm/status.ts'
import { bucketEnd, reverseBits } from '../../src/swarm/table/bucket-order.ts'
import { bucketOf } from '../../src/swarm/table/torrents.ts'
import { type Answer, Harness, testBuffers } from './harness.ts'
import { checkInvariants } from './invariants.ts'

const LIMITS = { maxTorrents: 1000, maxPeers: 1_000_000, workers: 1 }
const MOST = 32
const T = 1

type UdpFamily = 'ipv4' | 'ipv6'
const UDP: readonly UdpFamily[] = ['ipv4', 'ipv6']

const ATTACKER = 0x0a2b3c4d
/** The harness's peers have small numbers as addresses: no peer has these. */
const CROWD = 0x01000000

function limited(family: UdpFamily, most = MOST) {
  const buffers = testBuffers(LIMITS)
  setPeersPerAddress(buffers, most)
  const harness = new Harness(buffers)
  const announce = (address: number, port: number, seeder = false, host = 0): Answer => {
    const words = family === 'ipv4' ? [address, 0, 0, 0] : [0x20010db8, address, host, port]
    return harness.announceAs(family, T, words, port, { seeder })
  }
  return {
    harness,
    announce,
    /** Announces ports of an address; `seeding` says which of them seed; returns how many are kept. */
    flood: (address: number, seeding = (_port: number) => false, ports = 2000): number => {
      let kept = 0
      for (let port = 1; port <= ports; port++) {
        if (announce(address, port, seeding(port)).status === ANNOUNCED) kept++
      }
      return kept
    },
    /** Peers of as many addresses. */
    crowd: (count: number): void => {
      for (let i = 0; i < count; i++) announce(CROWD + i, 1 + (i % 60_000), i % 2 === 0)
    },
    peers: (): number => {
      const { seeders, leechers } = harness.scrape(family, T)
      return seeders + leechers
    },
  }
}

describe.each(UDP)('%s peers of one address', (family) => {
  test.each([0, 1, 10, 31, 47, 60, 150, 300])('are limited beside %d others', (others) => {
    for (const seeding of [() => false, () => true, (port: number) => port % 2 === 0]) {
      const swarm = limited(family)
      swarm.crowd(others)
      expect(swarm.flood(ATTACKER, seeding)).toBe(MOST)
      expect(swarm.peers()).toBe(others + MOST)
      checkInvariants(swarm.harness)
      // Others are not affected.
      expect(swarm.announce(ATTACKER + 1, 7).status).toBe(ANNOUNCED)
    }
  })

  test.each([1000, 50_000])('hardly get beyond that among %d others', (others) => {
    const swarm = limited(family)
    swarm.crowd(others)
    const kept = swarm.flood(ATTACKER, (port) => port % 2 === 0, 65_535)
    expect(kept).toBeGreaterThanOrEqual(MOST)
    expect(kept).toBeLessThan(2 * MOST + others * 0.025)
    checkInvariants(swarm.harness)
  })

  test('are hardly ever refused when there are half as many as allowed, in torrents of all sizes', () => {
    let refused = 0
    let asked = 0
    for (const others of [10, 300, 1000, 3000, 20_000]) {
      const swarm = limited(family)
      swarm.crowd(others)
      for (let address = 0; address < 200; address++) {
        for (let i = 0; i < MOST / 2; i++) {
          asked++
          const { status } = swarm.announce(ATTACKER + address, 1 + i * 37, i % 2 === 0)
          if (status !== ANNOUNCED) refused++
        }
      }
    }
    expect(refused).toBeLessThan(asked / 1000)
  })

  test('beyond the limit get an answer as good as others get', () => {
    for (const others of [40, 400]) {
      const swarm = limited(family)
      swarm.crowd(others)
      swarm.flood(ATTACKER)
      const all = { seeders: others / 2, leechers: others / 2 + MOST }
      const asLeecher = swarm.announce(ATTACKER, 60_000)
      expect(asLeecher).toMatchObject({ status: CROWDED, ...all })
      expect(asLeecher.peers.length).toBe(50)
      const asSeeder = swarm.announce(ATTACKER, 60_000, true)
      expect(asSeeder).toMatchObject({ status: CROWDED, ...all, peersSeeding: 0 })
      expect(asSeeder.peers.length).toBe(50)
      expect(swarm.peers()).toBe(others + MOST)
      checkInvariants(swarm.harness)
    }
  })

  test('are answered with everybody when they want more than there are', () => {
    for (const others of [4, 40, 60]) {
      const swarm = limited(family, 3)
      swarm.crowd(others)
      swarm.flood(ATTACKER)
      const words = family === 'ipv4' ? [ATTACKER, 0, 0, 0] : [0x20010db8, ATTACKER, 0, 9]
      const { peers } = swarm.harness.announceAs(family, T, words, 60_000, { wanted: 242 })
      expect(peers.length).toBe(others + 3)
    }
  })

  test('are limited to the very number in a large swarm of one role', () => {
    const swarm = limited(family, 60)
    for (let i = 0; i < 100; i++) swarm.announce(CROWD + i, 1)
    expect(swarm.flood(ATTACKER)).toBe(60)
    expect(swarm.peers()).toBe(160)
  })

  test('beyond the limit are given seeders and leechers in proportion', () => {
    for (const others of [1, 100]) {
      // As many seeders as leechers; of the latter one is the attacker's.
      const swarm = limited(family, 1)
      for (let i = 0; i < others; i++) swarm.announce(CROWD + i, 1, true)
      for (let i = 1; i < others; i++) swarm.announce(CROWD + others + i, 1)
      expect(swarm.flood(ATTACKER)).toBe(1)
      const words = family === 'ipv4' ? [ATTACKER, 0, 0, 0] : [0x20010db8, ATTACKER, 0, 9]
      let seeding = 0
      for (let i = 0; i < 1000; i++) {
        const answer = swarm.harness.announceAs(family, T, words, 60_000, { wanted: others })
        expect(answer.peers.length).toBe(others)
        seeding += answer.peersSeeding
      }
      expect(Math.abs(seeding / 1000 / others - 0.5)).toBeLessThan(others === 1 ? 0.05 : 0.001)
    }
  })

  test('that are kept go on, change roles and make room when they leave', () => {
    const swarm = limited(family)
    swarm.crowd(100)
    const kept = Array.from({ length: MOST }, (_, i) => i + 1)
    for (const port of kept) expect(swarm.announce(ATTACKER, port).status).toBe(ANNOUNCED)
    expect(swarm.announce(ATTACKER, MOST + 1).status).toBe(CROWDED)
    for (const port of kept) expect(swarm.announce(ATTACKER, port, true).status).toBe(ANNOUNCED)
    expect(swarm.announce(ATTACKER, MOST + 1).status).toBe(CROWDED)
    const words = family === 'ipv4' ? [ATTACKER, 0, 0, 0] : [0x20010db8, ATTACKER, 0, 5]
    swarm.harness.leaveAs(family, T, words, 5)
    expect(swarm.announce(ATTACKER, MOST + 1).status).toBe(ANNOUNCED)
    expect(swarm.announce(ATTACKER, MOST + 2).status).toBe(CROWDED)
  })

  test('are limited at once when the limit falls, and no longer when it is 0', () => {
    const swarm = limited(family)
    swarm.crowd(10)
    for (let port = 1; port <= 20; port++) swarm.announce(ATTACKER, port)
    setPeersPerAddress(swarm.harness.buffers, 5)
    expect(swarm.announce(ATTACKER, 21).status).toBe(CROWDED)
    expect(swarm.announce(ATTACKER, 20).status).toBe(ANNOUNCED)
    setPeersPerAddress(swarm.harness.buffers, 0)
    expect(swarm.announce(ATTACKER, 21).status).toBe(ANNOUNCED)
  })

  test('may be as many as there are ports without a limit, and from this machine', () => {
    const here = family === 'ipv4' ? 127 : 0
    for (const [most, address] of [
      [0, ATTACKER],
      [MOST, here],
    ]) {
      const swarm = limited(family, most)
      if (family === 'ipv4') expect(swarm.flood(address, () => false, 65_535)).toBe(65_535)
      else for (let port = 1; port <= 65_535; port++) loopback(swarm.harness, address, port)
      expect(swarm.peers()).toBe(65_535)
      checkInvariants(swarm.harness)
    }
  })
})

function loopback(harness: Harness, address: number, port: number): void {
  const words = address === 0 ? [0, 0, 0, 1 << 24] : [0x20010db8, address, 0, port]
  const { status } = harness.announceAs('ipv6', T, words, port, { wanted: 3 })
  if (status !== ANNOUNCED) expect(status).toBe(ANNOUNCED)
}

test('an IPv6 address is a /64: hosts count together, networks do not', () => {
  const swarm = limited('ipv6', 4)
  for (let host = 1; host <= 4; host++) {
    expect(swarm.announce(ATTACKER, 1, false, host).status).toBe(ANNOUNCED)
  }
  expect(swarm.announce(ATTACKER, 1, false, 5).status).toBe(CROWDED)
  expect(swarm.announce(ATTACKER + 1, 1, false, 5).status).toBe(ANNOUNCED)
  const words = [0x20010db9, ATTACKER, 0, 1]
  expect(swarm.harness.announceAs('ipv6', T, words, 1).status).toBe(ANNOUNCED)
})

test('WebSocket peers have no address', () => {
  const buffers = testBuffers(LIMITS)
  setPeersPerAddress(buffers, 1)
  const harness = new Harness(buffers)
  // What a search of IPv4 peers has counted does not affect them.
  for (const port of [1, 2]) harness.announceAs('ipv4', T, [ATTACKER, 0, 0, 0], port)
  for (let peer = 0; peer < 200; peer++) {
    expect(harness.announce('websocket', T, peer).status).toBe(ANNOUNCED)
  }
})

test('a set is judged by one of its buckets, whatever its size', () => {
  const [table] = new Harness(testBuffers(LIMITS)).swarms.ipv4
  const directory = 1 << 12
  const words = table.words
  for (let buckets = 1; buckets <= 100; buckets++) {
    words[directory + DIRECTORY_BUCKETS] = buckets
    for (let bucket = 0; bucket < buckets; bucket++) {
      // The bucket holds one of so many equal parts of all hashes, of which eight are an address each.
      const first = reverseBits(bucket)
      let end = bucketEnd(first, buckets)
      while (end < 2 ** 32 && bucketOf(reverseBits(end), buckets) === bucket) {
        end = bucketEnd(end, buckets)
      }
      const share = Math.max(1, 2 ** 32 / (end - first) / 8)
      const judge = (count: number) => judgeBySample(table, directory, bucket, count)
      expect([judge(0), judge(1), judge(4), judge(5), judge(9)], `${bucket} of ${buckets}`).toEqual(
        share === 1 ? [0, 1, 4, 5, 9] : [0, 0, 0, share, 5 * share],
      )
    }
  }
})

test('the gate is told what is left from an eighth on, for torrents and for peers', () => {
  const told: Record<'newTorrent' | 'newPeer', number[]> = { newTorrent: [], newPeer: [] }
  const tell = (what: 'newTorrent' | 'newPeer') => (_: Peer, left: number) => {
    told[what].push(left)
    return ANNOUNCED
  }
  const harness = new Harness(testBuffers({ ...LIMITS, maxTorrents: 16, maxPeers: 32 }))
  harness.swarms.admission.gate = {
    newTorrent: tell('newTorrent'),
    newPeer: tell('newPeer'),
  }
  for (let torrent = 1; torrent <= 17; torrent++) harness.announce('ipv4', torrent, 1)
  expect(told.newTorrent).toEqual([...new Array(14).fill(PLENTY), 2, 1, 0])
  for (let peer = 2; peer <= 20; peer++) harness.announce('ipv4', 1, peer)
  // Asked only where little is left.
  expect(told.newPeer).toEqual([4, 3, 2, 1, 0, 0, 0])
})

test('a full tracker refuses before and behind the limit alike', () => {
  const buffers = testBuffers({ ...LIMITS, maxPeers: 10 })
  setPeersPerAddress(buffers, 4)
  const harness = new Harness(buffers)
  const announce = (address: number, port: number) =>
    harness.announceAs('ipv4', T, [address, 0, 0, 0], port).status
  for (let port = 1; port <= 4; port++) expect(announce(ATTACKER, port)).toBe(ANNOUNCED)
  expect(announce(ATTACKER, 5)).toBe(CROWDED)
  for (let i = 0; i < 6; i++) expect(announce(CROWD + i, 1)).toBe(ANNOUNCED)
  expect(announce(ATTACKER, 5)).toBe(CROWDED)
  expect(announce(CROWD + 6, 1)).toBe(PEERS_FULL)
})
