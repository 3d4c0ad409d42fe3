// Reads a request in place: what it is, or why it is refused. Called once per packet by handle.ts, before
// anything else uses it. Fields stay where they are (layout.ts).
import { swapBytes } from '../../memory/byte-order.ts'
import {
  ACTION_ANNOUNCE,
  ACTION_CONNECT,
  ACTION_SCRAPE,
  ANNOUNCE_BYTES_MIN,
  ANNOUNCE_NUM_WANT,
  PROTOCOL_ID_0,
  PROTOCOL_ID_1,
  REQUEST_ACTION,
  REQUEST_BYTES_MIN,
  REQUEST_ID,
} from './layout.ts'

// What `parse` returns: a kind of request, or a reason to refuse it.
export const CONNECT = 0
export const ANNOUNCE = 1
export const SCRAPE = 2
export const TOO_SHORT = 3
export const WRONG_PROTOCOL_ID = 4
export const UNKNOWN_ACTION = 5

// HOT: no allocation below this line.

/** `words[at]` is the first word of a packet of `bytes`. Trailing bytes and options are ignored. */
export function parse(words: Int32Array, at: number, bytes: number): number {
  if (bytes < REQUEST_BYTES_MIN) return TOO_SHORT
  switch (words[at + REQUEST_ACTION]) {
    case ACTION_CONNECT:
      return words[at + REQUEST_ID] === PROTOCOL_ID_0 &&
        words[at + REQUEST_ID + 1] === PROTOCOL_ID_1
        ? CONNECT
        : WRONG_PROTOCOL_ID
    case ACTION_ANNOUNCE:
      return bytes < ANNOUNCE_BYTES_MIN ? TOO_SHORT : ANNOUNCE
    case ACTION_SCRAPE:
      return SCRAPE
    default:
      return UNKNOWN_ACTION
  }
}

/** How many peers an announce wants, between 1 and `max`: 0 and negative numbers mean the usual number. */
export function numWant(words: Int32Array, at: number, max: number): number {
  const wanted = swapBytes(words[at + ANNOUNCE_NUM_WANT])
  return wanted <= 0 || wanted > max ? max : wanted
}
