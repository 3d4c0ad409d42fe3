// Memory for what connections leave behind between two turns: requests of which a part has come, answers of which
// a part was taken. Off the JavaScript heap, in blocks of powers of two, taken and given back by address. One per
// worker, used by transfer.ts. Memory is made when it is first needed, and then kept.
//
// It is made in chunks, each cut into blocks of one size. Once no more may be made, a chunk of which nothing is in use
// is cut anew: so many requests of one length, however long ago, leave room for those of any other.
import { NativeBytes } from '../os/tcp-stream.ts'

/** Most requests fit the smallest. */
const SMALLEST = 512
const SMALLEST_BITS = 9
const SIZES = 8
export const BLOCK_BYTES_MAX = SMALLEST << (SIZES - 1)
const CHUNK_BYTES = 4 * BLOCK_BYTES_MAX
/** A chunk begins at a multiple of this, so that an address tells which one it is in. */
const ALIGNMENT = BLOCK_BYTES_MAX

/** Memory that is cut into blocks of one size. */
class Chunk {
  readonly address: number
  size = 0
  /** Addresses of the blocks that are not in use. */
  readonly free: number[] = []
  /** Its index among those of its size that have some, while it has. */
  place = -1
  private readonly memory = new NativeBytes(CHUNK_BYTES + ALIGNMENT)

  constructor() {
    this.address = Math.ceil(this.memory.address / ALIGNMENT) * ALIGNMENT
  }

  get isWhole(): boolean {
    return this.free.length << (this.size + SMALLEST_BITS) === CHUNK_BYTES
  }

  /** While nothing of it is in use. */
  cut(size: number): void {
    const { free, address } = this
    const bytes = SMALLEST << size
    this.size = size
    free.length = 0
    // The first is taken first.
    for (let at = CHUNK_BYTES - bytes; at >= 0; at -= bytes) free.push(address + at)
  }
}

function noSuchBlock(address: number): never {
  throw new Error(`no block of that size at ${address}`)
}

export class Blocks {
  /** Chunks by each part that they have of such a length. */
  private readonly chunks = new Map<number, Chunk>()
  private count = 0
  private readonly chunksMax: number
  /** Those with free blocks, by size. */
  private readonly open: Chunk[][] = Array.from({ length: SIZES }, () => [])
  /** Chunks of which nothing is in use. */
  private whole = 0

  /** `bytesMax`: all that it ever uses. Nobody can fill the machine's memory by never finishing requests. */
  constructor(bytesMax: number) {
    this.chunksMax = Math.max(1, Math.floor(bytesMax / CHUNK_BYTES))
  }

  /** What is in use and free, in bytes. */
  get reserved(): number {
    return this.count * CHUNK_BYTES
  }

  private newChunk(): Chunk {
    const chunk = new Chunk()
    for (let at = 0; at < CHUNK_BYTES; at += ALIGNMENT) {
      this.chunks.set((chunk.address + at) / ALIGNMENT, chunk)
    }
    this.count++
    return chunk
  }

  // HOT: no allocation below this line.

  /** The number of the smallest size for so many bytes. */
  sizeFor(bytes: number): number {
    return bytes <= SMALLEST ? 0 : 32 - SMALLEST_BITS - Math.clz32(bytes - 1)
  }

  /** The address of a block, or 0: nothing is left. */
  take(size: number): number {
    const open = this.open[size]
    if (open.length === 0 && !this.provide(size)) return 0
    const chunk = open[open.length - 1]
    if (chunk.isWhole) this.whole--
    const address = chunk.free.pop() as number
    if (chunk.free.length === 0) this.shut(chunk)
    return address
  }

  give(address: number, size: number): void {
    const chunk = this.chunks.get(Math.floor(address / ALIGNMENT))
    if (chunk === undefined || chunk.size !== size) noSuchBlock(address)
    chunk.free.push(address)
    if (chunk.place < 0) this.reopen(chunk)
    if (chunk.isWhole) this.whole++
  }

  /** A chunk with blocks of a size: a new one, or one that nobody uses. */
  private provide(size: number): boolean {
    let chunk: Chunk | null
    if (this.count < this.chunksMax) chunk = this.newChunk()
    else {
      chunk = this.whole === 0 ? null : this.findWhole()
      if (chunk === null) return false
      this.shut(chunk)
      this.whole--
    }
    chunk.cut(size)
    this.reopen(chunk)
    this.whole++
    return true
  }

  private findWhole(): Chunk | null {
    for (let size = 0; size < SIZES; size++) {
      const open = this.open[size]
      for (let i = 0; i < open.length; i++) if (open[i].isWhole) return open[i]
    }
    return null
  }

  private reopen(chunk: Chunk): void {
    const open = this.open[chunk.size]
    chunk.place = open.length
    open.push(chunk)
  }

  /** The last of the list takes its place. */
  private shut(chunk: Chunk): void {
    const open = this.open[chunk.size]
    const last = open.pop() as Chunk
    if (last !== chunk) {
      open[chunk.place] = last
      last.place = chunk.place
    }
    chunk.place = -1
  }
}
