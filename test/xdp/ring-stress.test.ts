// Many packets through the rings between two threads, over few frames that both use all the time: each arrives once,
// whole and in order. AQUATIC_TEST_RING_PACKETS: more of them, such as 100000000.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { ConsumerRing, ProducerRing } from '../../src/xdp/ring.ts'
import { bytesOf, FRAME_WORDS, Idle, RING, type StressTask, wordOf } from './stress-worker.ts'

const PACKETS = Number(process.env.AQUATIC_TEST_RING_PACKETS ?? 1_000_000)

setDefaultTimeout(60_000 + PACKETS / 100)

// With few frames the threads wait for each other nearly all the time.
test.each([
  [16, PACKETS / 100],
  [256, PACKETS / 10],
  [2048, PACKETS],
])('in %d frames %d packets', async (frames, packets) => {
  const task: StressTask = {
    packets,
    frames,
    memory: new SharedArrayBuffer(frames * FRAME_WORDS * 4),
    rings: {
      fill: new SharedArrayBuffer(bytesOf(frames, 2)),
      receive: new SharedArrayBuffer(bytesOf(frames, 4)),
    },
  }
  const fill = new ProducerRing(RING, frames, 2, new Int32Array(task.rings.fill))
  const receive = new ConsumerRing(RING, frames, 4, new Int32Array(task.rings.receive))
  for (let i = 0; i < frames; i++) fill.words[fill.take()] = i * FRAME_WORDS
  fill.publish()
  const thread = new Worker(new URL('stress-worker.ts', import.meta.url), {
    workerData: { xdpStress: task },
  })
  const done = new Promise((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread ended with ${code}`)))
  })
  await new Promise((resolve) => thread.once('online', resolve))
  const words = new Int32Array(task.memory)
  let [bad, next] = [0, 0]
  const idle = new Idle()
  while (next < packets) {
    const count = receive.available(64)
    for (let i = 0; i < count; i++) {
      const frame = receive.words[receive.read()]
      for (let n = 0; n < FRAME_WORDS; n++) if (words[frame + n] !== wordOf(next, n)) bad++
      fill.words[fill.take()] = frame
      next++
    }
    idle.after(count)
    if (count === 0) continue
    receive.release()
    fill.publish()
  }
  expect(bad).toBe(0)
  await done
})
