// The cluster's thread of a node that lives in a benchmark's process (own-node.ts).
import { workerData } from 'node:worker_threads'
import { runTrackerWorker } from '../../src/tracker/run-worker.ts'

runTrackerWorker(workerData, () => {
  throw new Error('there is no other role')
})
