// The transaction ids of packets that no answer is owed: they tell how long the packet was, and so how
// long an answer may be. Used by flood.ts, generate.ts and check.ts.

/** The upper half; the lower half is the packet's size. */
const MARK = 0x7f10 << 16
const MARK_MASK = 0xffff0000 | 0
const SIZE_MASK = 0xffff

// HOT: no allocation below this line.

export function markOf(bytes: number): number {
  return MARK | bytes
}

/** The size of the packet with this transaction id; −1 for that of a request. */
export function markedBytes(transaction: number): number {
  return (transaction & MARK_MASK) === MARK ? transaction & SIZE_MASK : -1
}
