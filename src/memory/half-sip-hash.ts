// HalfSipHash (Aumasson and Bernstein) on 32-bit words: the keyed hash of the torrent table, of the
// peers in large swarms, and of connection ids. Called by swarm/ and udp/connection-id.ts.
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
