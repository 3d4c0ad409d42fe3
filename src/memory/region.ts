// A piece of memory as its readers and writers need it: bytes, words, and the address. Used by ws/wire and
// ws/worker for messages. Owns nothing: a region is a view of memory that somebody else keeps.
import { addressOf, libc, nativeWords } from '../os/ffi.ts'

/** Copies up to this many bytes are faster one by one. */
const FEW_BYTES = 12

/** Regions that were made last; a worker has about three. */
const RECENT = 4

export class Region {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  /** Reads words wherever they begin. */
  readonly view: DataView
  readonly address: number

  /** `bytes`: on an explicit buffer, and from a multiple of four on. */
  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes
    if (byteOffset % 4 !== 0) throw new RangeError('a region begins with a whole word')
    this.bytes = bytes
    this.words = new Int32Array(buffer, byteOffset, byteLength >> 2)
    this.view = new DataView(buffer, byteOffset, byteLength)
    this.address = addressOf(this.words)
  }
}

/** New memory that native code may read. */
export function newRegion(bytes: number): Region {
  return new Region(
    new Uint8Array(nativeWords(Math.ceil(bytes / 4)).buffer, 0, Math.ceil(bytes / 4) * 4),
  )
}

/** The regions of the arrays that someone gives, without making one each time. */
export class Regions {
  private readonly recent: Region[] = []
  private next = 0

  private add(bytes: Uint8Array): Region {
    const region = new Region(bytes)
    this.recent[this.next] = region
    this.next = (this.next + 1) % RECENT
    return region
  }

  // HOT: no allocation below this line.

  of(bytes: Uint8Array): Region {
    const { recent } = this
    for (let i = 0; i < recent.length; i++) if (recent[i].bytes === bytes) return recent[i]
    return this.add(bytes)
  }
}

/**
 * Copies `count` bytes between regions, which may be one. By the system's function: `set` of a `subarray` takes four
 * times as long, and `copyWithin` as long but only within one array (18, 70 and 16 ns for 150 bytes, Bun 1.4.5).
 */
export function copyBytes(
  target: Region,
  to: number,
  source: Region,
  from: number,
  count: number,
): void {
  if (count > FEW_BYTES) {
    libc.memmove((target.address + to) as never, (source.address + from) as never, count as never)
    return
  }
  for (let i = 0; i < count; i++) target.bytes[to + i] = source.bytes[from + i]
}
