// Memory for what connections leave behind between two turns: requests of which a part has come, answers of which
// a part was taken. Off the JavaScript heap, in blocks of powers of two, taken and given back by address. One per
// worker, used by transfer.ts. Memory is made when it is first needed, and then kept.
import { NativeBytes } from '../os/tcp-stream.ts'

/** Most requests fit the smallest. */
const SMALLEST = 512
const SMALLEST_BITS = 9
const SIZES = 8
export const BLOCK_BYTES_MAX = SMALLEST << (SIZES - 1)
/** Made at once, and cut into blocks of one size. */
const CHUNK_BYTES = 4 * BLOCK_BYTES_MAX

export class Blocks {
  /** Free ones by size. */
  private readonly free: number[][] = Array.from({ length: SIZES }, () => [])
  private readonly chunks: NativeBytes[] = []
  private readonly chunksMax: number

  /** `bytesMax`: all that it ever uses. Nobody can fill the machine's memory by never finishing requests. */
  constructor(bytesMax: number) {
    this.chunksMax = Math.max(1, Math.floor(bytesMax / CHUNK_BYTES))
  }

  /** What is in use and free, in bytes. */
  get reserved(): number {
    return this.chunks.length * CHUNK_BYTES
  }

  private grow(size: number): boolean {
    if (this.chunks.length === this.chunksMax) return false
    const chunk = new NativeBytes(CHUNK_BYTES)
    this.chunks.push(chunk)
    const bytes = SMALLEST << size
    // The first is taken first.
    for (let at = CHUNK_BYTES - bytes; at >= 0; at -= bytes) {
      this.free[size].push(chunk.address + at)
    }
    return true
  }

  // HOT: no allocation below this line.

  /** The number of the smallest size for so many bytes. */
  sizeFor(bytes: number): number {
    return bytes <= SMALLEST ? 0 : 32 - SMALLEST_BITS - Math.clz32(bytes - 1)
  }

  /** The address of a block, or 0: nothing is left. */
  take(size: number): number {
    const free = this.free[size]
    if (free.length === 0 && !this.grow(size)) return 0
    return free.pop() as number
  }

  give(address: number, size: number): void {
    this.free[size].push(address)
  }
}
