// Reads the options behind an announce (BEP 41), of which one is of use: the path of the announce URL. Called by
// worker/announce-key.ts, and only where a key is asked for.
//
//  98… 1 type │ and but for END and NOP 1 length │ so many bytes │ the next one …
//
// URL data that stand in several options are one. An option that does not end before the packet does makes all of
// them worthless.
import { ANNOUNCE_BYTES_MIN } from './layout.ts'

const END = 0
const NOP = 1
const URL_DATA = 2

/** Clients send a path of at most 255 bytes in one option; what stands further behind is not looked at. */
export const OPTION_BYTES_MAX = 1024

// HOT: no allocation below this line.

/**
 * Copies the path of the packet of `bytes` at `words[at]` to `out`, as far as there is room. Returns how many bytes
 * were copied; 0 without a path.
 */
export function readPath(words: Int32Array, at: number, bytes: number, out: Uint8Array): number {
  const most = ANNOUNCE_BYTES_MIN + OPTION_BYTES_MAX
  const end = bytes < most ? bytes : most
  let length = 0
  let i = ANNOUNCE_BYTES_MIN
  while (i < end) {
    const type = byteAt(words, at, i)
    i++
    if (type === END) break
    if (type === NOP) continue
    if (i === end) return 0
    const next = i + 1 + byteAt(words, at, i)
    if (next > end) return 0
    if (type === URL_DATA) {
      for (let from = i + 1; from < next && length < out.length; from++) {
        out[length] = byteAt(words, at, from)
        length++
      }
    }
    i = next
  }
  return length
}

function byteAt(words: Int32Array, at: number, byte: number): number {
  return (words[at + (byte >>> 2)] >>> ((byte & 3) << 3)) & 0xff
}
