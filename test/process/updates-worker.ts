// The worker of the updates' test: a loop that blocks, and checks for updates in each turn.
import { parentPort, workerData } from 'node:worker_threads'
import { UpdateReceiver, type UpdateSource } from '../../src/process/updates.ts'

const idle = new Int32Array(new SharedArrayBuffer(4))

function run(updates: UpdateSource, rounds: number): number {
  const receiver = new UpdateReceiver<{ n: number; memory: SharedArrayBuffer }>(updates)
  for (let next = 0; next < rounds; ) {
    if (!receiver.isDue()) {
      Atomics.wait(idle, 0, 0, 1)
      continue
    }
    const update = receiver.take()
    if (update === null) continue
    if (update.n !== next || new Int32Array(update.memory)[0] !== next * 3) return -1
    next++
  }
  return receiver.isDue() ? -2 : rounds
}

if (workerData?.updates !== undefined) {
  parentPort?.postMessage(run(workerData.updates, workerData.rounds))
}
