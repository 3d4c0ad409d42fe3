// The table of edits: against a model, with info hashes that share slots, when it is full, and read by several threads
// while one writes.
import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import {
  ADDED,
  createEdits,
  EDITS_MAX,
  findEdit,
  hasRoom,
  REMOVED,
  writeEdit,
} from '../../src/access-list/edits.ts'
import { randomWords } from '../support/random.ts'
import { waitUntil } from '../support/wait.ts'
import { type EditsTask, infoHashOf, ROUNDS_MIN, STRESS_EDITS, stressHash } from './edits-worker.ts'

const STATES = [ADDED, REMOVED] as const

test.each([
  ['spread over the table', (n: number) => Math.imul(n, 0x9e3779b1)],
  ['at one place', () => 0],
  ['at the end of the table', () => -1],
])('states of info hashes %s are those last written', (_, hashOf) => {
  const words = new Int32Array(createEdits())
  const model = new Map<number, number>()
  const random = randomWords(7)
  for (let i = 0; i < 20_000; i++) {
    const n = random() % 500
    if (random() % 4 === 0) {
      expect(hasRoom(words, infoHashOf(n), hashOf(n))).toBe(true)
      const state = STATES[random() % 2]
      writeEdit(words, infoHashOf(n), hashOf(n), state)
      model.set(n, state)
    } else expect(findEdit(words, infoHashOf(n), 0, hashOf(n))).toBe(model.get(n) ?? 0)
  }
  expect(words[0]).toBe(model.size)
})

test('the info hash of zeros, and one that differs in any word, are told apart', () => {
  const words = new Int32Array(createEdits())
  writeEdit(words, new Int32Array(5), 0, ADDED)
  expect(findEdit(words, new Int32Array(5), 0, 0)).toBe(ADDED)
  for (let i = 0; i < 5; i++) expect(findEdit(words, new Int32Array(5).with(i, 1), 0, 0)).toBe(0)
})

test('a full table takes edits of what it has, and nothing more', () => {
  const words = new Int32Array(createEdits())
  const hashOf = (n: number) => Math.imul(n, 0x9e3779b1)
  for (let n = 0; n < EDITS_MAX; n++) writeEdit(words, infoHashOf(n), hashOf(n), ADDED)
  expect(hasRoom(words, infoHashOf(EDITS_MAX), hashOf(EDITS_MAX))).toBe(false)
  expect(findEdit(words, infoHashOf(EDITS_MAX), 0, hashOf(EDITS_MAX))).toBe(0)
  expect(hasRoom(words, infoHashOf(5), hashOf(5))).toBe(true)
  writeEdit(words, infoHashOf(5), hashOf(5), REMOVED)
  expect(findEdit(words, infoHashOf(5), 0, hashOf(5))).toBe(REMOVED)
})

test('while one thread writes, others see each edit once it is made, and nothing that is none', async () => {
  const task: EditsTask = { edits: createEdits(), progress: new SharedArrayBuffer(16) }
  const progress = new Int32Array(task.progress)
  const workers = Array.from({ length: 3 }, () => {
    const worker = new Worker(new URL('edits-worker.ts', import.meta.url), { workerData: task })
    return new Promise<number>((resolve, reject) => {
      worker.on('message', resolve)
      worker.on('error', reject)
    })
  })
  await waitUntil('all threads', () => Atomics.load(progress, 1) === workers.length)
  const words = new Int32Array(task.edits)
  const random = randomWords(3)
  for (let n = 0; n < STRESS_EDITS; n++) {
    writeEdit(words, infoHashOf(n), stressHash(n), ADDED)
    if (n % 3 === 0) writeEdit(words, infoHashOf(n), stressHash(n), REMOVED)
    // Whoever sees this finds the edits up to n.
    Atomics.store(progress, 0, n + 1)
    // Readers get to the next slot, before it is written and while it is.
    for (let spin = random() & 1023; spin > 0; spin--) Atomics.load(progress, 3)
  }
  Atomics.store(progress, 2, 1)
  for (const rounds of await Promise.all(workers)) expect(rounds).toBeGreaterThan(ROUNDS_MIN)
}, 180_000)
