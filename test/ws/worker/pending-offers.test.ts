// What a connection remembers of the offers it was sent, beside a Map that does the same.
import { expect, test } from 'bun:test'
import { LARGEST_BLOCK, OfferBlocks } from '../../../src/ws/worker/offer-blocks.ts'
import { PENDING_OFFERS_MAX, PendingOffers, taken } from '../../../src/ws/worker/pending-offers.ts'
import { randomWords } from '../../support/random.ts'

interface Entry {
  readonly offerer: readonly [number, number]
  readonly isOld: boolean
}

/** Keys that begin alike share their places. */
function keyOf(random: () => number, keys: number): readonly [number, number] {
  const key = random() % keys
  return [(key % 7) * 64, key | 0]
}

test('are those that were added and not taken, however they share their places', () => {
  const random = randomWords(5)
  for (const keys of [4, 40, 400, 1500]) {
    const pending = new PendingOffers(0)
    let model = new Map<string, Entry>()
    for (let step = 0; step < 20_000; step++) {
      const [hash, id] = keyOf(random, keys)
      const name = `${hash} ${id}`
      const deed = random() % 1000
      if (deed === 0) {
        const kept = [...model].filter(([, { isOld }]) => !isOld)
        model = new Map(kept.map(([kept, entry]) => [kept, { ...entry, isOld: true }]))
        expect(pending.rotate()).toBe(model.size === 0)
      } else if (deed < 600 && pending.hasRoom) {
        const offerer = [random() | 0, random() & 0xffff] as const
        pending.add(hash, id, ...offerer)
        model.set(name, { offerer, isOld: false })
      } else {
        const entry = model.get(name)
        expect(pending.take(hash, id)).toBe(entry !== undefined)
        if (entry !== undefined) {
          expect([taken.connection, taken.generation]).toEqual([...entry.offerer])
        }
        model.delete(name)
      }
      expect(pending.full).toBe(model.size >= PENDING_OFFERS_MAX)
    }
    for (const name of model.keys()) {
      const [hash, id] = name.split(' ').map(Number)
      expect(pending.take(hash, id)).toBe(true)
    }
    pending.release()
  }
})

test('can be as many as are on their way when there are enough, and no more', () => {
  const pending = new PendingOffers(0)
  let added = 0
  while (pending.hasRoom) pending.add(added, added++, 1, 1)
  expect(added).toBeGreaterThan(PENDING_OFFERS_MAX)
  for (let key = 0; key < added; key++) expect(pending.take(key, key)).toBe(true)
  expect(pending.rotate()).toBe(true)
})

test('share memory that is used again, whatever the sizes', () => {
  const random = randomWords(6)
  const blocks = new OfferBlocks()
  const held: { chunk: ReturnType<OfferBlocks['take']>; at: number; size: number; mark: number }[] =
    []
  let most = 0
  let words = 0
  const giveSome = (left: number) => {
    while (held.length > left) {
      const [{ chunk, at, size, mark }] = held.splice(random() % held.length, 1)
      const block = chunk.words.subarray(at, at + (32 << size))
      expect(block.every((word) => word === mark)).toBe(true)
      words -= block.length
      blocks.give(chunk, at)
    }
  }
  for (let round = 0; round < 60; round++) {
    // Rounds of small ones and rounds of large ones.
    const sizes = round % 2 === 0 ? 3 : 9
    for (let i = 0; i < 300; i++) {
      const size = random() % sizes
      const chunk = blocks.take(size)
      const { at } = blocks
      const block = chunk.words.subarray(at, at + (32 << size))
      expect(block.every((word) => word === 0)).toBe(true)
      const mark = random() | 0
      block.fill(mark)
      held.push({ chunk, at, size, mark })
      words += block.length
      most = Math.max(most, words)
      if (random() % 3 === 0) giveSome(held.length - 1)
    }
    giveSome(round % 3 === 0 ? 0 : 20)
  }
  expect(blocks.reserved).toBeLessThan(most * 2 + 9 * LARGEST_BLOCK)
})
