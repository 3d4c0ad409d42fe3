// Memory for what connections leave between two turns: incomplete requests, and partly sent answers. Off the
// JavaScript heap, in blocks of powers of two, taken and given back by address. One per worker, used by
// transfer.ts and block-chain.ts. Memory is allocated when first needed, and never freed.
//
// It is allocated in chunks, each divided into blocks of one size. At the limit, an unused chunk is divided
// again for another size, so that a past flood of requests of one length leaves room for other lengths.
import { NativeBytes } from '../os/tcp-stream.ts'

/** Most requests fit the smallest block. */
const SMALLEST = 512
const SMALLEST_BITS = 9
const SIZES = 8
export const BLOCK_BYTES_MAX = SMALLEST << (SIZES - 1)
const CHUNK_BYTES = 4 * BLOCK_BYTES_MAX
/** Chunks begin at multiples of this, so that an address tells which chunk it is in. */
const ALIGNMENT = BLOCK_BYTES_MAX

/** Memory divided into blocks of one size. */
class Chunk {
  readonly address: number
  size = 0
  /** Addresses of the unused blocks. */
  readonly free: number[] = []
  /** Its index among the chunks of its size with free blocks, while it has any. */
  place = -1
  private readonly memory = new NativeBytes(CHUNK_BYTES + ALIGNMENT)

  constructor() {
    this.address = Math.ceil(this.memory.address / ALIGNMENT) * ALIGNMENT
  }

  get isWhole(): boolean {
    return this.free.length << (this.size + SMALLEST_BITS) === CHUNK_BYTES
  }

  /** Only while none of it is in use. */
  cut(size: number): void {
    const { free, address } = this
    const bytes = SMALLEST << size
    this.size = size
    free.length = 0
    // In this order, so that the first block is taken first.
    for (let at = CHUNK_BYTES - bytes; at >= 0; at -= bytes) free.push(address + at)
  }
}

function chunksIn(bytesMax: number): number {
  return Math.max(1, Math.floor(bytesMax / CHUNK_BYTES))
}

function noSuchBlock(address: number): never {
  throw new Error(`no block of that size at ${address}`)
}

export class Blocks {
  /** Chunks, by each ALIGNMENT-sized part of their addresses. */
  private readonly chunks = new Map<number, Chunk>()
  private count = 0
  private chunksMax: number
  /** Chunks with free blocks, by size. */
  private readonly open: Chunk[][] = Array.from({ length: SIZES }, () => [])
  /** Number of completely unused chunks. */
  private whole = 0

  /** `bytesMax`: the most it ever allocates, so that nobody can fill the memory by never finishing requests. */
  constructor(bytesMax: number) {
    this.chunksMax = chunksIn(bytesMax)
  }

  /** Changes that; what is allocated stays. */
  limitTo(bytesMax: number): void {
    this.chunksMax = chunksIn(bytesMax)
  }

  /** Bytes allocated, used and free. */
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

  /** The index of the smallest size that has this many bytes. */
  sizeFor(bytes: number): number {
    return bytes <= SMALLEST ? 0 : 32 - SMALLEST_BITS - Math.clz32(bytes - 1)
  }

  /** The bytes of a block of a size. */
  bytesOf(size: number): number {
    return SMALLEST << size
  }

  /** The address of a block, or 0 if none is left. */
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

  /** Adds a chunk with blocks of a size: a new one, or an unused one. */
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
