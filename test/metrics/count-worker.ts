// One thread of the counters' test: counts, and publishes after each round.
import { workerData } from 'node:worker_threads'
import { publish, slotWords } from '../../src/metrics/counters.ts'

export interface CountTask {
  readonly slots: SharedArrayBuffer
  readonly worker: number
  readonly counters: number
  readonly rounds: number
}

function run(task: CountTask): void {
  const words = slotWords(task.counters)
  const counts = new Int32Array(words)
  const shared = new Int32Array(task.slots)
  for (let round = 0; round < task.rounds; round++) {
    for (let i = 0; i < task.counters; i++) counts[i] += i + 1
    publish(counts, shared, task.worker * words)
  }
}

if (workerData?.count !== undefined) run(workerData.count as CountTask)
