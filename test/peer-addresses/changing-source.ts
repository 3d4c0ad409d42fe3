// A worker of one-source.test.ts whose candidate changes all the time, between addresses whose four words are the same.
import { parentPort, workerData } from 'node:worker_threads'
import { SourceWatch } from '../../src/peer-addresses/source-watch.ts'

const CHANGES = 200_000
const MANY = 0xffff

const watch = new SourceWatch(workerData)
for (let i = 0; i < CHANGES; i++) {
  const word = 1 + (i & MANY)
  watch.note(false, word, word, word, word, i)
  watch.note(false, -word, -word, -word, -word, i)
}
parentPort?.postMessage('done')
