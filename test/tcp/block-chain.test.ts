// Bytes that wait in blocks come out as they went in, and leave no block behind.
import { expect, test } from 'bun:test'
import { NativeBytes } from '../../src/os/tcp-stream.ts'
import { BlockChains } from '../../src/tcp/block-chain.ts'
import { BLOCK_BYTES_MAX, Blocks } from '../../src/tcp/blocks.ts'
import { randomWords } from '../support/random.ts'

const PIECE_BYTES_MAX = 3 * BLOCK_BYTES_MAX
const ROUNDS = 200

/** Memory to append from, with numbers that do not repeat soon. */
const source = new NativeBytes(PIECE_BYTES_MAX)
for (let i = 0; i < source.bytes.length; i++) source.bytes[i] = (i * 7 + (i >> 8)) & 255
const target = new NativeBytes(64 * BLOCK_BYTES_MAX)

test('what was appended comes out in order, however it is taken', () => {
  const random = randomWords(3)
  // Too little if any were left behind.
  const blocks = new Blocks(2 ** 23)
  const chains = new BlockChains(blocks)
  for (let round = 0; round < ROUNDS; round++) {
    const chain = chains.take()
    let model = Buffer.alloc(0)
    for (let step = 0; step < 12; step++) {
      const sizes = [random() % 10, random() % 600, random() % 5000, random() % PIECE_BYTES_MAX]
      if (random() % 3 > 0) {
        const bytes = sizes[random() % sizes.length]
        const from = random() % (PIECE_BYTES_MAX - bytes)
        expect(chain.append(source.address + from, bytes)).toBe(true)
        model = Buffer.concat([model, source.bytes.subarray(from, from + bytes)])
      } else if (chain.bytes > 0) {
        const bytes = 1 + (random() % chain.firstBytes)
        chain.drop(random() % 3 === 0 ? chain.firstBytes : bytes)
        model = model.subarray(model.length - chain.bytes)
      }
      expect(chain.bytes).toBe(model.length)
      expect(chain.firstBytes > 0).toBe(model.length > 0)
      chain.copyTo(target.address)
      if (!model.equals(target.bytes.subarray(0, model.length))) throw new Error(`round ${round}`)
    }
    chains.give(chain)
  }
})

test('without memory an append says so, and what is given back is there again', () => {
  const blocks = new Blocks(2 ** 20)
  const chains = new BlockChains(blocks)
  const chain = chains.take()
  let appended = 0
  while (chain.append(source.address, BLOCK_BYTES_MAX)) appended++
  expect(appended).toBeGreaterThan(0)
  chains.give(chain)
  const again = chains.take()
  for (let i = 0; i < appended; i++)
    expect(again.append(source.address, BLOCK_BYTES_MAX)).toBe(true)
})
