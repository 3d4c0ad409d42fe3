// What comes from other nodes is checked like a stranger's packet: a batch is taken over or refused as a whole, whatever
// is in it, and nothing else is touched.
import { expect, test } from 'bun:test'
import { BATCH_HEAD_WORDS, BATCH_WORDS_MAX, MAGIC, VERSION } from '../../src/cluster/layout.ts'
import {
  BATCH_BAD_SIZE,
  BATCH_GOOD,
  BATCH_OTHER_VERSION,
  BATCH_RESULTS,
  checkBatch,
} from '../../src/cluster/unpack.ts'
import { randomFrom } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { TestNode } from './node.ts'

const START = 10_000
/** Millions by hand: AQUATIC_TEST_CLUSTER_BATCHES=3000000. */
const BATCHES = Number(process.env.AQUATIC_TEST_CLUSTER_BATCHES ?? 40_000)

function batchesOf(node: TestNode): Int32Array[] {
  for (let peer = 0; peer < 30; peer++) {
    const family = peer % 2 === 0 ? 'ipv4' : 'ipv6'
    node.announce(START, peer % 5, peer, { family })
    const event = peer % 3 === 0 ? 'stopped' : 'completed'
    node.announce(START + 10, peer % 5, peer, { family, event, seeder: true })
  }
  return [...node.send(START + 10), ...node.answer(START + 10, 1000)]
}

test('a batch of any other length is refused', () => {
  for (const batch of batchesOf(new TestNode())) {
    const longer = new Int32Array(BATCH_WORDS_MAX + 8)
    longer.set(batch)
    for (let size = 0; size < longer.length; size++) {
      if (size === batch.length) expect(checkBatch(longer, size)).toBe(BATCH_GOOD)
      else if (checkBatch(longer, size) === BATCH_GOOD) throw new Error(`${size} words are taken`)
    }
    expect(checkBatch(longer, BATCH_HEAD_WORDS - 1)).toBe(BATCH_BAD_SIZE)
  }
})

test('a batch of another version is said to be one, also if its head is shorter', () => {
  const words = new Int32Array(BATCH_HEAD_WORDS)
  for (const version of [VERSION - 1, VERSION + 1]) {
    words[0] = MAGIC | (version << 24)
    for (const size of [1, BATCH_HEAD_WORDS - 1, BATCH_HEAD_WORDS]) {
      expect(checkBatch(words, size)).toBe(BATCH_OTHER_VERSION)
    }
  }
  expect(checkBatch(words, 0)).toBe(BATCH_BAD_SIZE)
})

test('altered batches are refused with a reason, or do what records may do; the tables stay whole', () => {
  const batches = batchesOf(new TestNode())
  const node = new TestNode({ phase: 0.5 })
  const random = randomFrom(11)
  const results = new Map<number, number>()
  for (let i = 0; i < BATCHES; i++) {
    const batch = batches[i % batches.length].slice()
    const changes = 1 + Math.floor(random() * 3)
    for (let change = 0; change < changes; change++) {
      // Half of them in the head, or in a last word: a bit, or anything.
      const inHead = random() < 0.3
      const at = Math.floor(random() * (inHead ? BATCH_HEAD_WORDS : batch.length))
      if (random() < 0.6) batch[at] ^= 1 << Math.floor(random() * 32)
      else batch[at] = Math.floor(random() * 2 ** 32)
    }
    const result = checkBatch(batch, batch.length)
    results.set(result, (results.get(result) ?? 0) + 1)
    if (result === BATCH_GOOD) node.receive(START + 10 + i / 1000, batch)
    if (i % 20_000 === 0) checkInvariants(node.harness)
  }
  checkInvariants(node.harness)
  for (const result of BATCH_RESULTS.keys()) {
    if (result !== BATCH_BAD_SIZE) expect(results.get(result) ?? 0).toBeGreaterThan(BATCHES / 500)
  }
}, 600_000)
