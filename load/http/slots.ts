// The connections of a load worker as numbers: each slot has one at a time, and the requests that wait on
// it, linked in their order. Used by connections.ts, which decides what happens. Owns the bytes of answers
// of which only a part has come.
import { FLOOD } from './counts.ts'
import { KIND, NONE, type Requests, requestAt } from './requests.ts'
import { SlotStack } from './slot-stack.ts'

// A slot in words: 0 state │ 1 first request under way, 2 last │ 3 how many │ 4 answers on this connection
// │ 5 source │ 6 requests that the connection may still be given │ 7 bytes of an answer that have come
const SHIFT = 3
export const STATE = 0
export const FIRST = 1
const LAST = 2
export const WAITING = 3
export const ANSWERED = 4
export const SOURCE_OF = 5
export const MAY_ASK = 6
export const PARTIAL = 7

export const FREE = 0
export const CONNECTING = 1
export const OPEN = 2

const PARTIAL_BYTES_MIN = 4096

export class Slots {
  readonly count: number
  readonly words: Int32Array
  /** When the connection was begun (ms). */
  readonly begunAt: Float64Array
  /** Of each slot, for the part of an answer. */
  readonly partials: Uint8Array[]
  private readonly requests: Requests
  private readonly ordinary: number
  private readonly waiting: SlotStack
  private readonly waitingFlood: SlotStack

  /** The last `flood` of them are for requests that are not valid. */
  constructor(ordinary: number, flood: number, requests: Requests) {
    this.count = ordinary + flood
    this.ordinary = ordinary
    this.requests = requests
    this.words = new Int32Array(this.count << SHIFT)
    this.begunAt = new Float64Array(this.count)
    this.partials = Array.from({ length: this.count }, () => new Uint8Array(0))
    for (let slot = 0; slot < this.count; slot++) this.words[slotAt(slot) + FIRST] = NONE
    this.waiting = new SlotStack(0, ordinary)
    this.waitingFlood = new SlotStack(ordinary, flood)
  }

  private makeRoom(slot: number, bytes: number): void {
    const old = this.partials[slot]
    if (old.length >= bytes) return
    const size = Math.max(PARTIAL_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytes)))
    const block = new Uint8Array(new ArrayBuffer(size))
    block.set(old)
    this.partials[slot] = block
  }

  // HOT: no allocation below this line.

  /** Puts bytes behind those of the slot that have come; returns how many there are. */
  append(slot: number, bytes: Uint8Array, from: number, to: number): number {
    const partial = this.words[slotAt(slot) + PARTIAL]
    this.makeRoom(slot, partial + to - from)
    const block = this.partials[slot]
    for (let i = from, end = partial; i < to; i++) block[end++] = bytes[i]
    return partial + to - from
  }

  /** Keeps these bytes, which may be the slot's own: then they move to the front. */
  keep(slot: number, bytes: Uint8Array, from: number, to: number): void {
    const length = to - from
    this.makeRoom(slot, length)
    const block = this.partials[slot]
    for (let i = 0; i < length; i++) block[i] = bytes[from + i]
    this.words[slotAt(slot) + PARTIAL] = length
  }

  linkLast(at: number, id: number): void {
    const { words, requests } = this
    requests.link(id, NONE)
    if (words[at + FIRST] === NONE) words[at + FIRST] = id
    else requests.link(words[at + LAST], id)
    words[at + LAST] = id
    words[at + WAITING]++
  }

  /** The first request of a slot is through. */
  unlinkFirst(at: number): void {
    const { words, requests } = this
    const id = words[at + FIRST]
    words[at + FIRST] = requests.nextOf(id)
    words[at + WAITING]--
    requests.release(id)
  }

  /** All requests of a slot wait to be asked again; returns how many. */
  retryAll(at: number): number {
    const { words, requests } = this
    const retried = words[at + WAITING]
    let id = words[at + FIRST]
    while (id !== NONE) {
      const next = requests.nextOf(id)
      requests.putRetry(id)
      id = next
    }
    words[at + FIRST] = NONE
    words[at + WAITING] = 0
    return retried
  }

  /** All requests of a slot are given up; returns how many of them were valid ones. */
  loseAll(at: number): number {
    const { words, requests } = this
    let lost = 0
    while (words[at + FIRST] !== NONE) {
      if (requests.words[requestAt(words[at + FIRST]) + KIND] !== FLOOD) lost++
      this.unlinkFirst(at)
    }
    return lost
  }

  freed(slot: number): void {
    this.words[slotAt(slot) + STATE] = FREE
    this.words[slotAt(slot) + PARTIAL] = 0
  }

  /** One that can take a request, NONE when there is none. */
  takeOrdinary(): number {
    return this.waiting.take()
  }

  takeFlood(): number {
    return this.waitingFlood.take()
  }

  putBack(slot: number): void {
    if (this.isFlood(slot)) this.waitingFlood.put(slot)
    else this.waiting.put(slot)
  }

  /** Whether it is among those that can take a request. */
  waits(slot: number): boolean {
    return this.isFlood(slot) ? this.waitingFlood.has(slot) : this.waiting.has(slot)
  }

  isFlood(slot: number): boolean {
    return slot >= this.ordinary
  }
}

/** Where a slot's words begin. */
export function slotAt(slot: number): number {
  return slot << SHIFT
}
