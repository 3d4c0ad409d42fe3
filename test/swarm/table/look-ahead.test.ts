// What a batch of announces reads ahead: the right rows, and only where that gains something.
import { expect, test } from 'bun:test'
import { ROW_BLOCK, TABLE_BUCKETS, TOTAL_TORRENTS } from '../../../src/swarm/layout.ts'
import { LookAhead } from '../../../src/swarm/table/look-ahead.ts'
import type { Table } from '../../../src/swarm/table/table.ts'
import {
  bucketAddress,
  bucketOf,
  findTorrent,
  INFO_HASH_WORDS,
} from '../../../src/swarm/table/torrents.ts'
import { Harness } from '../harness.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const

function lookAhead(harness: Harness, torrentsMin: number): LookAhead {
  return new LookAhead(harness.swarms, new Int32Array(harness.buffers.control), 8, torrentsMin)
}

test('it begins with a few packets and many torrents', () => {
  const harness = new Harness()
  const totals = new Int32Array(harness.buffers.control)
  const ahead = lookAhead(harness, 1000)
  totals[TOTAL_TORRENTS] = 999
  expect(ahead.isWorthwhile(8)).toBe(false)
  totals[TOTAL_TORRENTS] = 1000
  expect([1, 3, 4, 8].map((packets) => ahead.isWorthwhile(packets))).toEqual([
    false,
    false,
    true,
    true,
  ])
})

test.each(FAMILIES.flatMap((family) => [1, 6, 60].map((peers) => [family, peers] as const)))(
  'of %s with %p peers it reads row and peers of each torrent, and gives its hash',
  (family, peers) => {
    const harness = new Harness()
    for (let torrent = 0; torrent < 1000; torrent++) {
      for (let peer = 0; peer < peers; peer++) {
        harness.announce(family, torrent, peer * 4, { seeder: true, wanted: 0 })
      }
    }
    const ahead = lookAhead(harness, 0)
    const source = new Int32Array(INFO_HASH_WORDS)
    let others = 0
    for (let torrent = 0; torrent < 1000; torrent++) {
      harness.writeInfoHash(torrent, source)
      ahead.skip(0)
      ahead.hash(1, family === 'ipv4', source, 0)
      ahead.readAll(2)
      const hash = harness.hashOf(torrent)
      expect(ahead.hashes[1]).toBe(hash)
      const table = harness.tableOf(family, torrent)
      const { words } = table
      const row = findTorrent(table, source, 0, hash)
      const block = peers > 2 ? words[words[row + ROW_BLOCK]] : 0
      const first = words[bucketAddress(table, bucketOf(hash, bucketsOf(table)))]
      const expected = first ^ words[row] ^ words[row + table.rowWords - 1] ^ block
      if (ahead.read !== expected) others++
    }
    // Ten bits of hash in nine entries: one in a hundred is another torrent's row.
    expect(others).toBeLessThan(30)
  },
)

test('unknown torrents, and tables without any, read nothing wrong', () => {
  const harness = new Harness()
  const ahead = lookAhead(harness, 0)
  const source = new Int32Array(INFO_HASH_WORDS)
  harness.writeInfoHash(5, source)
  for (const ipv4 of [true, false]) ahead.hash(ipv4 ? 0 : 1, ipv4, source, 0)
  ahead.readAll(2)
  expect(ahead.read).toBe(0)
  harness.announce('ipv4', 6, 1)
  ahead.readAll(2)
  expect(ahead.hashes[0]).toBe(harness.hashOf(5))
})

function bucketsOf(table: Table): number {
  return table.control[table.header + TABLE_BUCKETS]
}
