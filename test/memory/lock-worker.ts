// One thread of the lock test: adds to plain counters that only the lock protects.
import { parentPort, workerData } from 'node:worker_threads'
import { lock, unlock } from '../../src/memory/lock.ts'

export interface LockTask {
  /** 0 the lock │ 16 and 32 two counters, each in a cache line of its own │ 48 threads that are ready. */
  readonly words: SharedArrayBuffer
  readonly threads: number
  readonly rounds: number
  /** Every so many rounds the lock is held for long, so that the others fall asleep. */
  readonly longEvery: number
}

export const LOCK = 0
export const FIRST = 16
export const SECOND = 32
const READY = 48
export const LOCK_WORDS = 64

function run(task: LockTask): number {
  const words = new Int32Array(task.words)
  Atomics.add(words, READY, 1)
  while (Atomics.load(words, READY) < task.threads) Atomics.wait(words, READY, 0, 1)
  let contended = 0
  for (let round = 1; round <= task.rounds; round++) {
    contended += lock(words, LOCK)
    const first = words[FIRST]
    words[FIRST] = first + 1
    if (round % task.longEvery === 0) burn(5000)
    if (words[SECOND] !== first) throw new Error('somebody else is inside')
    words[SECOND] = first + 1
    unlock(words, LOCK)
  }
  return contended
}

function burn(steps: number): number {
  let sum = 0
  for (let i = 0; i < steps; i++) sum = (sum + Math.imul(i, sum ^ 0x5bd1e995)) | 0
  return sum
}

if (parentPort !== null && workerData?.lock !== undefined) {
  parentPort.postMessage(run(workerData.lock as LockTask))
}
