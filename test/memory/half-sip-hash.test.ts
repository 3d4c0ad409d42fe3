import { expect, test } from 'bun:test'
import { hashWords, macWords } from '../../src/memory/half-sip-hash.ts'
import { randomWords } from '../support/random.ts'

// The key is the bytes 0…7, the message of n bytes is 0…n−1.
const KEY_0 = 0x03020100
const KEY_1 = 0x07060504

/** HalfSipHash-2-4 with 64 bits, from vectors.h of its authors' implementation: 0, 4, 8, … 60 bytes. */
const MAC_VECTORS = [
  '218d1f59b9b83cc8',
  'd5e78a175be52ea1',
  'edfee820bce4858c',
  '7bc71f9faef5c799',
  '7336aad25f7bf3b5',
  '1bf52b0a6feea7db',
  '70741045ae3fa6f1',
  '2d925ffb1e0016b5',
  '28709d46d811626c',
  '86d67a40ec4276dc',
  '5b38c81c67c8ae4c',
  '1e30f3ad27dcb15a',
  'a9eaa8c04ba93e3e',
  '02445a7998f550e1',
  'a1a492f942f15f1d',
  'd6762890bf26e460',
]

/** HalfSipHash-1-3 with 32 bits, from the tests of the Linux kernel: 0, 4, 8, … 32 bytes. */
const HASH_VECTORS = [
  1477757078, 2114297510, 1467586993, 1797785964, -1959668479, -1860454907, 1460996823, 172032208,
  -1133651315,
]

const MESSAGE = new Int32Array(Uint8Array.from({ length: 64 }, (_, i) => i).buffer)

test('macWords gives the published results of HalfSipHash-2-4 for every number of words', () => {
  const out = new Int32Array(2)
  for (const [count, expected] of MAC_VECTORS.entries()) {
    macWords(MESSAGE, 0, count, KEY_0, KEY_1, out)
    expect(Buffer.from(out.buffer).toString('hex')).toBe(expected)
  }
})

test('hashWords gives the published results of HalfSipHash-1-3 for every number of words', () => {
  const results = HASH_VECTORS.map((_, count) => hashWords(MESSAGE, 0, count, KEY_0, KEY_1))
  expect(results).toEqual(HASH_VECTORS)
})

test('both agree with an implementation on bytes, for random keys and messages', () => {
  const random = randomWords(20)
  const words = new Int32Array(12)
  const out = new Int32Array(2)
  for (let round = 0; round < 5000; round++) {
    for (let i = 0; i < words.length; i++) words[i] = random()
    const key0 = random() | 0
    const key1 = random() | 0
    const at = round % 4
    const count = (round >> 2) % 8
    const key = new Uint8Array(Int32Array.of(key0, key1).buffer)
    const message = new Uint8Array(words.buffer, at * 4, count * 4)
    const hash = Buffer.alloc(4)
    hash.writeInt32LE(hashWords(words, at, count, key0, key1))
    expect(hash.toString('hex')).toBe(halfSipHash(message, key, 1, 3, 4))
    macWords(words, at, count, key0, key1, out)
    expect(Buffer.from(out.buffer).toString('hex')).toBe(halfSipHash(message, key, 2, 4, 8))
  }
})

test('neither writes to its message', () => {
  const words = MESSAGE.slice()
  hashWords(words, 0, 5, KEY_0, KEY_1)
  macWords(words, 0, 5, KEY_0, KEY_1, new Int32Array(2))
  expect(words).toEqual(MESSAGE)
})

/** The specification read anew: on bytes and unsigned numbers, with the state as a list. */
function halfSipHash(
  message: Uint8Array,
  key: Uint8Array,
  compressions: number,
  finalizations: number,
  size: 4 | 8,
): string {
  const wordAt = (bytes: Uint8Array, at: number) =>
    bytes[at] + bytes[at + 1] * 0x100 + bytes[at + 2] * 0x10000 + bytes[at + 3] * 0x1000000
  const state = [0, 0, 0x6c796765, 0x74656462]
  const xor = (index: number, word: number) => {
    state[index] = (state[index] ^ word) >>> 0
  }
  for (const index of [0, 1, 2, 3]) xor(index, wordAt(key, (index % 2) * 4))
  if (size === 8) xor(1, 0xee)
  const padded = [...message, ...Array<number>(4 - (message.length % 4)).fill(0)]
  padded[padded.length - 1] = message.length % 256
  const blocks = Uint8Array.from(padded)
  for (let at = 0; at < blocks.length; at += 4) {
    xor(3, wordAt(blocks, at))
    for (let i = 0; i < compressions; i++) sipRound(state)
    xor(0, wordAt(blocks, at))
  }
  const result = Buffer.alloc(size)
  xor(2, size === 8 ? 0xee : 0xff)
  for (let at = 0; at < size; at += 4) {
    if (at > 0) xor(1, 0xdd)
    for (let i = 0; i < finalizations; i++) sipRound(state)
    result.writeUInt32LE((state[1] ^ state[3]) >>> 0, at)
  }
  return result.toString('hex')
}

function sipRound(state: number[]): void {
  mix(state, 0, 1, 5)
  mix(state, 2, 3, 8)
  state[0] = rotated(state[0], 16)
  mix(state, 0, 3, 7)
  mix(state, 2, 1, 13)
  state[2] = rotated(state[2], 16)
}

function mix(state: number[], sum: number, turned: number, bits: number): void {
  state[sum] = (state[sum] + state[turned]) % 0x100000000
  state[turned] = (rotated(state[turned], bits) ^ state[sum]) >>> 0
}

function rotated(word: number, bits: number): number {
  return ((word * 2 ** bits) % 0x100000000) + Math.floor(word / 2 ** (32 - bits))
}
