// HalfSipHash (Aumasson and Bernstein) on 32-bit words: the keyed hash of the torrent table, of the
// peers in large swarms, and of connection ids. Called by swarm/ and udp/wire/connection-id.ts.
//
// Keyed, because outsiders choose info hashes, ports and (IPv6) addresses: without the key nobody
// can aim many of them at one bucket. 32-bit words, because JavaScript has no fast 64-bit integers.

// HOT: no allocation below this line.

/**
 * HalfSipHash-1-3 with a 32-bit result over `count` words of `words` from `at`.
 * One compression round is enough for a table; connection ids take the stronger variant.
 */
export function hashWords(
  words: Int32Array,
  at: number,
  count: number,
  key0: number,
  key1: number,
): number {
  let v0 = key0
  let v1 = key1
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  const end = at + count
  const finish = end + 4
  for (let i = at; i < finish; i++) {
    const m = i < end ? words[i] : i === end ? count << 26 : 0
    if (i === end + 1) v2 ^= 0xff
    v3 ^= m
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= m
  }
  return v1 ^ v3
}

/**
 * HalfSipHash-2-4 with a 64-bit result, in `out[0]` and `out[1]`, over `count` words of `words` from
 * `at`: the variant its authors propose for message authentication.
 */
export function macWords(
  words: Int32Array,
  at: number,
  count: number,
  key0: number,
  key1: number,
  out: Int32Array,
): void {
  let v0 = key0
  let v1 = key1 ^ 0xee
  let v2 = 0x6c796765 ^ key0
  let v3 = 0x74656462 ^ key1
  // Two rounds for each word and for the length, then four for each half of the result.
  const finish = count * 2 + 2
  for (let i = 0; i < finish + 8; i++) {
    const word = i >> 1
    const m = word < count ? words[at + word] : word === count ? count << 26 : 0
    if ((i & 1) === 0) v3 ^= m
    if (i === finish) v2 ^= 0xee
    if (i === finish + 4) {
      out[0] = v1 ^ v3
      v1 ^= 0xdd
    }
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    if ((i & 1) === 1) v0 ^= m
  }
  out[1] = v1 ^ v3
}
