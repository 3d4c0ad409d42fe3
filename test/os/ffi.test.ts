// Native memory keeps its address. The engine moves small buffers that a typed array brought
// itself, at the earliest when the code around them is compiled, after tens of thousands of rounds:
// native code then writes to the old place without any error. Hence the long loops.
import { expect, test } from 'bun:test'
import {
  addressHigh,
  addressLow,
  addressOf,
  cString,
  libc,
  mapHugePages,
  mappedWords,
  nativeWords,
  permanentWords,
  readWord,
  unmapMemory,
} from '../../src/os/ffi.ts'
import { CLOCK_MONOTONIC } from '../../src/os/kernel.ts'
import { HAS_HUGE_PAGES, hasHugePages } from '../support/huge-pages.ts'

const ROUNDS = 200_000

/** Native code writes to an address taken once; returns how often JavaScript reads something else. */
function wrongReads(words: Int32Array, address: number, rounds: number, disturb: () => void) {
  let wrong = 0
  let before = 0
  for (let round = 0; round < rounds; round++) {
    words[0] = -1
    words[2] = -1
    libc.clock_gettime(CLOCK_MONOTONIC, address as never)
    const seconds = words[0]
    const nanoseconds = words[2]
    const time = seconds * 1e9 + nanoseconds
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= 1e9 || time < before) wrong++
    if (seconds !== readWord(address, 0) || nanoseconds !== readWord(address, 8)) wrong++
    before = time
    if (round % 1000 === 0) disturb()
  }
  return wrong
}

test('what native code writes in a hot loop is what JavaScript reads', () => {
  const words = nativeWords(4)
  const address = addressOf(words)
  expect(wrongReads(words, address, ROUNDS, () => {})).toBe(0)
  expect(addressOf(words)).toBe(address)
})

test('neither a garbage collection nor a look at the buffer moves native memory', () => {
  const words = nativeWords(4)
  const address = addressOf(words)
  const garbage: unknown[] = []
  const disturb = () => {
    garbage.push(new Int32Array(1000), structuredClone(words).length, words.buffer.byteLength)
    if (garbage.length % 30 === 0) Bun.gc(true)
  }
  expect(wrongReads(words, address, ROUNDS / 2, disturb)).toBe(0)
  expect(addressOf(words)).toBe(address)
})

test('native memory of every size is zeroed and apart from all other', () => {
  const kept: Int32Array[] = []
  for (const count of [1, 4, 250, 251, 1000, 1024, 1025, 100_000]) {
    const words = nativeWords(count)
    expect(words.length).toBe(count)
    expect(words.every((word) => word === 0)).toBe(true)
    words.fill(count)
    kept.push(words)
  }
  for (const words of kept) expect(words.every((word) => word === words.length)).toBe(true)
})

test("a module's memory outlives every reference to it", () => {
  const addresses = Array.from({ length: 100 }, () => {
    const words = permanentWords(4)
    words[0] = 0x600d
    return addressOf(words)
  })
  for (let round = 0; round < 20; round++) {
    Bun.gc(true)
    // Freed pages would be handed out again, and overwritten.
    for (let i = 0; i < 100; i++) nativeWords(1024).fill(0xbad)
  }
  expect(addresses.map((address) => readWord(address, 0))).toEqual(addresses.map(() => 0x600d))
})

test('shared memory has an address as well', () => {
  const words = new Int32Array(new SharedArrayBuffer(64))
  expect(wrongReads(words, addressOf(words), ROUNDS / 2, () => {})).toBe(0)
})

test('both halves of an address make it whole', () => {
  const words = nativeWords(100)
  expect(addressHigh(words) * 2 ** 32 + (addressLow(words) >>> 0)).toBe(addressOf(words))
  const part = words.subarray(10)
  expect(addressOf(part)).toBe(addressOf(words) + 40)
})

test('a text for C ends with a zero', () => {
  const text = cString('tracker')
  expect(Buffer.from(text.buffer).toString('latin1', 0, 8)).toBe('tracker\0')
  expect(new Uint8Array(cString('four').buffer)[4]).toBe(0)
})

test.skipIf(!HAS_HUGE_PAGES)(
  `memory for frames is in huge pages, but for its end${HAS_HUGE_PAGES ? '' : ' (skipped: the system has none)'}`,
  () => {
    const wanted = 4 * 2 ** 21 + 4096
    const memory = mapHugePages(wanted)
    if (memory === null) throw new Error('no memory')
    const { address, bytes } = memory
    expect(bytes).toBe(5 * 2 ** 21)
    expect(hasHugePages(address)).toBe(true)
    expect(hasHugePages(address + wanted - 4097)).toBe(true)
    // Used by one page: a huge one would be wasted.
    expect(hasHugePages(address + wanted - 4096)).toBe(false)
    const words = mappedWords(address, bytes)
    expect(words.every((word) => word === 0)).toBe(true)
    words[bytes / 4 - 1] = 1
    unmapMemory(address, bytes)
  },
)
