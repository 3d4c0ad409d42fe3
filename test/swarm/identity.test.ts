// Peers and torrents are told apart by every word of their identity: tested with others that differ in
// a single word, for each word, in swarms of every form.

import { describe, expect, test } from 'bun:test'
import { ListBuilder } from '../../src/access-list/build.ts'
import { AccessList, MODE_ALLOW } from '../../src/access-list/list.ts'
import { findSlot, isSame } from '../../src/access-list/slots.ts'
import { hashWords } from '../../src/memory/half-sip-hash.ts'
import { isMapped } from '../../src/os/message.ts'
import { PEER_CONNECTION } from '../../src/swarm/layout.ts'
import { isOwner } from '../../src/swarm/owner.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { findTorrent, hashInfoHash, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { ConnectionLimits, createConnectionLimits } from '../../src/tcp/connection-limits.ts'
import { MEMBER_WORDS, Memberships } from '../../src/ws/worker/memberships.ts'
import { connectionsOf } from '../tcp/connections-of.ts'
import { FAMILIES, type Family, GENERATION, Harness, testBuffers } from './harness.ts'
import { checkInvariants } from './invariants.ts'

const LIMITS = { maxTorrents: 1000, maxPeers: 100_000, workers: 1 }
const T = 3

interface Identity {
  readonly words: readonly number[]
  readonly port: number
}

const BASE: Record<Family, Identity> = {
  ipv4: { words: [0x0a000001, 0, 0, 0, 0], port: 0x1234 },
  ipv6: { words: [0x20010db8, 0x11, 0x22, 0x33, 0], port: 0x1234 },
  websocket: { words: [0x2d575457, 1, 2, 3, 4], port: GENERATION },
}
/** How many words make the identity, and whether the port does. */
const WORDS: Record<Family, number> = { ipv4: 1, ipv6: 4, websocket: 5 }

/** Each differs from `base` in one bit of one word, or of the port. */
function neighbours(family: Family, bits: readonly number[]): Identity[] {
  const base = BASE[family]
  const all: Identity[] = []
  for (let word = 0; word < WORDS[family]; word++) {
    for (const bit of bits) {
      all.push({ ...base, words: base.words.with(word, (base.words[word] ^ (1 << bit)) | 0) })
    }
  }
  if (family === 'websocket') return all
  return [
    ...all,
    ...bits.flatMap((bit) => (bit < 16 ? [{ ...base, port: base.port ^ (1 << bit) }] : [])),
  ]
}

const ALL_BITS = Array.from({ length: 32 }, (_, bit) => bit)

describe.each(FAMILIES)('%s peers', (family) => {
  // In the row, in a block, and in hashed buckets.
  test.each([[[31]], [[0, 15, 31]], [ALL_BITS]])(
    'that differ in one of bits %j are different peers',
    (bits) => {
      for (const seeders of [false, true]) {
        const harness = new Harness(testBuffers(LIMITS))
        const others = neighbours(family, bits)
        const announce = ({ words, port }: Identity, seeder: boolean) =>
          harness.announceAs(family, T, words, port, { seeder, wanted: 0 })
        expect(announce(BASE[family], seeders).status).toBe(ANNOUNCED)
        // Peers that are not there cannot leave.
        for (const { words, port } of others) harness.leaveAs(family, T, words, port)
        for (const [i, other] of others.entries()) {
          const { seeders: s, leechers: l } = announce(other, seeders)
          expect(s + l, `${i}`).toBe(i + 1)
        }
        // All again, in the other role: none is new.
        for (const peer of [...others, BASE[family]]) {
          const { seeders: s, leechers: l } = announce(peer, !seeders)
          expect(s + l).toBe(others.length)
        }
        checkInvariants(harness)
        for (const [i, { words, port }] of others.entries()) {
          const { seeders: s, leechers: l } = harness.leaveAs(family, T, words, port)
          expect(s + l, `${i}`).toBe(others.length - i)
        }
        const { seeders: s, leechers: l } = harness.scrape(family, T)
        expect([s, l]).toEqual(seeders ? [0, 1] : [1, 0])
      }
    },
  )
})

test('a WebSocket peer is changed by its connection alone: neither worker, slot nor generation may differ', () => {
  const harness = new Harness(testBuffers(LIMITS))
  const [table] = harness.swarms.websocket
  const at = 1 << 12
  const peer = new Peer()
  table.words[at + PEER_CONNECTION] = 0x05000007
  table.words[at + table.stride - 1] = 0x1234
  for (const [connection, generation, owns] of [
    [0x05000007, 0x1234, true],
    [0x05000006, 0x1234, false],
    [0x04000007, 0x1234, false],
    [0x05000007, 0x1235, false],
    [0x05000007, 0x0234, false],
  ] as const) {
    peer.connection = connection
    peer.port = generation
    expect(isOwner(table, at, peer)).toBe(owns)
  }
})

/** The words changed in one bit each. */
function oneBitOff(words: readonly number[]): number[][] {
  return words.flatMap((word, i) => ALL_BITS.map((bit) => words.with(i, (word ^ (1 << bit)) | 0)))
}

test('torrents are told apart by each word of the info hash, also when their hashes are equal', () => {
  const harness = new Harness(testBuffers(LIMITS))
  const table = harness.tableOf('ipv4', T)
  const infoHash = new Int32Array(INFO_HASH_WORDS)
  harness.writeInfoHash(T, infoHash)
  const hash = hashInfoHash(table, infoHash, 0)
  harness.announce('ipv4', T, 1)
  expect(findTorrent(table, infoHash, 0, hash)).not.toBe(0)
  const found = oneBitOff([...infoHash]).filter(
    (other) => findTorrent(table, Int32Array.from(other), 0, hash) !== 0,
  )
  expect(found).toEqual([])
})

describe('an access list', () => {
  const KEYS = { key0: 1, key1: 2 }
  const LISTED = [11, 12, 13, 14, 15]
  const build = (...hashes: number[][]) => {
    const builder = new ListBuilder(hashes.length, KEYS)
    for (const infoHash of hashes) builder.add(Int32Array.from(infoHash))
    return builder.finish(MODE_ALLOW)
  }
  const hashOf = (words: readonly number[]) =>
    hashWords(Int32Array.from(words), 0, 5, KEYS.key0, KEYS.key1)

  test('tells info hashes apart by each word, also when their hashes are equal', () => {
    const list = new AccessList(build(LISTED))
    const hash = hashOf(LISTED)
    expect(list.forbids(Int32Array.from(LISTED), 0, hash)).toBe(false)
    for (const other of oneBitOff(LISTED)) {
      expect(list.forbids(Int32Array.from(other), 0, hash)).toBe(true)
      expect(isSame(Int32Array.from(LISTED), 0, Int32Array.from(other), 0)).toBe(false)
    }
  })

  test('takes an info hash with a single word that is not 0 for one that is there', () => {
    for (let word = 0; word < 5; word++) {
      const infoHash = [0, 0, 0, 0, 0].with(word, 77)
      const data = build(infoHash)
      const list = new AccessList(data)
      const words = Int32Array.from(infoHash)
      expect(
        findSlot(new Int32Array(data.slots), data.slotCount, words, 0, hashOf(infoHash)),
      ).toBeGreaterThanOrEqual(0)
      expect(list.forbids(words, 0, hashOf(infoHash))).toBe(false)
      expect(list.forbids(new Int32Array(5), 0, hashOf(infoHash))).toBe(true)
    }
  })
})

test('an IPv6 source stands for an IPv4 one only with each of its first words right', () => {
  const mapped = [10, 0, 0, 0, 0xffff0000 | 0, 0x01020304]
  expect(isMapped(Int32Array.from(mapped), 0)).toBe(true)
  for (const other of oneBitOff(mapped.slice(2, 5))) {
    expect(isMapped(Int32Array.from([10, 0, ...other, 0x01020304]), 0)).toBe(false)
  }
})

describe('connections', () => {
  test('know their peers by each word of info hash and peer id', () => {
    const words = Array.from({ length: MEMBER_WORDS }, (_, i) => 100 + i)
    const memberships = new Memberships()
    const find = (of: readonly number[]) =>
      memberships.find(Int32Array.from(of), 0, Int32Array.from(of), 5)
    memberships.add(Int32Array.from(words), 0, Int32Array.from(words), 5)
    expect(find(words)).toBe(0)
    for (const other of oneBitOff(words)) expect(find(other)).toBe(-1)
  })

  test('count for each address by both of its words', () => {
    const table = createConnectionLimits(512)
    const limits = new ConnectionLimits(table, 512, 0)
    // A table that is half full: most have neighbours that differ in one word.
    const addresses = Array.from({ length: 256 }, (_, i) => [i >> 4, i & 15] as const)
    for (const [high, low] of addresses) limits.enter(high, low)
    for (const [high, low] of addresses) expect(connectionsOf(table, high, low)).toBe(1)
    for (const [high, low] of addresses) limits.enter(high, low)
    for (const [high, low] of addresses) expect(connectionsOf(table, high, low)).toBe(2)
  })
})
