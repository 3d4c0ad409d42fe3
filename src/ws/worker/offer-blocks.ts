// Memory for the tables of pending offers (pending-offers.ts): blocks of words whose sizes are powers of two, off the
// garbage collector's way. One per worker. Chunks are allocated when first needed and never freed; each is divided into
// blocks of one size, and anew once none of them is in use.

/** Words of the smallest and of the largest block, and of a chunk. */
export const SMALLEST_BLOCK = 32
const SIZES = 9
export const LARGEST_BLOCK = SMALLEST_BLOCK << (SIZES - 1)

export class Chunk {
  readonly words = new Int32Array(new ArrayBuffer(LARGEST_BLOCK * 4))
  /** Its blocks have SMALLEST_BLOCK << size words. */
  size = 0
  used = 0
  /** The first free block, each of which names the next in its first word; −1: none. */
  free = -1
  /** Its neighbours among the chunks of its size with free blocks, or among the unused ones. */
  before: Chunk | null = null
  after: Chunk | null = null
}

export class OfferBlocks {
  /** Position in its chunk of the block taken last. */
  at = 0
  /** First of the chunks of each size that have free blocks. */
  private readonly open: (Chunk | null)[] = Array.from({ length: SIZES }, () => null)
  private unused: Chunk | null = null
  private count = 0

  /** All of the memory, in words. */
  get reserved(): number {
    return this.count * LARGEST_BLOCK
  }

  private newChunk(): Chunk {
    this.count++
    return new Chunk()
  }

  // HOT: no allocation below this line.

  /** A zeroed block of SMALLEST_BLOCK << `size` words, from `at` on in the chunk that is returned. */
  take(size: number): Chunk {
    const chunk = this.open[size] ?? this.provide(size)
    const words = SMALLEST_BLOCK << size
    const at = chunk.free
    chunk.free = chunk.words[at]
    chunk.used++
    if (chunk.free < 0) this.open[size] = unlinked(chunk)
    chunk.words.fill(0, at, at + words)
    this.at = at
    return chunk
  }

  give(chunk: Chunk, at: number): void {
    const { size } = chunk
    const wasFull = chunk.free < 0
    chunk.words[at] = chunk.free
    chunk.free = at
    chunk.used--
    if (wasFull) this.open[size] = linked(chunk, this.open[size])
    if (chunk.used > 0) return
    if (this.open[size] === chunk) this.open[size] = chunk.after
    unlinked(chunk)
    this.unused = linked(chunk, this.unused)
  }

  private provide(size: number): Chunk {
    let chunk = this.unused
    if (chunk === null) chunk = this.newChunk()
    else this.unused = unlinked(chunk)
    const words = SMALLEST_BLOCK << size
    chunk.size = size
    for (let at = 0; at < LARGEST_BLOCK; at += words) chunk.words[at] = at + words
    chunk.words[LARGEST_BLOCK - words] = -1
    chunk.free = 0
    this.open[size] = linked(chunk, null)
    return chunk
  }
}

/** Makes a chunk the first of a list. */
function linked(chunk: Chunk, first: Chunk | null): Chunk {
  chunk.after = first
  if (first !== null) first.before = chunk
  return chunk
}

/** Takes a chunk out of its list, and returns the one after it. */
function unlinked(chunk: Chunk): Chunk | null {
  const { before, after } = chunk
  if (before !== null) before.after = after
  if (after !== null) after.before = before
  chunk.before = null
  chunk.after = null
  return after
}
