// One of the threads of the stress test that look up edits while another thread makes them. Reports how many rounds
// of look-ups were right; a wrong one is an error.
import { parentPort, workerData } from 'node:worker_threads'
import { ADDED, findEdit, REMOVED } from '../../src/access-list/edits.ts'

export interface EditsTask {
  readonly edits: SharedArrayBuffer
  /** 0 info hashes edited so far │ 1 threads that are ready │ 2 the end. */
  readonly progress: SharedArrayBuffer
}

export const STRESS_EDITS = 60_000
export const ROUNDS_MIN = 10_000

/** Words that differ from info hash to info hash, and none of which is 0. */
export function infoHashOf(n: number): Int32Array {
  return Int32Array.from({ length: 5 }, (_, i) => n * 5 + i + 1)
}

/** Of slot n of the table's 131,072. */
export function stressHash(n: number): number {
  return n << 15
}

/**
 * What is never edited is looked for where the next edit goes: zeros, which are what a slot that is being filled may
 * seem to have, and another info hash. Both end at that slot.
 */
function run({ edits, progress }: EditsTask): number {
  const words = new Int32Array(edits)
  const state = new Int32Array(progress)
  const zeros = new Int32Array(5)
  const other = new Int32Array(5).fill(-1)
  const all = Array.from({ length: STRESS_EDITS }, (_, n) => infoHashOf(n))
  Atomics.add(state, 1, 1)
  let rounds = 0
  while (Atomics.load(state, 2) === 0 || rounds <= ROUNDS_MIN) {
    const next = Atomics.load(state, 0)
    for (const never of [zeros, other]) {
      const found = findEdit(words, never, 0, stressHash(next))
      if (found !== 0) throw new Error(`${found} for what nobody has edited, at ${next}`)
    }
    if (next > 0) check(findEdit(words, all[next - 1], 0, stressHash(next - 1)), next - 1)
    const old = (next * rounds) % Math.max(next, 1)
    if (old < next) check(findEdit(words, all[old], 0, stressHash(old)), old)
    rounds++
  }
  return rounds
}

function check(found: number, n: number): void {
  const expected = n % 3 === 0 ? REMOVED : ADDED
  if (found !== expected) throw new Error(`${found} for edit ${n}, which is ${expected}`)
}

if (workerData !== null && workerData !== undefined && 'edits' in workerData) {
  parentPort?.postMessage(run(workerData as EditsTask))
}
