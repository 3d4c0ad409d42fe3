import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { ListBuilder } from '../../src/access-list/build.ts'
import { AccessList, MODE_ALLOW, MODE_DENY, MODE_OFF } from '../../src/access-list/list.ts'
import { hashWords } from '../../src/memory/half-sip-hash.ts'

const KEY = { key0: 0x01234567, key1: 0x89abcdef | 0 }
type InfoHash = readonly number[]

function listOf(infoHashes: readonly InfoHash[], mode: number): AccessList {
  const builder = new ListBuilder(infoHashes.length, KEY)
  for (const infoHash of infoHashes) builder.add(Int32Array.from(infoHash))
  return new AccessList(builder.finish(mode))
}

/** Asks for an info hash that lies somewhere in a packet. */
function forbids(list: AccessList, infoHash: InfoHash): boolean {
  const words = Int32Array.from([7, 7, ...infoHash, 7])
  return list.forbids(words, 2, hashWords(words, 2, 5, KEY.key0, KEY.key1))
}

const numbered = (n: number): InfoHash => [n, n * 3, 5, n ^ 77, 1]
const ZEROS: InfoHash = [0, 0, 0, 0, 0]

describe('an access list', () => {
  test('of mode off forbids nothing, also when it never had a table', () => {
    expect(forbids(new AccessList(), numbered(1))).toBe(false)
    expect(forbids(listOf([numbered(1)], MODE_OFF), numbered(1))).toBe(false)
    expect(new AccessList().isOn()).toBe(false)
  })

  test('of mode allow forbids what is not in it, of mode deny what is', () => {
    const members = Array.from({ length: 1000 }, (_, n) => numbered(n + 1))
    const [allow, deny] = [MODE_ALLOW, MODE_DENY].map((mode) => listOf(members, mode))
    expect(members.some((infoHash) => forbids(allow, infoHash))).toBe(false)
    expect(members.every((infoHash) => forbids(deny, infoHash))).toBe(true)
    for (let n = 1001; n <= 3000; n++) {
      expect(forbids(allow, numbered(n))).toBe(true)
      expect(forbids(deny, numbered(n))).toBe(false)
    }
  })

  test('without entries allows nothing or denies nothing', () => {
    for (const infoHash of [numbered(1), ZEROS]) {
      expect(forbids(listOf([], MODE_ALLOW), infoHash)).toBe(true)
      expect(forbids(listOf([], MODE_DENY), infoHash)).toBe(false)
    }
  })

  test('knows the info hash of zeros, and those with a zero in front', () => {
    const list = listOf([ZEROS, [0, 0, 0, 0, 1]], MODE_DENY)
    expect(forbids(list, ZEROS)).toBe(true)
    expect(forbids(list, [0, 0, 0, 0, 1])).toBe(true)
    expect(forbids(list, [0, 0, 0, 1, 0])).toBe(false)
    expect(forbids(listOf([[0, 0, 0, 0, 1]], MODE_DENY), ZEROS)).toBe(false)
  })

  test('agrees with a set of texts, whatever is in it', () => {
    const word = fc.integer({ min: -2, max: 2 })
    const infoHash = fc.tuple(word, word, word, word, word)
    fc.assert(
      fc.property(fc.array(infoHash, { maxLength: 60 }), fc.array(infoHash), (members, asked) => {
        const set = new Set(members.map(String))
        const list = listOf(members, MODE_DENY)
        for (const one of [...members, ...asked]) {
          expect(forbids(list, one)).toBe(set.has(String(one)))
        }
      }),
    )
  })

  test('counts an entry that is there twice once, and holds as many as it was made for', () => {
    const builder = new ListBuilder(3, KEY)
    for (const n of [1, 2, 2, 1, 3, 3]) builder.add(Int32Array.from(numbered(n)))
    expect(builder.entries).toBe(3)
    expect(() => builder.add(Int32Array.from(numbered(4)))).toThrow('more entries')
  })

  test('counts the info hash of zeros as one, however often it is there', () => {
    const builder = new ListBuilder(3, KEY)
    for (const infoHash of [ZEROS, numbered(1), ZEROS]) builder.add(Int32Array.from(infoHash))
    expect(builder.entries).toBe(2)
  })
})
