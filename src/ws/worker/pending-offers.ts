// The offerers of the offers that a connection was sent and has not answered yet. One per connection that has
// been sent an offer; signal.ts adds and takes.
//
// An answer is passed on only if it matches one of these, and each is good for one answer. A key stands for
// info hash, both peer ids and the offer id: a keyed hash of all four, for which no client can find collisions
// (signal.ts). Entries say whether they are from before the last rotation, which the next one drops.
//
// They are a hash table with open addressing, in a block of memory whose size follows their number (offer-blocks.ts):
// nothing is allocated for an offer, and the collector sees none.
//
//  entry: 0 keyed hash │ 1 first word of the offer id │ 2 connection │ 3 generation, USED, OLD
import { Chunk, OfferBlocks, SMALLEST_BLOCK } from './offer-blocks.ts'

/**
 * Offers that one connection may leave unanswered while they are remembered. A client that reaches this gets no
 * more, since it cannot even answer those it has.
 */
export const PENDING_OFFERS_MAX = 1024

/** What is on its way when that is reached is still remembered, up to here. */
const ENTRIES_MAX = 1536

const ENTRY_WORDS = 4
const SMALLEST_ENTRIES = SMALLEST_BLOCK / ENTRY_WORDS
const ID = 1
const CONNECTION = 2
const STATE = 3
const GENERATION_MASK = 0xffff
const USED = 1 << 16
const OLD = 1 << 17

/** What `take` found; valid until the next call. */
export const taken = { connection: 0, generation: 0 }

const blocks = new OfferBlocks()
/** The block of those that have none, which is never written to. */
const NONE = new Chunk()

export class PendingOffers {
  /** Second of the last rotation. */
  rotatedAt: number
  private young = 0
  private old = 0
  private chunk = NONE
  private at = 0

  constructor(now: number) {
    this.rotatedAt = now
  }

  // HOT: no allocation below this line.

  get full(): boolean {
    return this.young + this.old >= PENDING_OFFERS_MAX
  }

  /** Whether there is room for one more, even if it has enough. */
  get hasRoom(): boolean {
    return this.young + this.old < ENTRIES_MAX
  }

  /** Only while there is room. */
  add(hash: number, id: number, connection: number, generation: number): void {
    // At most three quarters are used.
    if (this.chunk === NONE) this.renew(0)
    else if ((this.young + this.old + 1) * 4 > this.slots * 3) this.resize(this.chunk.size + 1)
    this.put(hash, id, connection, generation | USED)
  }

  /** Forgets the offer and fills `taken` with its offerer; false if there is no such offer. */
  take(hash: number, id: number): boolean {
    const entry = this.find(hash, id)
    const { words } = this.chunk
    const state = words[entry + STATE]
    if (state === 0) return false
    taken.generation = state & GENERATION_MASK
    taken.connection = words[entry + CONNECTION]
    if ((state & OLD) === 0) this.young--
    else this.old--
    this.close(entry)
    return true
  }

  /** Forgets the offers from before the last rotation; true if none are left, and its memory is given back. */
  rotate(): boolean {
    if (this.young === 0) {
      this.release()
      return true
    }
    let size = 0
    while (this.young * 4 > (SMALLEST_ENTRIES << size) * 3) size++
    const { chunk, at, slots } = this
    this.young = 0
    this.old = 0
    this.renew(size)
    for (let i = 0; i < slots; i++) {
      const entry = at + i * ENTRY_WORDS
      const state = chunk.words[entry + STATE]
      if (state !== 0 && (state & OLD) === 0) this.copy(chunk.words, entry, OLD)
    }
    blocks.give(chunk, at)
    return false
  }

  /** Forgets all and gives the memory back. */
  release(): void {
    if (this.chunk !== NONE) blocks.give(this.chunk, this.at)
    this.chunk = NONE
    this.at = 0
    this.young = 0
    this.old = 0
  }

  private get slots(): number {
    return SMALLEST_ENTRIES << this.chunk.size
  }

  private resize(size: number): void {
    const { chunk, at, slots } = this
    this.young = 0
    this.old = 0
    this.renew(size)
    for (let i = 0; i < slots; i++) {
      const entry = at + i * ENTRY_WORDS
      if (chunk.words[entry + STATE] !== 0) this.copy(chunk.words, entry, 0)
    }
    blocks.give(chunk, at)
  }

  private renew(size: number): void {
    this.chunk = blocks.take(size)
    this.at = blocks.at
  }

  private copy(words: Int32Array, entry: number, more: number): void {
    this.put(
      words[entry],
      words[entry + ID],
      words[entry + CONNECTION],
      words[entry + STATE] | more,
    )
  }

  private put(hash: number, id: number, connection: number, state: number): void {
    const entry = this.find(hash, id)
    const { words } = this.chunk
    const before = words[entry + STATE]
    if (before !== 0) {
      if ((before & OLD) === 0) this.young--
      else this.old--
    }
    if ((state & OLD) === 0) this.young++
    else this.old++
    words[entry] = hash
    words[entry + ID] = id
    words[entry + CONNECTION] = connection
    words[entry + STATE] = state
  }

  /** The entry of a key, or the free one where it would be. */
  private find(hash: number, id: number): number {
    const { at } = this
    const { words } = this.chunk
    const mask = this.slots - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = at + slot * ENTRY_WORDS
      if (words[entry + STATE] === 0) return entry
      if (words[entry] === hash && words[entry + ID] === id) return entry
    }
  }

  /** Frees an entry; those after it that were meant for its place, or one before it, move up. */
  private close(entry: number): void {
    const { at } = this
    const { words } = this.chunk
    const mask = this.slots - 1
    let hole = (entry - at) / ENTRY_WORDS
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const from = at + slot * ENTRY_WORDS
      if (words[from + STATE] === 0) break
      const wanted = words[from] & mask
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue
      for (let i = 0; i < ENTRY_WORDS; i++) words[at + hole * ENTRY_WORDS + i] = words[from + i]
      hole = slot
    }
    words[at + hole * ENTRY_WORDS + STATE] = 0
  }
}
