// The order in which a linear hash table can be walked while it splits and joins buckets: that of the
// hashes read backwards, lowest bit first. Used by export.ts.
//
// A bucket holds all hashes that end in certain bits. Read backwards they begin with them: a range of
// that order, of 2^(32 − bits) places. Places are from 0 to below 2^32.

// HOT: no allocation below this line.

/** The bits of a word in the opposite order, as a number that is not negative. */
export function reverseBits(word: number): number {
  let x = word
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1)
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2)
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4)
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8)
  return ((x >>> 16) | (x << 16)) >>> 0
}

/** The end of the range of the bucket that `position` lies in, in a table of so many buckets. */
export function bucketEnd(position: number, buckets: number): number {
  // As bucketOf (torrents.ts): buckets whose counterpart in the upper half exists use one bit more.
  let bits = 32 - Math.clz32(buckets - 1)
  if (bits > 0) {
    const half = 1 << (bits - 1)
    if ((reverseBits(position) & (half - 1)) + half >= buckets) bits--
  }
  const size = 2 ** (32 - bits)
  return (Math.floor(position / size) + 1) * size
}
