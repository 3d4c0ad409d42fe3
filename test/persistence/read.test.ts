// Files that a killed process, a bad disk or a newer version has left: refused whole, never half-loaded.
import { describe, expect, test } from 'bun:test'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { FileFault } from '../../src/config/named-file.ts'
import { BlockReader, SnapshotRefused } from '../../src/persistence/block-reader.ts'
import { BlockWriter } from '../../src/persistence/block-writer.ts'
import { momentNow } from '../../src/persistence/boot.ts'
import {
  BLOCK_HEAD_WORDS,
  BLOCK_IPV4,
  END_BYTES,
  HEAD_BYTES,
  SUM_BYTES,
  snapshotSum,
} from '../../src/persistence/format.ts'
import { loadSnapshot } from '../../src/persistence/read.ts'
import { writeSnapshot } from '../../src/persistence/write.ts'
import { PIECE_HEAD_WORDS } from '../../src/swarm/walks/export.ts'
import { folderOfFile, linkOf } from '../support/folder.ts'
import { Harness } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'

const folder = folderOfFile()
let files = 0
const newPath = () => join(folder, `${files++}`)

const BOOT = new Uint8Array(16).fill(3)

function load(harness: Harness, path: string): void {
  const { swarms } = harness
  const now = momentNow(BOOT)
  loadSnapshot({ path, swarms, now, maxAge: 1200, countDownloads: true })
}

/** Descriptors of this process that lead to a file. */
function openOnes(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === path).length
}

test('a file is closed once it has been read, and once it is refused', async () => {
  const path = newPath()
  const harness = new Harness()
  harness.announce('ipv4', 1, 1, { now: momentNow(BOOT).monotonic })
  await writeSnapshot({ path, swarms: harness.swarms, bootId: BOOT, gently: false })
  load(new Harness(), path)
  expect(openOnes(path)).toBe(0)
  writeFileSync(path, 'x'.repeat(1000))
  expect(() => load(new Harness(), path)).toThrow('is not a snapshot')
  expect(openOnes(path)).toBe(0)
  // As a control: what is open is found.
  const file = openSync(path, 'r')
  expect(openOnes(path)).toBe(1)
  closeSync(file)
})

test('anything but a file is refused, and not the same as none', () => {
  expect(load(new Harness(), newPath())).toBeUndefined()
  expect(() => load(new Harness(), folder)).toThrow(FileFault)
})

test('a file that becomes shorter while it is read is refused', async () => {
  const path = newPath()
  const harness = new Harness()
  for (let peer = 0; peer < 1000; peer++) {
    harness.announce('ipv4', peer, 1, { now: momentNow(BOOT).monotonic })
  }
  await writeSnapshot({ path, swarms: harness.swarms, bootId: BOOT, gently: false })
  const reader = BlockReader.open(path, new Map([[BLOCK_IPV4, 2]]))
  reader?.check()
  truncateSync(path, 5000)
  expect(() => [...(reader?.blocks() ?? [])]).toThrow('was truncated while it was being read')
  reader?.close()
})

test('a block may be longer than the writer has gathered room for', async () => {
  const parts: Uint8Array[] = []
  const writer = new BlockWriter(async (bytes) => void parts.push(bytes.slice()), BOOT)
  const words = new Int32Array(300_000).map((_, i) => i)
  writer.add(words, 10)
  writer.add(words, words.length)
  await writer.flush(BLOCK_IPV4)
  const bytes = Buffer.concat(parts)
  const written = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  expect([...written.subarray(0, 2)]).toEqual([BLOCK_IPV4, 300_010])
  expect(written.subarray(2, 12)).toEqual(words.subarray(0, 10))
  expect(written.subarray(12)).toEqual(words)
})

describe('a file that cannot be right is refused, and loads nothing', () => {
  const good = newPath()
  let bytes = Buffer.alloc(0)

  async function goodBytes(): Promise<Buffer> {
    if (bytes.length > 0) return bytes
    const harness = new Harness()
    const { monotonic } = momentNow(BOOT)
    for (let torrent = 0; torrent < 300; torrent++) {
      for (let peer = 0; peer <= torrent % 60; peer++) {
        harness.announce(peer % 4 === 0 ? 'ipv6' : 'ipv4', torrent, peer, { now: monotonic })
      }
    }
    await writeSnapshot({ path: good, swarms: harness.swarms, bootId: BOOT, gently: false })
    bytes = readFileSync(good)
    return bytes
  }

  function expectRefused(damaged: Uint8Array, reason: RegExp): void {
    const path = newPath()
    writeFileSync(path, damaged)
    const harness = new Harness()
    let refused: unknown
    try {
      load(harness, path)
    } catch (error) {
      refused = error
    }
    expect(refused).toBeInstanceOf(SnapshotRefused)
    expect((refused as Error).message).toMatch(reason)
    expect(checkInvariants(harness).torrents).toBe(0)
  }

  const body = HEAD_BYTES + BLOCK_HEAD_WORDS * 4
  const regions: [name: string, at: (size: number) => number, length: number][] = [
    ['the magic', () => 0, 8],
    ['the version', () => 8, 4],
    ['the start of the machine', () => 16, 16],
    ['a block’s kind', () => HEAD_BYTES, 4],
    ['a block’s size', () => HEAD_BYTES + 4, 4],
    ['an info hash', () => body, 20],
    ['a count of downloads', () => body + 20, 4],
    ['a count of peers', () => body + 24, 4],
    ['a peer', () => body + PIECE_HEAD_WORDS * 4, 8],
    ['the middle', (size) => size >> 1, 64],
    ['the end', (size) => size - SUM_BYTES - END_BYTES, END_BYTES],
    ['the checksum', (size) => size - SUM_BYTES, SUM_BYTES],
  ]

  test.each(regions)('a changed bit in %s', async (_, place, length) => {
    const original = await goodBytes()
    const at = place(original.length)
    for (let i = 0; i < length; i++) {
      const damaged = Buffer.from(original)
      damaged[at + i] ^= 1 << (i % 8)
      expectRefused(damaged, /damaged|not a snapshot|version/)
    }
  })

  test('every length but the right one', async () => {
    const original = await goodBytes()
    for (const length of [
      0,
      1,
      31,
      32,
      95,
      96,
      97,
      5000,
      original.length - 32,
      original.length - 1,
    ]) {
      expectRefused(original.subarray(0, length), /short|damaged/)
    }
    // The shortest that can be one has no block but the end.
    const shortest = HEAD_BYTES + END_BYTES + SUM_BYTES
    expectRefused(original.subarray(0, shortest - 1), /is too short/)
    expectRefused(original.subarray(0, shortest), /is damaged: its checksum is wrong/)
    expectRefused(Buffer.concat([original, Buffer.from([0])]), /damaged/)
  })

  test('a newer version', async () => {
    const newer = Buffer.from(await goodBytes())
    newer.writeUInt32LE(2, 8)
    expectRefused(newer, /has version 2, and this program knows up to 1/)
  })

  test('wrong contents under a right checksum', async () => {
    const original = await goodBytes()
    const sealed = (change: (bytes: Buffer) => void) => {
      const copy = Buffer.from(original)
      change(copy)
      const front = copy.subarray(0, -SUM_BYTES)
      return Buffer.concat([front, snapshotSum().update(front).digest()])
    }
    const end = original.length - SUM_BYTES - END_BYTES
    const changes: ((copy: Buffer) => void)[] = [
      (copy) => copy.writeUInt32LE(9, HEAD_BYTES),
      (copy) => copy.writeUInt32LE(0, HEAD_BYTES),
      (copy) => copy.writeUInt32LE(0xffffffff, HEAD_BYTES + 4),
      (copy) => copy.writeUInt32LE(copy.readUInt32LE(HEAD_BYTES + 4) - 1, HEAD_BYTES + 4),
      (copy) => copy.writeInt32LE(-1, body + 24),
      (copy) => copy.writeUInt32LE(1_000_000, body + 24),
      (copy) => copy.writeUInt32LE(1, end + 4),
      (copy) => copy.writeUInt32LE(1, end + 20),
      (copy) => copy.writeDoubleLE(1, end + 24),
    ]
    for (const change of changes) expectRefused(sealed(change), /damaged/)
    // The last block takes up all that is left, so that none is the end.
    const rest = (original.length - SUM_BYTES - HEAD_BYTES) / 4 - BLOCK_HEAD_WORDS
    const endless = sealed((copy) => copy.writeUInt32LE(rest, HEAD_BYTES + 4))
    const path = newPath()
    writeFileSync(path, endless)
    const reader = BlockReader.open(path, new Map())
    expect(() => [...(reader?.blocks() ?? [])]).toThrow('is damaged: it has no end')
    reader?.close()
  })
})
