// A worker's end of one queue of a network card: takes batches of received frames, and sends frames. Used by
// udp/worker/xdp-source.ts and by the load generator. The main thread opened the socket (card.ts).
// Owns which frames are where; their memory and the rings are shared with the kernel.
//
// Received frames go round: fill ring → kernel → receive ring → worker → fill ring. Those to send: stack of free ones
// → worker → send ring → kernel → completion ring → stack. Each ring has a place for every frame of its kind.
import { libc, mappedWords } from '../os/ffi.ts'
import { MSG_DONTWAIT } from '../os/kernel.ts'
import type { XdpSocket } from '../os/xdp-socket.ts'
import { alignFrame } from './frame.ts'
import { CHUNK_BYTES, CHUNK_SHIFT } from './layout.ts'
import { ConsumerRing, ProducerRing } from './ring.ts'

/** What a worker gets in its start message: plain numbers. */
export interface QueueData extends XdpSocket {
  /** Of each direction. */
  readonly frames: number
  /** Another user of the queue has given the kernel the frames to receive into, and no longer uses it. */
  readonly isFilled?: boolean
}

const LINE_WORDS = 16
/** System calls per flush; each sends 32 frames at least. */
const KICKS_MAX = 64
/** After so many flushes in a row at which nothing was sent, the link is down rather than busy. */
const STALLS_MAX = 1000

export class XdpQueue {
  readonly fd: number
  /** All frames; a frame at byte `b` is at word `b >> 2`. */
  readonly words: Int32Array<ArrayBuffer>
  /** Of the frames that `receive` gave: where the Ethernet header begins, in bytes, and the length. */
  readonly addresses: Int32Array
  readonly lengths: Int32Array
  /** For an answer that has no frame: it is written here and lost. */
  readonly spare: number
  private readonly bytes: Uint8Array
  private readonly fill: ProducerRing
  private readonly completion: ConsumerRing
  private readonly received: ConsumerRing
  private readonly sending: ProducerRing
  /** Chunks free to send, as bytes. */
  private readonly free: Int32Array
  private freeCount = 0
  private taken = 0
  /** So that the engine does not leave out what is read. */
  touched = 0
  private queued = 0
  private stalls = 0

  constructor(data: QueueData, batchMax: number) {
    const { frames } = data
    this.fd = data.fd
    this.words = mappedWords(data.memory.address, data.memory.bytes)
    this.bytes = new Uint8Array(this.words.buffer)
    this.addresses = new Int32Array(batchMax)
    this.lengths = new Int32Array(batchMax)
    this.fill = new ProducerRing(data.fill, frames, 2)
    this.completion = new ConsumerRing(data.completion, frames, 2)
    this.received = new ConsumerRing(data.receive, frames, 4)
    this.sending = new ProducerRing(data.send, frames, 4)
    this.free = Int32Array.from({ length: frames }, (_, i) => (frames + i) << CHUNK_SHIFT)
    this.freeCount = frames
    this.spare = (2 * frames) << CHUNK_SHIFT
    if (data.isFilled === true) return
    for (let i = 0; i < frames; i++) this.offer(i << CHUNK_SHIFT)
    this.fill.publish()
  }

  // HOT: no allocation below this line.

  /** How many frames there are to receive. */
  ready(): number {
    return this.received.available(this.addresses.length)
  }

  /** Takes up to `max` received frames without waiting; returns how many. The worker has them until `recycle`. */
  receive(max: number): number {
    const { received, addresses, lengths } = this
    const count = received.available(max < addresses.length ? max : addresses.length)
    if (count === 0) return 0
    const { words } = received
    let sum = 0
    for (let i = 0; i < count; i++) {
      // The upper half of an address is 0: the memory is smaller than 4 GiB.
      const at = received.read()
      lengths[i] = words[at + 2]
      const address = alignFrame(this.bytes, words[at], lengths[i])
      addresses[i] = address
      const word = address >> 2
      sum ^= this.words[word] ^ this.words[word + LINE_WORDS] ^ this.words[word + 2 * LINE_WORDS]
    }
    this.touched = sum
    received.release()
    this.taken = count
    return count
  }

  /** Gives the frames of the last `receive` back to the kernel. */
  recycle(): void {
    for (let i = 0; i < this.taken; i++) this.offer(this.addresses[i] & -CHUNK_BYTES)
    this.taken = 0
    this.fill.publish()
    if (this.fill.needsWakeUp()) libc.recv(this.fd, null as never, 0 as never, MSG_DONTWAIT)
  }

  /** A chunk to write a frame to, as bytes; −1 if all are on their way. */
  takeFrame(): number {
    if (this.freeCount === 0) {
      this.reclaim()
      if (this.freeCount === 0) return -1
    }
    this.freeCount--
    return this.free[this.freeCount]
  }

  /** A chunk of `takeFrame` that is not needed after all. */
  returnFrame(chunk: number): void {
    this.free[this.freeCount] = chunk
    this.freeCount++
  }

  /** Queues the `bytes` from byte `address` on, within a chunk of `takeFrame`. */
  send(address: number, bytes: number): void {
    const { sending } = this
    const at = sending.take()
    sending.words[at] = address
    sending.words[at + 1] = 0
    sending.words[at + 2] = bytes
    sending.words[at + 3] = 0
    this.queued++
  }

  /** Has the kernel send what is queued, without waiting. What it does not take now stays for the next flush. */
  flush(): void {
    const { sending } = this
    if (this.queued !== 0) {
      this.queued = 0
      sending.publish()
    }
    let waiting = sending.waiting()
    for (let i = 0; waiting !== 0 && i < KICKS_MAX && sending.needsWakeUp(); i++) {
      libc.send(this.fd, null as never, 0 as never, MSG_DONTWAIT)
      const left = sending.waiting()
      if (left === waiting) {
        this.stalls++
        return
      }
      this.stalls = 0
      waiting = left
    }
    this.reclaim()
  }

  /** Whether another flush soon may send more. */
  isStalled(): boolean {
    return this.stalls !== 0 && this.stalls < STALLS_MAX && this.sending.waiting() !== 0
  }

  /** Takes back what has been sent. */
  private reclaim(): void {
    const { completion, free } = this
    const count = completion.available(free.length)
    if (count === 0) return
    for (let i = 0; i < count; i++) {
      free[this.freeCount] = completion.words[completion.read()] & -CHUNK_BYTES
      this.freeCount++
    }
    completion.release()
  }

  private offer(chunk: number): void {
    const { fill } = this
    const at = fill.take()
    fill.words[at] = chunk
    fill.words[at + 1] = 0
  }
}
