// A program of the test beside it: starts a worker with a first value, and prints what both have of it then.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { logFor } from '../../src/log/log.ts'
import { FirstValue, takeFirst } from '../../src/process/first-value.ts'
import { sayReady, type WorkerStart, Workers } from '../../src/process/workers.ts'

if (isMainThread) {
  const list = new FirstValue({ words: new SharedArrayBuffer(8) })
  new Int32Array(list.value?.words ?? new SharedArrayBuffer(8))[1] = 77
  const workers = new Workers('program', new URL(import.meta.url), logFor('program'))
  const heard = Promise.withResolvers<unknown>()
  const group = workers.group({ heard: heard.resolve })
  await group.start({ role: 'waiting', index: 0, list } as Pick<WorkerStart, 'role' | 'index'>)
  process.stdout.write(JSON.stringify({ main: list.value, worker: await heard.promise }))
  process.exit(0)
} else {
  const { words } = takeFirst<{ words: SharedArrayBuffer }>(workerData.list)
  sayReady()
  parentPort?.postMessage({ taken: new Int32Array(words)[1], left: workerData.list.value })
}
