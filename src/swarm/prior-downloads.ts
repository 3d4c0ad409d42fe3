// Counts of completed downloads from before a restart, of torrents whose peers have yet to come back.
// Asked when a torrent is made, and by scrapes of torrents that nobody is in. Reads a table in shared
// memory that persistence/ has filled and that never changes; later counts come as a new table.
//
// A table of info hashes like that of an access list (access-list/list.ts), and a count for each slot.
// Torrent rows are for torrents with peers: a row for each torrent ever counted would never go away.
import { findSlot, isSame, SLOT_WORDS } from '../access-list/slots.ts'
import { STATE_COMPLETED_MAX } from './layout.ts'
import type { Table } from './table/table.ts'
import { hashInfoHash, INFO_HASH_WORDS } from './table/torrents.ts'

/** As it is sent to workers. */
export interface PriorDownloadsData {
  readonly slots: SharedArrayBuffer
  readonly counts: SharedArrayBuffer
  readonly slotCount: number
}

export const NO_PRIOR_DOWNLOADS: PriorDownloadsData = {
  slots: new SharedArrayBuffer(0),
  counts: new SharedArrayBuffer(0),
  slotCount: 0,
}

/** Of three slots two are in use at most. */
const SLOTS_PER_ENTRY = 1.5

/**
 * Merges the entries of each torrent into one: `stride` words each, an info hash first; of the words after it
 * the highest is kept. Moves the result to the front, and returns how many words it has.
 * `table`: any one, for its key.
 */
export function mergeDownloads(table: Table, entries: Int32Array, stride: number): number {
  const slotCount = slotCountFor(entries.length / stride)
  const words = new Int32Array(slotCount * SLOT_WORDS)
  const places = new Int32Array(slotCount)
  let used = 0
  for (let at = 0; at < entries.length; at += stride) {
    const slot = findSlot(words, slotCount, entries, at, hashInfoHash(table, entries, at))
    // An info hash of zeros belongs to no torrent.
    if (slot < 0) continue
    if (isSame(words, slot, entries, at)) {
      raiseTo(entries, places[slot / SLOT_WORDS], at, stride)
      continue
    }
    for (let i = 0; i < INFO_HASH_WORDS; i++) words[slot + i] = entries[at + i]
    places[slot / SLOT_WORDS] = used
    entries.copyWithin(used, at, at + stride)
    used += stride
  }
  return used
}

function raiseTo(entries: Int32Array, place: number, at: number, stride: number): void {
  for (let i = INFO_HASH_WORDS; i < stride; i++) {
    // As unsigned numbers, because of times from 2038 on.
    if (entries[at + i] >>> 0 > entries[place + i] >>> 0) entries[place + i] = entries[at + i]
  }
}

/** Makes a table of such entries, one per torrent; the word after the info hash is its count. */
export function priorDownloadsOf(
  table: Table,
  entries: Int32Array,
  stride: number,
): PriorDownloadsData {
  const slotCount = slotCountFor(entries.length / stride)
  const slots = new SharedArrayBuffer(slotCount * SLOT_WORDS * 4)
  const counts = new SharedArrayBuffer(slotCount * 4)
  const words = new Int32Array(slots)
  const countWords = new Int32Array(counts)
  for (let at = 0; at < entries.length; at += stride) {
    const slot = findSlot(words, slotCount, entries, at, hashInfoHash(table, entries, at))
    for (let i = 0; i < INFO_HASH_WORDS; i++) words[slot + i] = entries[at + i]
    countWords[slot / SLOT_WORDS] = entries[at + INFO_HASH_WORDS] & STATE_COMPLETED_MAX
  }
  return { slots, counts, slotCount }
}

function slotCountFor(entries: number): number {
  return Math.ceil((entries + 1) * SLOTS_PER_ENTRY)
}

export class PriorDownloads {
  private slots = new Int32Array(NO_PRIOR_DOWNLOADS.slots)
  private counts = new Int32Array(NO_PRIOR_DOWNLOADS.counts)
  private slotCount = 0

  replace(data: PriorDownloadsData): void {
    this.slots = new Int32Array(data.slots)
    this.counts = new Int32Array(data.counts)
    this.slotCount = data.slotCount
  }

  // HOT: no allocation below this line.

  /** The count of the info hash at `source[at]`, whose keyed hash is `hash`; 0 when there is none. */
  completedOf(source: Int32Array, at: number, hash: number): number {
    if (this.slotCount === 0) return 0
    const slot = findSlot(this.slots, this.slotCount, source, at, hash)
    // Slots are never given to the info hash of zeros, and an empty one counts 0.
    return slot < 0 ? 0 : this.counts[slot / SLOT_WORDS]
  }
}
