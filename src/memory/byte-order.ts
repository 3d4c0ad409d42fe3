// The order of a word's bytes. Used where packets, whose numbers are big endian, are read and written as words, and
// by lists whose keys compare like their bytes.

// HOT: no allocation below this line.

/** Converts between big endian and the machine's order, either way. */
export function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

/** The same for 16 bits, as a number from 0 to 65535. */
export function swapHalf(half: number): number {
  return ((half & 0xff) << 8) | (half >>> 8)
}
