import { describe, expect, test } from 'bun:test'
import { KeyTableBuilder } from '../../src/access-keys/build.ts'
import { newHashKey } from '../../src/access-keys/key-hash.ts'
import { createKeyTable, findKey, isInUse, SLOT_WORDS } from '../../src/access-keys/table.ts'

const SLOTS = 6

function emptyTable(): Int32Array {
  const { slots, slotCount } = createKeyTable(3)
  expect(slotCount).toBe(SLOTS)
  return new Int32Array(slots)
}

function put(words: Int32Array, ...hash: number[]): number {
  const slot = findKey(words, SLOTS, Int32Array.from(hash))
  words.set(hash, slot)
  return slot / SLOT_WORDS
}

describe('the table', () => {
  test('continues at its front after the last slot', () => {
    const words = emptyTable()
    // The highest hashes belong into the last slot.
    const places = [1, 2, 3].map((n) => put(words, -1, n, 0, 0))
    expect(places).toEqual([5, 0, 1])
    const slot = findKey(words, SLOTS, Int32Array.of(-1, 3, 0, 0))
    expect([slot / SLOT_WORDS, isInUse(words, slot)]).toEqual([1, true])
  })

  test('tells hashes apart by each of their words', () => {
    const words = emptyTable()
    put(words, 5, 6, 7, 8)
    for (let word = 0; word < 4; word++) {
      const other = Int32Array.of(5, 6, 7, 8)
      other[word] ^= 1 << (word * 9)
      expect(isInUse(words, findKey(words, SLOTS, other))).toBe(false)
    }
    // Also one whose first words are 0 is in use.
    const place = put(words, 0, 0, 0, 9)
    expect(isInUse(words, place * SLOT_WORDS)).toBe(true)
    expect(put(words, 0, 0, 0, 10)).not.toBe(place)
  })

  test('holds as many keys as it was made for, however often they come', () => {
    const builder = new KeyTableBuilder(3, newHashKey())
    const add = (key: string) => builder.add(Buffer.from(key), 0, key.length, 0)
    for (const key of ['a', 'b', 'a', 'c', 'c']) add(key)
    expect(builder.keys).toBe(3)
    expect(() => add('d')).toThrow('has changed while it was read')
  })
})
