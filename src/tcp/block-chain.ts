// Bytes that wait, in the order in which they came, in as many blocks as it takes: output that a peer does not take, parts of
// a message that is not complete. Made by whoever stores them, and reused; owns the blocks it has taken until `clear`.
import { moveBytes } from '../os/tcp-stream.ts'
import { BLOCK_BYTES_MAX, type Blocks } from './blocks.ts'

/** Those that nobody uses; their number is that of the most at once. */
export class BlockChains {
  private readonly blocks: Blocks
  private readonly free: BlockChain[] = []

  constructor(blocks: Blocks) {
    this.blocks = blocks
  }

  private make(): BlockChain {
    return new BlockChain(this.blocks)
  }

  take(): BlockChain {
    return this.free.pop() ?? this.make()
  }

  give(chain: BlockChain): void {
    chain.clear()
    this.free.push(chain)
  }
}

export class BlockChain {
  /** How many bytes there are. */
  bytes = 0
  private readonly blocks: Blocks
  private readonly addresses: number[] = []
  private readonly sizes: number[] = []
  /** The first block that has some of them, */
  private head = 0
  /** where they begin in it, */
  private at = 0
  /** and where they end in the last one. */
  private end = 0

  constructor(blocks: Blocks) {
    this.blocks = blocks
  }

  // HOT: no allocation below this line.

  /** Where the first of them are; so many are there in one piece. */
  get firstAddress(): number {
    return this.addresses[this.head] + this.at
  }

  get firstBytes(): number {
    const { head, at } = this
    if (this.bytes === 0) return 0
    const isLast = head === this.addresses.length - 1
    return (isLast ? this.end : this.blocks.bytesOf(this.sizes[head])) - at
  }

  /** False if there is no memory for all of them; then some are stored. */
  append(address: number, bytes: number): boolean {
    let from = address
    let left = bytes
    while (left > 0) {
      const room = this.room()
      if (room === 0) {
        if (!this.grow(left)) return false
        continue
      }
      const moved = left < room ? left : room
      moveBytes(this.addresses[this.addresses.length - 1] + this.end, from, moved)
      this.end += moved
      this.bytes += moved
      from += moved
      left -= moved
    }
    return true
  }

  /** Forgets so many of the first ones, at most `firstBytes`. */
  drop(bytes: number): void {
    this.bytes -= bytes
    if (this.bytes === 0) {
      this.clear()
      return
    }
    const isWhole = bytes === this.firstBytesBefore(bytes)
    this.at += bytes
    if (!isWhole) return
    this.blocks.give(this.addresses[this.head], this.sizes[this.head])
    this.head++
    this.at = 0
  }

  /** Copies all of them to one place. */
  copyTo(address: number): void {
    let to = address
    let from = this.at
    const last = this.addresses.length - 1
    for (let i = this.head; i <= last; i++) {
      const bytes = (i === last ? this.end : this.blocks.bytesOf(this.sizes[i])) - from
      moveBytes(to, this.addresses[i] + from, bytes)
      to += bytes
      from = 0
    }
  }

  /** Forgets all of them. */
  clear(): void {
    const { addresses, sizes } = this
    for (let i = this.head; i < addresses.length; i++) this.blocks.give(addresses[i], sizes[i])
    addresses.length = 0
    sizes.length = 0
    this.head = 0
    this.at = 0
    this.end = 0
    this.bytes = 0
  }

  /** `firstBytes` before so many were taken off `bytes`. */
  private firstBytesBefore(bytes: number): number {
    const { head, at, addresses } = this
    if (head === addresses.length - 1) return this.bytes + bytes
    return this.blocks.bytesOf(this.sizes[head]) - at
  }

  private room(): number {
    const last = this.addresses.length - 1
    return last < 0 ? 0 : this.blocks.bytesOf(this.sizes[last]) - this.end
  }

  /** Another block, for `bytes` or more: each is larger than the one before, so that there are not many. */
  private grow(bytes: number): boolean {
    const { blocks, sizes } = this
    const wanted = blocks.sizeFor(bytes < BLOCK_BYTES_MAX ? bytes : BLOCK_BYTES_MAX)
    const larger = sizes.length === 0 ? 0 : sizes[sizes.length - 1] + 1
    const most = blocks.sizeFor(BLOCK_BYTES_MAX)
    const size = wanted > larger ? wanted : larger < most ? larger : most
    const address = blocks.take(size)
    if (address === 0) return false
    this.addresses.push(address)
    sizes.push(size)
    this.end = 0
    return true
  }
}
