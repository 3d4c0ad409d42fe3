// Edits of a list in the main thread: kept in a journal, dropped once the file agrees, over any crash.
import { beforeEach, describe, expect, test } from 'bun:test'
import {
  appendFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ListBuilder } from '../../src/access-list/build.ts'
import { Journal, type JournalUse } from '../../src/access-list/journal.ts'
import { AccessList, type AccessListData, MODE_ALLOW } from '../../src/access-list/list.ts'
import { ListEdits } from '../../src/access-list/list-edits.ts'
import { ListFileError } from '../../src/list-file/lines.ts'
import { hashWords } from '../../src/memory/half-sip-hash.ts'
import { folderOfFile } from '../support/folder.ts'

const KEY = { key0: 0x1234567, key1: 0x89abcde }
const path = join(folderOfFile(), 'list')
const journal = `${path}.edits`

beforeEach(() => rmSync(journal, { force: true }))

const hex = (n: number) => n.toString(16).padStart(40, 'a')

function wordsOf(n: number): Int32Array {
  const words = new Int32Array(5)
  Buffer.from(words.buffer).write(hex(n), 'hex')
  return words
}

function baseOf(...numbers: number[]): AccessListData {
  const builder = new ListBuilder(numbers.length, KEY)
  for (const n of numbers) builder.add(wordsOf(n))
  return builder.finish(MODE_ALLOW)
}

function allows(list: AccessListData | AccessList, n: number): boolean {
  const access = list instanceof AccessList ? list : new AccessList(list)
  const words = wordsOf(n)
  return !access.forbids(words, 0, hashWords(words, 0, 5, KEY.key0, KEY.key1))
}

const ALONE = { isBeside: false, isEditable: true }

function editsOver(base: AccessListData, use: JournalUse = ALONE) {
  const edits = new ListEdits(path, KEY, use)
  return { edits, list: edits.over(base) }
}

const lines = () => readFileSync(journal, 'utf8').split('\n').slice(0, -1)

test('edits are in force at once in a worker that had the list before, both ways and back', () => {
  const { edits, list } = editsOver(baseOf(1, 2))
  const worker = new AccessList(list)
  const state = () => [1, 2, 3].map((n) => allows(worker, n))
  expect(state()).toEqual([true, true, false])
  expect([edits.set(hex(3), true), edits.set(hex(1), false)]).toEqual(['changed', 'changed'])
  expect(state()).toEqual([false, true, true])
  expect([1, 2, 3].map((n) => edits.has(hex(n)))).toEqual([false, true, true])
  expect(edits.count).toBe(2)
  expect([edits.set(hex(3), true), edits.set(hex(2), true)]).toEqual(['same', 'same'])
  expect([edits.set(hex(3), false), edits.set(hex(1), true)]).toEqual(['changed', 'changed'])
  expect(state()).toEqual([true, true, false])
  expect(edits.count).toBe(0)
})

test('a restart finds them', () => {
  const first = editsOver(baseOf(1))
  first.edits.set(hex(2), true)
  first.edits.set(hex(1), false)
  first.edits.close()
  const { edits, list } = editsOver(baseOf(1))
  expect([1, 2].map((n) => allows(list, n))).toEqual([false, true])
  expect(edits.count).toBe(2)
})

test('a file written anew from older data does not undo them; one that agrees ends them', () => {
  const { edits } = editsOver(baseOf(1))
  edits.set(hex(2), true)
  edits.set(hex(1), false)
  const older = edits.over(baseOf(1, 7))
  expect([1, 2, 7].map((n) => allows(older, n))).toEqual([false, true, true])
  const agreeing = edits.over(baseOf(2))
  expect([1, 2].map((n) => allows(agreeing, n))).toEqual([false, true])
  expect(edits.count).toBe(0)
  expect(lines()).toEqual([])
  const again = edits.over(baseOf(1))
  expect([1, 2].map((n) => allows(again, n))).toEqual([true, false])
})

test('an edit that a file has ended stays ended over a restart, also beside others', () => {
  const { edits } = editsOver(baseOf())
  for (const n of [1, 2, 3]) edits.set(hex(n), true)
  edits.over(baseOf(1, 2))
  edits.set(hex(2), false)
  edits.set(hex(2), true)
  expect(edits.count).toBe(1)
  edits.close()
  const { list } = editsOver(baseOf())
  expect([1, 2, 3].map((n) => allows(list, n))).toEqual([false, false, true])
})

test('workers that still have the list before a new reading see edits made after it', () => {
  const { edits, list } = editsOver(baseOf(1))
  const late = new AccessList(list)
  const punctual = new AccessList(edits.over(baseOf(1, 2)))
  edits.set(hex(2), false)
  edits.set(hex(3), true)
  for (const worker of [late, punctual]) {
    expect([1, 2, 3].map((n) => allows(worker, n))).toEqual([true, false, true])
  }
})

test('the list is to be read again while that makes room, and not when it would not', () => {
  const numbers = Array.from({ length: 40_000 }, (_, n) => n)
  writeFileSync(journal, numbers.map((n) => `+${hex(n)}\n`).join(''))
  const { edits } = editsOver(baseOf())
  expect(edits.isCrowded).toBe(false)
  // Ten thousand edits would wait for the disk for half a minute.
  Object.assign(Reflect.get(edits, 'journal'), { end: () => {}, tidyLong: () => {} })
  for (const n of numbers.slice(0, 10_000)) edits.set(hex(n), false)
  expect(edits.isCrowded).toBe(true)
  edits.over(baseOf())
  expect([edits.count, edits.isCrowded]).toEqual([30_000, false])
})

describe('the journal', () => {
  test('has a line for each edit, and of one info hash the last one counts', () => {
    const { edits } = editsOver(baseOf())
    edits.set(hex(1), true)
    edits.set(hex(2), true)
    edits.set(hex(1), false)
    expect(lines()).toEqual([`+${hex(1)}`, `+${hex(2)}`, `=${hex(1)}`])
    edits.close()
    const { list } = editsOver(baseOf())
    expect([1, 2].map((n) => allows(list, n))).toEqual([false, true])
  })

  test('loses a line that a crash cut, and takes the next ones', () => {
    writeFileSync(journal, `+${hex(1)}\n+${hex(2).slice(0, 20)}`)
    const { edits, list } = editsOver(baseOf())
    expect([1, 2].map((n) => allows(list, n))).toEqual([true, false])
    edits.set(hex(3), true)
    expect(lines()).toEqual([`+${hex(1)}`, `+${hex(3)}`])
    expect(existsSync(`${journal}.new`)).toBe(false)
  })

  test('with another kind of line stops the start and says where', () => {
    writeFileSync(journal, `+${hex(1)}\nnothing\n`)
    expect(() => new ListEdits(path, KEY, ALONE)).toThrow(ListFileError)
    expect(() => new ListEdits(path, KEY, ALONE)).toThrow('line 2')
  })

  test('is written anew when most of it is of no use, unless another process writes it too', () => {
    const toggles = Array.from({ length: 1501 }, (_, i) => `${i % 2 === 0 ? '+' : '-'}${hex(1)}\n`)
    writeFileSync(journal, toggles.join(''))
    const owner = new ListEdits(path, KEY, ALONE)
    const { edits } = editsOver(baseOf(), { isBeside: true, isEditable: true })
    expect(lines().length).toBe(1501)
    owner.over(baseOf())
    expect(lines().length).toBe(1501)
    owner.close()
    edits.readAgain()
    edits.over(baseOf())
    expect(lines()).toEqual([`+${hex(1)}`])
    edits.set(hex(2), true)
    expect(lines()).toEqual([`+${hex(1)}`, `+${hex(2)}`])
  })

  test('of another process, which appends, is not cut', () => {
    const { edits } = editsOver(baseOf())
    edits.set(hex(1), true)
    appendFileSync(journal, `+${hex(2)}\n`)
    edits.set(hex(3), true)
    expect(lines()).toEqual([1, 2, 3].map((n) => `+${hex(n)}`))
  })

  test('is not shared by trackers that may both edit; one that may not reads it, and leaves it alone', () => {
    const { edits } = editsOver(baseOf())
    edits.set(hex(1), true)
    expect(() => new ListEdits(path, KEY, ALONE)).toThrow('another tracker writes')
    const reader = editsOver(baseOf(1), { isBeside: false, isEditable: false })
    expect(allows(reader.list, 1)).toBe(true)
    expect(reader.edits.count).toBe(0)
    edits.set(hex(2), true)
    edits.over(baseOf(1))
    expect(lines()).toEqual([`+${hex(1)}`, `+${hex(2)}`, `=${hex(1)}`])
    edits.close()
    const { list } = editsOver(baseOf())
    expect([1, 2].map((n) => allows(list, n))).toEqual([false, true])
  })

  test('of a process that has taken over is the one that the other wrote last', () => {
    const { edits: old } = editsOver(baseOf())
    const next = editsOver(baseOf(), { isBeside: true, isEditable: true })
    old.set(hex(1), true)
    old.over(baseOf(1))
    next.edits.set(hex(2), true)
    old.set(hex(3), true)
    old.close()
    next.edits.readAgain()
    const list = next.edits.over(baseOf())
    expect([1, 2, 3].map((n) => allows(list, n))).toEqual([false, true, true])
    next.edits.set(hex(4), true)
    next.edits.close()
    const later = editsOver(baseOf()).list
    expect([2, 3, 4].map((n) => allows(later, n))).toEqual([true, true, true])
  })

  test('is written anew after very many edits even if the list is not read again', () => {
    const file = new Journal(path)
    const edits = file.open(ALONE)
    file.end(Array.from({ length: 99_999 }, () => hex(1)))
    file.append(hex(2), true)
    edits.set(hex(2), true)
    file.tidyLong(edits)
    expect(lines().length).toBe(100_000)
    file.end([hex(1), hex(1)])
    file.tidyLong(edits)
    expect(lines()).toEqual([`+${hex(2)}`])
    file.close()
  })

  test('takes no more than a start can read', () => {
    const file = new Journal(path)
    file.open(ALONE)
    truncateSync(journal, 64 * 2 ** 20)
    expect(() => file.append(hex(1), true)).toThrow('full')
    file.close()
  })
})
