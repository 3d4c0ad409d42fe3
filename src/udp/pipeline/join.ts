// Scrapes whose torrents belong to several request workers: collects the part of each, and completes the answer
// once all are there. Used by forward.ts, which opens them, and deliver.ts, which adds the parts; one per
// socket worker. Owns a slot for each scrape in progress, in which the answer is assembled.
//
// If a part was dropped on its way, its scrape is never answered, not even in part: the slot is reused once it
// has been open for EXPIRY_SECONDS. A ticket identifies a slot and its current use, so a late part is
// recognized.
import { addressHigh, addressLow, nativeWords } from '../../os/ffi.ts'
import {
  ANSWER_BYTES_MAX_IPV4,
  SCRAPE_ENTRY_BYTES,
  SCRAPE_RESPONSE_ENTRIES_BYTES,
} from '../wire/layout.ts'
import { writeScrapeHead } from '../wire/serialize.ts'
import { DROPPED_SCRAPES } from '../worker/counters.ts'

/** More than a full batch of packets needs if one in eight is a scrape over several owners. */
const SLOTS_SHIFT = 7
const SLOTS = 1 << SLOTS_SHIFT

/** Far longer than an answer takes; clients ask again after 15 seconds. */
const EXPIRY_SECONDS = 2

const ENTRY_WORDS = SCRAPE_ENTRY_BYTES / 4
const HEAD_WORDS = SCRAPE_RESPONSE_ENTRIES_BYTES / 4
const ANSWER_WORDS = Math.ceil(ANSWER_BYTES_MAX_IPV4 / 4)
const ENTRIES_MAX = Math.floor((ANSWER_WORDS - HEAD_WORDS) / ENTRY_WORDS)
const RETURN_WORDS = 16
/** Return address first, then the answer. */
const SLOT_WORDS = RETURN_WORDS + ANSWER_WORDS

export class ScrapeJoiner {
  /** The slots, from which the kernel sends answers. */
  readonly words = nativeWords(SLOTS * SLOT_WORDS)
  readonly low = addressLow(this.words)
  readonly high = addressHigh(this.words)
  private readonly counts: Int32Array
  private readonly owners = new Uint8Array(SLOTS * ENTRIES_MAX)
  private readonly entries = new Int32Array(SLOTS)
  private readonly partsLeft = new Int32Array(SLOTS)
  private readonly turns = new Int32Array(SLOTS)
  private readonly openedAt = new Float64Array(SLOTS)
  private readonly free = Int32Array.from({ length: SLOTS }, (_, i) => i)
  private freeCount = SLOTS
  private now = 0

  /** `counts`: counts scrapes that were given up because a part did not arrive. */
  constructor(counts: Int32Array) {
    this.counts = counts
  }

  setTime(now: number): void {
    this.now = now
  }

  // HOT: no allocation below this line.

  /** Takes a slot for a scrape of `count` torrents in `parts` parts; −1, and counted, if none is free. */
  open(count: number, parts: number, transaction: number): number {
    const slot = this.takeSlot()
    if (slot < 0) {
      this.counts[DROPPED_SCRAPES]++
      return -1
    }
    this.entries[slot] = count
    this.partsLeft[slot] = parts
    this.openedAt[slot] = this.now
    writeScrapeHead(this.words, this.answerOf(slot), transaction)
    return slot
  }

  /** Where the scrape's return is stored. */
  returnOf(slot: number): number {
    return slot * SLOT_WORDS
  }

  answerOf(slot: number): number {
    return slot * SLOT_WORDS + RETURN_WORDS
  }

  bytesOf(slot: number): number {
    return SCRAPE_RESPONSE_ENTRIES_BYTES + this.entries[slot] * SCRAPE_ENTRY_BYTES
  }

  /** Says that entry `index` comes from `owner`. */
  setOwner(slot: number, index: number, owner: number): void {
    this.owners[slot * ENTRIES_MAX + index] = owner
  }

  ticketOf(slot: number): number {
    return (this.turns[slot] << SLOTS_SHIFT) | slot
  }

  /**
   * Adds the part of `owner`, a scrape response at `words[part]`. Returns the slot if that was the last part:
   * its answer is complete, and must be sent before the next `open`. Otherwise −1.
   */
  add(ticket: number, owner: number, words: Int32Array, part: number): number {
    const slot = ticket & (SLOTS - 1)
    if (this.partsLeft[slot] === 0 || this.ticketOf(slot) !== ticket) return -1
    let from = part + HEAD_WORDS
    const count = this.entries[slot]
    const entries = this.answerOf(slot) + HEAD_WORDS
    for (let i = 0; i < count; i++) {
      if (this.owners[slot * ENTRIES_MAX + i] !== owner) continue
      const to = entries + i * ENTRY_WORDS
      for (let n = 0; n < ENTRY_WORDS; n++) this.words[to + n] = words[from + n]
      from += ENTRY_WORDS
    }
    if (--this.partsLeft[slot] > 0) return -1
    this.close(slot)
    return slot
  }

  private takeSlot(): number {
    if (this.freeCount === 0) this.expire()
    return this.freeCount === 0 ? -1 : this.free[--this.freeCount]
  }

  private expire(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.now - this.openedAt[slot] < EXPIRY_SECONDS) continue
      this.partsLeft[slot] = 0
      this.counts[DROPPED_SCRAPES]++
      this.close(slot)
    }
  }

  private close(slot: number): void {
    this.turns[slot]++
    this.free[this.freeCount++] = slot
  }
}
