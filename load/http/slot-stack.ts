// The slots that can take a request: without a connection, or with one that has nothing under way. Used
// by connections.ts. The one that was used last is taken first, as clients do with kept connections.
import { NONE } from './requests.ts'

export class SlotStack {
  private readonly first: number
  private readonly slots: Int32Array
  private readonly isIn: Uint8Array
  private count: number

  /** With all of them in it. */
  constructor(first: number, count: number) {
    this.first = first
    this.slots = Int32Array.from({ length: count }, (_, i) => first + count - 1 - i)
    this.isIn = new Uint8Array(count).fill(1)
    this.count = count
  }

  // HOT: no allocation below this line.

  /** NONE when there is none. */
  take(): number {
    if (this.count === 0) return NONE
    const slot = this.slots[--this.count]
    this.isIn[slot - this.first] = 0
    return slot
  }

  put(slot: number): void {
    if (this.has(slot)) return
    this.isIn[slot - this.first] = 1
    this.slots[this.count++] = slot
  }

  has(slot: number): boolean {
    return this.isIn[slot - this.first] !== 0
  }
}
