// What counts as one address where its peers in a torrent are limited: an IPv4 address, or an IPv6 /64,
// the least that a household has. Called by admission.ts, large.ts, connections.ts
// and the source limits of both protocols.

/** Bits of a peer's hash that come from its address alone (large.ts). */
export const ADDRESS_BITS = 3
export const ADDRESS_BUCKETS = 1 << ADDRESS_BITS

// HOT: no allocation below this line.

/** 127/8 and ::1 come from this machine: a proxy, or a load tester. */
export function isThisMachine(ipv4: boolean, a0: number, a1: number): boolean {
  return ipv4 ? (a0 & 0xff) === 127 : (a0 | a1) === 0
}

/** The same of the key that connections are counted under (connections.ts): IPv4 stands in ::/32. */
export function isKeyOfThisMachine(high: number, low: number): boolean {
  return high === 0 && isThisMachine(low !== 0, low >>> 24, 0)
}

/**
 * ADDRESS_BITS bits of an address (IPv4: `a1` 0). Keyed, so that nobody can compute many addresses with the same
 * bits. They can be found by trying, and then an eighth of the buckets has eight times as many peers.
 */
export function addressBits(a0: number, a1: number, key: number): number {
  let x = a0 ^ Math.imul(a1, 0x9e3779b1) ^ key
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x >>> (32 - ADDRESS_BITS)
}
