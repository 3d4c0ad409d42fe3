// Which addresses others can reach: public ones, those of a site's own networks, and those that nobody has. Called
// by peer-addresses.ts for each announce, for addresses that clients name, and for the check of settings. Sources: the registries of special-purpose
// addresses (RFC 6890) and of IPv6 address space.
//
// Carriers' own networks (100.64.0.0/10) are private: a tracker sees them only from inside such a network, or in
// a virtual one that uses the same addresses. So are the loopback addresses, from which only this machine comes.
import type { AddressWords } from '../tcp/networks.ts'

/** What `classOf` returns. */
export const PUBLIC = 0
export const PRIVATE = 1
export const RESERVED = 2

/** Of a first octet: the second or more decide. */
const MIXED = 3

const IPV4_CLASSES = Uint8Array.from({ length: 256 }, (_, first) => {
  if (first === 10 || first === 127) return PRIVATE
  // 240 and above are unused, 255.255.255.255 is broadcast.
  if (first === 0 || first >= 224) return RESERVED
  return [100, 169, 172, 192, 198, 203].includes(first) ? MIXED : PUBLIC
})

// Three octets as they lie in a word: 192.0.0 (protocol assignments), 192.88.99 (6to4 relays), and the networks for
// documentation, 192.0.2, 198.51.100 and 203.0.113.
const NET_192_0_0 = 0x0000c0
const NET_192_88_99 = 0x6358c0
const NET_192_0_2 = 0x0200c0
const NET_198_51_100 = 0x6433c6
const NET_203_0_113 = 0x7100cb

// IPv6 prefixes as they lie in words: 2001:db8::/32 and 3fff::/20 (documentation), 2001:2::/48 (benchmarks).
const WORD_2001_DB8 = 0xb80d0120 | 0
const WORD_2001_2 = 0x02000120
const WORD_3FFF = 0x00ff3f
const MASK_20 = 0xf0ffff
/** 2002::/16 (6to4), which the IPv4 address follows. */
const HALF_2002 = 0x0220
/** The end of ::1. */
const WORD_ONE = 0x01000000

// HOT: no allocation below this line.

/** The class of an address; its words as in a peer (swarm/peers/peer.ts). */
export function classOf(ipv4: boolean, a0: number, a1: number, a2: number, a3: number): number {
  if (ipv4) {
    const found = IPV4_CLASSES[a0 & 0xff]
    return found === MIXED ? classOfMixed(a0) : found
  }
  // 2000::/3 is all that has been given out.
  return (a0 & 0xe0) === 0x20 ? classOfGlobal(a0, a1) : classOfOther(a0, a1, a2, a3)
}

function classOfMixed(a0: number): number {
  const second = (a0 >>> 8) & 0xff
  const net = a0 & 0xffffff
  switch (a0 & 0xff) {
    case 100:
      return (second & 0xc0) === 64 ? PRIVATE : PUBLIC
    case 169:
      return second === 254 ? RESERVED : PUBLIC
    case 172:
      return (second & 0xf0) === 16 ? PRIVATE : PUBLIC
    case 192:
      if (second === 168) return PRIVATE
      return net === NET_192_0_0 || net === NET_192_0_2 || net === NET_192_88_99 ? RESERVED : PUBLIC
    case 198:
      return (second & 0xfe) === 18 || net === NET_198_51_100 ? RESERVED : PUBLIC
    default:
      return net === NET_203_0_113 ? RESERVED : PUBLIC
  }
}

function classOfGlobal(a0: number, a1: number): number {
  if (a0 === WORD_2001_DB8 || (a0 & MASK_20) === WORD_3FFF) return RESERVED
  if (a0 === WORD_2001_2 && (a1 & 0xffff) === 0) return RESERVED
  if ((a0 & 0xffff) !== HALF_2002) return PUBLIC
  const inside = (a0 >>> 16) | (a1 << 16)
  return classOf(true, inside, 0, 0, 0) === PUBLIC ? PUBLIC : RESERVED
}

/** fc00::/7 and ::1 are private; fe80::/10 (one link), ff00::/8 (multicast) and all others are nobody's. */
function classOfOther(a0: number, a1: number, a2: number, a3: number): number {
  if ((a0 & 0xfe) === 0xfc) return PRIVATE
  return (a0 | a1 | a2) === 0 && a3 === WORD_ONE ? PRIVATE : RESERVED
}

/** Not the unspecified address, multicast or broadcast. */
export function isUnicast({ ipv4, a0, a1, a2, a3 }: AddressWords): boolean {
  const first = a0 & 0xff
  if (ipv4) return first !== 0 && first < 224
  return first !== 0xff && (a0 | a1 | a2 | a3) !== 0
}
