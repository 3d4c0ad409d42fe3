// One thread of the stress test of rings: stands for the kernel, with the other ends of the rings that a worker has.
// Fills frames with numbered packets while there are any, and takes back those that were sent.
import { parentPort, workerData } from 'node:worker_threads'
import { Poll } from '../../src/os/poll.ts'
import type { MappedRing } from '../../src/os/xdp-socket.ts'
import { ConsumerRing, ProducerRing } from '../../src/xdp/ring.ts'
import { randomWords } from '../support/random.ts'

export interface StressTask {
  readonly packets: number
  readonly frames: number
  readonly memory: SharedArrayBuffer
  readonly rings: Readonly<Record<'fill' | 'receive', SharedArrayBuffer>>
}

/** Like the kernel's: indices in cache lines of their own. */
export const RING: MappedRing = {
  address: 0,
  bytes: 0,
  producer: 0,
  consumer: 128,
  flags: 256,
  entries: 384,
}

export const FRAME_WORDS = 16

/** The words of packet number `packet`. */
export function wordOf(packet: number, word: number): number {
  return Math.imul(packet + 1, 0x9e3779b1 + word)
}

export function bytesOf(frames: number, entryWords: number): number {
  return RING.entries + frames * entryWords * 4
}

/** Lets others have the core after a while without anything to do. */
export class Idle {
  private readonly poll = new Poll([0])
  private times = 0

  after(count: number): void {
    this.times = count === 0 ? this.times + 1 : 0
    if (this.times > 1000) this.poll.pauseMicroseconds(20)
  }
}

function run({ packets, frames, memory, rings }: StressTask): void {
  const words = new Int32Array(memory)
  const fill = new ConsumerRing(RING, frames, 2, new Int32Array(rings.fill))
  const receive = new ProducerRing(RING, frames, 4, new Int32Array(rings.receive))
  const random = randomWords(7)
  const idle = new Idle()
  for (let packet = 0; packet < packets; ) {
    const count = Math.min(fill.available(1 + (random() % 64)), packets - packet)
    for (let i = 0; i < count; i++) {
      const frame = fill.words[fill.read()]
      for (let n = 0; n < FRAME_WORDS; n++) words[frame + n] = wordOf(packet, n)
      const at = receive.take()
      receive.words[at] = frame
      receive.words[at + 2] = FRAME_WORDS
      packet++
    }
    idle.after(count)
    if (count === 0) continue
    fill.release()
    receive.publish()
  }
  parentPort?.postMessage('done')
}

if (workerData?.xdpStress !== undefined) run(workerData.xdpStress as StressTask)
