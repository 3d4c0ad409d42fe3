// Writes responses straight into the buffer from which they are sent. Called by handle.ts. `at` is the first
// word of an answer in `out`, where there is room for the largest one; the result is its size in bytes.

import { swapBytes } from '../../memory/byte-order.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_ERROR,
  ACTION_SCRAPE,
  ANNOUNCE_RESPONSE_PEERS_BYTES,
  CONNECT_RESPONSE_BYTES,
  ERROR_RESPONSE_TEXT_BYTES,
  SCRAPE_ENTRY_BYTES,
  SCRAPE_RESPONSE_ENTRIES_BYTES,
} from './layout.ts'

/** A text as the words of an error response. */
export interface ErrorText {
  readonly words: Int32Array
  readonly bytes: number
}

export function errorText(text: string): ErrorText {
  const bytes = new TextEncoder().encode(text)
  const words = new Int32Array(Math.ceil(bytes.length / 4))
  new Uint8Array(words.buffer).set(bytes)
  return { words, bytes: bytes.length }
}

// HOT: no allocation below this line.

export function writeConnect(
  out: Int32Array,
  at: number,
  transaction: number,
  id0: number,
  id1: number,
): number {
  out[at] = ACTION_CONNECT
  out[at + 1] = transaction
  out[at + 2] = id0
  out[at + 3] = id1
  return CONNECT_RESPONSE_BYTES
}

/** The head of an announce response, which the peers follow; `interval` is already big endian. */
export function writeAnnounceHead(
  out: Int32Array,
  at: number,
  transaction: number,
  interval: number,
  leechers: number,
  seeders: number,
): void {
  out[at] = ACTION_ANNOUNCE
  out[at + 1] = transaction
  out[at + 2] = interval
  out[at + 3] = swapBytes(leechers)
  out[at + 4] = swapBytes(seeders)
}

/**
 * Peers after the head at `at`; returns the size of the response. `runs`: address and number of peers of each
 * of `runCount` runs in `memory`.
 */
export function writePeersIPv4(
  out: Int32Array,
  at: number,
  memory: Int32Array,
  runs: Int32Array,
  runCount: number,
): number {
  let to = at + ANNOUNCE_RESPONSE_PEERS_BYTES / 4
  // Six bytes each: every second peer starts in the middle of a word, and `half` waits for it. So two at a time.
  let half = 0
  let odd = false
  for (let i = 0; i < runCount; i++) {
    let peer = runs[i * 2]
    const end = peer + runs[i * 2 + 1] * 2
    if (odd && peer < end) {
      const address = memory[peer]
      out[to] = half | (address << 16)
      out[to + 1] = (address >>> 16) | (memory[peer + 1] << 16)
      to += 2
      peer += 2
      odd = false
    }
    for (; peer + 2 < end; peer += 4) {
      const address = memory[peer + 2]
      out[to] = memory[peer]
      out[to + 1] = (memory[peer + 1] & 0xffff) | (address << 16)
      out[to + 2] = (address >>> 16) | (memory[peer + 3] << 16)
      to += 3
    }
    if (peer < end) {
      out[to] = memory[peer]
      to++
      half = memory[peer + 1] & 0xffff
      odd = true
    }
  }
  if (!odd) return (to - at) * 4
  out[to] = half
  return (to - at) * 4 + 2
}

export function writePeersIPv6(
  out: Int32Array,
  at: number,
  memory: Int32Array,
  runs: Int32Array,
  runCount: number,
): number {
  let to = at + ANNOUNCE_RESPONSE_PEERS_BYTES / 4
  let half = 0
  let odd = false
  for (let i = 0; i < runCount; i++) {
    let peer = runs[i * 2]
    const end = peer + runs[i * 2 + 1] * 5
    for (; peer < end; peer += 5) {
      const a0 = memory[peer]
      const a1 = memory[peer + 1]
      const a2 = memory[peer + 2]
      const a3 = memory[peer + 3]
      const last = memory[peer + 4]
      if (odd) {
        out[to] = half | (a0 << 16)
        out[to + 1] = (a0 >>> 16) | (a1 << 16)
        out[to + 2] = (a1 >>> 16) | (a2 << 16)
        out[to + 3] = (a2 >>> 16) | (a3 << 16)
        out[to + 4] = (a3 >>> 16) | (last << 16)
        to += 5
      } else {
        out[to] = a0
        out[to + 1] = a1
        out[to + 2] = a2
        out[to + 3] = a3
        to += 4
        half = last & 0xffff
      }
      odd = !odd
    }
  }
  if (!odd) return (to - at) * 4
  out[to] = half
  return (to - at) * 4 + 2
}

/** The head of a scrape response; `writeScrapeEntry` adds the entries. */
export function writeScrapeHead(out: Int32Array, at: number, transaction: number): void {
  out[at] = ACTION_SCRAPE
  out[at + 1] = transaction
}

/** Entry `index`; returns the size of the response up to the entry's end. */
export function writeScrapeEntry(
  out: Int32Array,
  at: number,
  index: number,
  seeders: number,
  completed: number,
  leechers: number,
): number {
  const to = at + (SCRAPE_RESPONSE_ENTRIES_BYTES + index * SCRAPE_ENTRY_BYTES) / 4
  out[to] = swapBytes(seeders)
  out[to + 1] = swapBytes(completed)
  out[to + 2] = swapBytes(leechers)
  return (to - at) * 4 + SCRAPE_ENTRY_BYTES
}

/** An error of at most `max` bytes; its text is cut to fit. */
export function writeError(
  out: Int32Array,
  at: number,
  transaction: number,
  text: ErrorText,
  max: number,
): number {
  out[at] = ACTION_ERROR
  out[at + 1] = transaction
  for (let i = 0; i < text.words.length; i++) {
    out[at + ERROR_RESPONSE_TEXT_BYTES / 4 + i] = text.words[i]
  }
  const bytes = ERROR_RESPONSE_TEXT_BYTES + text.bytes
  return bytes < max ? bytes : max
}
