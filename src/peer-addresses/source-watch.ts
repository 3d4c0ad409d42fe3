// Whether one private address announces for everybody: a proxy or an address translation in front of the tracker hides its
// clients. Each worker has a row in shared memory that it alone writes; one-source.ts reads them in the main thread. Called for
// each announce from a private address by peer-addresses.ts (UDP, HTTP) and ws/worker/handle.ts: those of public clients cost
// nothing.
//
// The address is found as by Boyer and Moore: votes for and against a candidate, which only a majority keeps. What tells a
// translation from one busy client are the clients behind it: their ports, or peer ids, are many. Each sets one of 64 bits, in
// two tables that take turns, so that what was long ago does not count.
//
//  0 rows in use │ from 16, a row per worker, one cache line:
//  0 sequence: odd while the candidate changes │ 1 whether it is IPv4 │ 2…5 its address │ 6 its announces │ 7 those of other
//  private addresses since then │ 8, 9 bits of its clients │ 10, 11 those before
import type { AddressWords } from '../tcp/networks.ts'
import { classOf, PRIVATE } from './address-class.ts'

export const ROW_WORDS = 16
const ROWS_IN_USE = 0
/** More workers than this are not watched: the system gives them the same mix of clients. */
const ROWS_MAX = 64

export const SEQUENCE = 0
export const IS_IPV4 = 1
export const ADDRESS = 2
export const HITS = 6
export const OTHERS = 7
export const MARKS = 8
const MARKS_BEFORE = 10
export const MARK_WORDS = 4

/** A candidate that has stopped is given up after so many announces of others. */
const VOTES_MAX = 1000
/** Announces after which the tables of bits change places; a power of two. */
const MARKED_ANNOUNCES = 4096
/** Spreads numbers that are close together, as ports may be (Knuth, multiplicative hashing). */
const SPREAD = 0x9e3779b1 | 0
/** The six highest bits choose one of 64. */
const MARK_SHIFT = 26

/** For the workers of one protocol. */
export function createSourceRows(): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + ROWS_MAX) * ROW_WORDS * 4)
}

export function rowsInUse(words: Int32Array): number {
  return Math.min(ROWS_MAX, Atomics.load(words, ROWS_IN_USE))
}

export class SourceWatch {
  private readonly words: Int32Array
  /** Where its row begins; 0 without one. */
  private readonly row: number
  private a0 = 0
  private a1 = 0
  private a2 = 0
  private a3 = 0
  private votes = 0
  private hits = 0
  private others = 0

  /** `rows`: see createSourceRows. Takes the next one. */
  constructor(rows: SharedArrayBuffer) {
    this.words = new Int32Array(rows)
    const index = Atomics.add(this.words, ROWS_IN_USE, 1)
    this.row = index < ROWS_MAX ? (1 + index) * ROW_WORDS : 0
  }

  // HOT: no allocation below this line.

  /** An announce from any address, if it is known. */
  noteClient(client: AddressWords | undefined, mark: number): void {
    if (client === undefined) return
    const { ipv4, a0, a1, a2, a3 } = client
    if (classOf(ipv4, a0, a1, a2, a3) === PRIVATE) this.note(ipv4, a0, a1, a2, a3, mark)
  }

  /** An announce from a private address; `mark` differs between clients: a port, or a part of a peer id. */
  note(ipv4: boolean, a0: number, a1: number, a2: number, a3: number, mark: number): void {
    if (this.row === 0) return
    if (a0 === this.a0 && a1 === this.a1 && a2 === this.a2 && a3 === this.a3) {
      if (this.votes < VOTES_MAX) this.votes++
      this.hit(mark)
    } else if (this.votes > 0) {
      this.votes--
      this.others = (this.others + 1) | 0
      Atomics.store(this.words, this.row + OTHERS, this.others)
    } else {
      this.become(ipv4, a0, a1, a2, a3)
      this.hit(mark)
    }
  }

  private hit(mark: number): void {
    const { words, row } = this
    this.hits = (this.hits + 1) | 0
    if ((this.hits & (MARKED_ANNOUNCES - 1)) === 0) this.turnMarks()
    const bit = Math.imul(mark, SPREAD) >>> MARK_SHIFT
    const at = row + MARKS + (bit >>> 5)
    Atomics.store(words, at, words[at] | (1 << (bit & 31)))
    Atomics.store(words, row + HITS, this.hits)
  }

  private turnMarks(): void {
    const { words, row } = this
    for (let i = 0; i < 2; i++) {
      Atomics.store(words, row + MARKS_BEFORE + i, words[row + MARKS + i])
      Atomics.store(words, row + MARKS + i, 0)
    }
  }

  private become(ipv4: boolean, a0: number, a1: number, a2: number, a3: number): void {
    const { words, row } = this
    this.a0 = a0
    this.a1 = a1
    this.a2 = a2
    this.a3 = a3
    this.votes = 1
    this.hits = 0
    this.others = 0
    Atomics.add(words, row + SEQUENCE, 1)
    Atomics.store(words, row + IS_IPV4, ipv4 ? 1 : 0)
    Atomics.store(words, row + ADDRESS, a0)
    Atomics.store(words, row + ADDRESS + 1, a1)
    Atomics.store(words, row + ADDRESS + 2, a2)
    Atomics.store(words, row + ADDRESS + 3, a3)
    for (let i = HITS; i < MARKS + MARK_WORDS; i++) Atomics.store(words, row + i, 0)
    Atomics.add(words, row + SEQUENCE, 1)
  }
}
