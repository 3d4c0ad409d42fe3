// A worker in a thread, without a tracker around it. Started by lone-workers.ts.
import { workerData } from 'node:worker_threads'
import { runRequestWorker } from '../../src/udp/pipeline/request-worker.ts'
import { runSocketWorker } from '../../src/udp/worker/socket-worker.ts'

if (workerData.role === 'socket') runSocketWorker(workerData)
else runRequestWorker(workerData)
