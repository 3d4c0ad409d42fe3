// The requests of a worker that wait for their answers, in the order they were sent. Owned by one
// worker: generate.ts adds, check.ts looks up, worker.ts lets old ones expire.
//
// A transaction id is the request's slot in the ring, below random bits that only this request has:
// an answer finds its request without a search, and a wrong id finds none.

// A request in words: 0 transaction │ 1 state │ 2 kind │ 3 socket │ 4 torrent │ 5 rank
// │ 6 known seeders, 7 known leechers when it was sent
const WORDS_SHIFT = 3
const UNDER_WAY_WORDS = 1 << WORDS_SHIFT
const TRANSACTION = 0
export const STATE = 1
export const KIND = 2
const SOCKET = 3
export const TORRENT = 4
export const RANK = 5
export const KNOWN_SEEDERS = 6
export const KNOWN_LEECHERS = 7

// States. Overdue: still waited for, but no longer counted as under way in the closed loop.
const FREE = 0
const WAITING = 1
const OVERDUE = 2
export const ANSWERED_ALREADY = 3
export const LOST_ALREADY = 4

/** More would leave too few random bits in a transaction id. */
export const RING_MAX = 2 ** 20

export class UnderWay {
  readonly words: Int32Array
  /** Milliseconds of the monotonic clock from which each request's latency counts. */
  readonly times: Float64Array
  /** Requests under way of each of the worker's sockets. */
  readonly perSocket: Int32Array
  /** Requests that were answered late or not at all, since the start. */
  overdue = 0
  private readonly mask: number
  private next = 0
  private oldestWaiting = 0
  private oldestInTime = 0

  constructor(ring: number, sockets: number) {
    this.mask = ring - 1
    this.words = new Int32Array(ring * UNDER_WAY_WORDS)
    this.times = new Float64Array(ring)
    this.perSocket = new Int32Array(sockets)
  }

  // HOT: no allocation below this line.

  /** How many can be added before one that still waits is pushed out. */
  room(): number {
    return this.mask + 1 - (this.next - this.oldestWaiting)
  }

  /** Adds a request; returns its slot. */
  add(kind: number, socket: number, randomBits: number, timeMs: number): number {
    const slot = this.next & this.mask
    const at = slot << WORDS_SHIFT
    this.next++
    this.words[at + TRANSACTION] = (randomBits & ~this.mask) | slot
    this.words[at + STATE] = WAITING
    this.words[at + KIND] = kind
    this.words[at + SOCKET] = socket
    this.times[slot] = timeMs
    this.perSocket[socket]++
    return slot
  }

  /** Gives up the oldest until there is room for `count`; returns how many of them still waited. */
  makeRoom(count: number): number {
    let lost = 0
    while (this.room() < count) lost += this.expireOne(this.oldestWaiting & this.mask)
    return lost
  }

  /** Requests that still wait. */
  waiting(): number {
    let sum = 0
    for (let i = 0; i < this.perSocket.length; i++) sum += this.perSocket[i]
    return sum
  }

  transactionOf(slot: number): number {
    return this.words[(slot << WORDS_SHIFT) + TRANSACTION]
  }

  /** The slot of the request with this id, −1 if there is none. */
  find(transaction: number): number {
    const slot = transaction & this.mask
    const at = slot << WORDS_SHIFT
    return this.words[at + TRANSACTION] === transaction && this.words[at + STATE] !== FREE
      ? slot
      : -1
  }

  /** Ends the wait for an answer that came. */
  settle(slot: number): void {
    const at = slot << WORDS_SHIFT
    if (this.words[at + STATE] === WAITING) this.perSocket[this.words[at + SOCKET]]--
    this.words[at + STATE] = ANSWERED_ALREADY
  }

  /** Requests older than `since` make room for others, in case they are lost. */
  expireOverdue(since: number): void {
    const { words, times, mask } = this
    while (this.oldestInTime < this.next) {
      const slot = this.oldestInTime & mask
      const at = slot << WORDS_SHIFT
      if (words[at + STATE] === WAITING) {
        if (times[slot] > since) return
        words[at + STATE] = OVERDUE
        this.perSocket[words[at + SOCKET]]--
        this.overdue++
      }
      this.oldestInTime++
    }
  }

  /** Gives up requests older than `since`; returns how many. */
  expireLost(since: number): number {
    let lost = 0
    while (this.oldestWaiting < this.next) {
      const slot = this.oldestWaiting & this.mask
      const state = this.words[(slot << WORDS_SHIFT) + STATE]
      const isWaiting = state === WAITING || state === OVERDUE
      if (isWaiting && this.times[slot] > since) return lost
      lost += this.expireOne(slot)
    }
    return lost
  }

  /** The oldest request, in `slot`: 1 if it waited. */
  private expireOne(slot: number): number {
    const at = slot << WORDS_SHIFT
    const state = this.words[at + STATE]
    this.oldestWaiting++
    if (state !== WAITING && state !== OVERDUE) return 0
    if (state === WAITING) this.perSocket[this.words[at + SOCKET]]--
    this.words[at + STATE] = LOST_ALREADY
    return 1
  }
}

export function requestAt(slot: number): number {
  return slot << WORDS_SHIFT
}
