import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { UpdateReceiver, UpdateSender } from '../../src/process/updates.ts'

test('a worker that never gets to its event loop sees every update, in order', async () => {
  const [rounds, sender] = [2000, new UpdateSender<{ n: number; memory: SharedArrayBuffer }>()]
  const worker = new Worker(new URL('updates-worker.ts', import.meta.url), {
    workerData: { updates: sender.source, rounds },
    transferList: [sender.source.port],
  })
  const result = new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
  for (let n = 0; n < rounds; n++) {
    const memory = new SharedArrayBuffer(4)
    new Int32Array(memory)[0] = n * 3
    sender.send({ n, memory })
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await result).toBe(rounds)
})

test('nothing is due before anything was sent', () => {
  const sender = new UpdateSender<number>()
  const receiver = new UpdateReceiver<number>(sender.source)
  expect(receiver.isDue()).toBe(false)
  expect(receiver.take()).toBeNull()
  expect(receiver.isDue()).toBe(false)
})
