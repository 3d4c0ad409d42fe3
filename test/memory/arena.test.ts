import { expect, test } from 'bun:test'
import { Arena, createArena, PAGE_BYTES, PAGE_WORDS } from '../../src/memory/arena.ts'
import { addressOf } from '../../src/os/ffi.ts'
import { HAS_HUGE_PAGES, hasHugePages } from '../support/huge-pages.ts'

const MIB = 2 ** 20

function arenaOf(pages: number): Arena {
  return new Arena(createArena(pages * PAGE_BYTES))
}

function takeAll(arena: Arena): number[] {
  const pages: number[] = []
  for (let page = arena.takePage(); page !== 0; page = arena.takePage()) pages.push(page)
  return pages
}

test('every page but the first is handed out once, from the front', () => {
  const arena = arenaOf(10)
  expect(takeAll(arena)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(arena.takePage()).toBe(0)
  expect(arena.pagesInUse()).toBe(9)
})

test('pages that were given back are handed out again', () => {
  const arena = arenaOf(10)
  takeAll(arena)
  for (const page of [3, 7, 5]) arena.givePage(page)
  expect(arena.pagesInUse()).toBe(6)
  expect(takeAll(arena).sort()).toEqual([3, 5, 7])
  expect(arena.pagesInUse()).toBe(9)
})

test('an arena is rounded up to whole pages', () => {
  const arena = new Arena(createArena(2 * PAGE_BYTES + 1))
  expect(arena.words.length).toBe(3 * PAGE_WORDS)
})

test('an arena ends where a buffer of the runtime does', () => {
  expect(createArena(2 ** 40).words.byteLength).toBe(2 ** 32)
})

test.skipIf(!HAS_HUGE_PAGES)(
  `huge pages are for what lies beyond the first 4 MiB${HAS_HUGE_PAGES ? '' : ' (skipped: the system has none)'}`,
  () => {
    const buffers = createArena(16 * MIB)
    const base = addressOf(new Int32Array(buffers.words))
    expect(hasHugePages(base + PAGE_BYTES)).toBe(false)
    expect(hasHugePages(base + 4 * MIB - PAGE_BYTES)).toBe(false)
    expect(hasHugePages(base + 4 * MIB)).toBe(true)
    expect(hasHugePages(base + 16 * MIB - PAGE_BYTES)).toBe(true)
    expect(buffers.words.byteLength).toBe(16 * MIB)
  },
)

test('two views of one arena hand out each page once', () => {
  const buffers = createArena(9 * PAGE_BYTES)
  const one = new Arena(buffers)
  const two = new Arena(buffers)
  const pages = [one.takePage(), two.takePage(), one.takePage(), two.takePage()]
  expect(pages).toEqual([1, 2, 3, 4])
  two.givePage(1)
  expect(one.takePage()).toBe(1)
})

test('more free pages than are kept give their memory back', () => {
  const arena = arenaOf(1000)
  const pages = takeAll(arena)
  for (const page of pages) arena.words.fill(page, page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
  for (const page of pages) arena.givePage(page)
  expect(arena.pagesInUse()).toBe(0)
  const cleared = pages.filter((page) => arena.words[page * PAGE_WORDS + 7] === 0)
  expect(cleared.length).toBe(999 - 256)
  // All are as good as new.
  const again = takeAll(arena)
  expect(again.length).toBe(999)
  for (const page of again) arena.words.fill(page, page * PAGE_WORDS, (page + 1) * PAGE_WORDS)
  for (const page of again) expect(arena.words[page * PAGE_WORDS + 4095]).toBe(page)
})
