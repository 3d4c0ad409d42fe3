// Memory for what is incomplete: bounded, and of use for every size again once it was given back.
import { expect, test } from 'bun:test'
import { BLOCK_BYTES_MAX, Blocks } from '../../src/tcp/blocks.ts'
import { randomWords } from '../support/random.ts'

const CHUNK_BYTES = 4 * BLOCK_BYTES_MAX
const SIZES = [0, 1, 2, 3, 4, 5, 6, 7]

/** All that there is of one size. */
function takeAll(blocks: Blocks, size: number): number[] {
  const taken: number[] = []
  for (let address = blocks.take(size); address !== 0; address = blocks.take(size)) {
    taken.push(address)
  }
  return taken
}

function giveAll(blocks: Blocks, addresses: readonly number[], size: number): void {
  for (const address of addresses) blocks.give(address, size)
}

test('a size has at least as many bytes as are asked for', () => {
  const blocks = new Blocks(CHUNK_BYTES)
  for (let bytes = 1; bytes <= BLOCK_BYTES_MAX; bytes++) {
    const size = blocks.sizeFor(bytes)
    expect(512 << size).toBeGreaterThanOrEqual(bytes)
    if (size > 0) expect(256 << size).toBeLessThan(bytes)
  }
})

test('memory that was full of blocks of one size can be filled with those of another', () => {
  const blocks = new Blocks(4 * CHUNK_BYTES)
  // The largest first and again: as after an attack by requests of one length.
  for (const size of [...SIZES].reverse().concat(SIZES)) {
    const taken = takeAll(blocks, size)
    expect([size, taken.length]).toEqual([size, (4 * CHUNK_BYTES) / (512 << size)])
    expect(new Set(taken).size).toBe(taken.length)
    giveAll(blocks, taken, size)
    expect(blocks.reserved).toBe(4 * CHUNK_BYTES)
  }
})

test('one block in use keeps its chunk, and no more', () => {
  const blocks = new Blocks(2 * CHUNK_BYTES)
  const [small] = [blocks.take(0)]
  const large = takeAll(blocks, 7)
  expect(large).toHaveLength(4)
  expect(blocks.take(3)).toBe(0)
  giveAll(blocks, large, 7)
  expect(takeAll(blocks, 3)).toHaveLength(CHUNK_BYTES / (512 << 3))
  blocks.give(small, 0)
  expect(takeAll(blocks, 6)).toHaveLength(CHUNK_BYTES / (512 << 6))
})

test('no two blocks overlap, however they come and go', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = randomWords(seed)
    const blocks = new Blocks(3 * CHUNK_BYTES)
    const owners = new Map<number, number>()
    const taken: { address: number; size: number }[] = []
    for (let step = 0; step < 20_000; step++) {
      // Now full, now empty.
      const fills = Math.floor(step / 2000) % 2 === 0
      if (random() % 10 < (fills ? 8 : 2)) {
        const size = random() % 8
        const address = blocks.take(size)
        if (address === 0) continue
        for (let at = address; at < address + (512 << size); at += 512) {
          if (owners.has(at)) throw new Error(`seed ${seed}: ${at} is in use twice`)
          owners.set(at, size)
        }
        taken.push({ address, size })
      } else if (taken.length > 0) {
        const [{ address, size }] = taken.splice(random() % taken.length, 1)
        for (let at = address; at < address + (512 << size); at += 512) owners.delete(at)
        blocks.give(address, size)
      }
    }
    for (const { address, size } of taken) blocks.give(address, size)
    for (const size of SIZES) {
      const all = takeAll(blocks, size)
      expect(all).toHaveLength((3 * CHUNK_BYTES) / (512 << size))
      giveAll(blocks, all, size)
    }
  }
})
