import { expect, test } from 'bun:test'
import { order, orderInfoHashes } from '../../../src/http/wire/order.ts'
import { randomWords } from '../../support/random.ts'

function ordered(hashes: readonly Buffer[]): string[] {
  const bytes = Buffer.concat(hashes)
  const words = new Int32Array(new Uint8Array(bytes).buffer)
  const count = orderInfoHashes(words, hashes.length)
  return Array.from(order.subarray(0, count), (i) => hashes[i].toString('hex'))
}

test.each([1, 2, 3, 60, 254, 255])('%i info hashes come in the order of their bytes', (count) => {
  const random = randomWords(count)
  const hashes = Array.from({ length: count }, (_, i) => {
    const hash = Buffer.alloc(20, 0x80)
    // Some differ in their first byte, some in their last alone.
    hash[i % 2 === 0 ? 0 : 19] = random()
    return hash
  })
  const texts = hashes.map((hash) => hash.toString('hex'))
  expect(ordered(hashes)).toEqual([...new Set(texts)].sort())
  expect(ordered(hashes.toReversed())).toEqual([...new Set(texts)].sort())
})
