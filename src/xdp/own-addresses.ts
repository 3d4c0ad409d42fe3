// Addresses from which no packet can come, because they are this machine's own, or those of everybody in one of its
// networks: the kernel drops such packets, so past it we do. Asked once per packet, by frame.ts; the main thread
// lists the addresses (local-addresses.ts), again when they change.
//
// A hash table with open addressing. An address has four words as in a packet, an IPv4 one as ::ffff:a.b.c.d; an empty place
// has zeros, as the address :: has, which nobody has.

export const ADDRESS_WORDS = 4
/** Three of four places are empty: searches end soon. */
const PLACES_PER_ADDRESS = 4
/** What stands before the last word of an IPv4 address. */
export const IPV4_MAPPED = 0xffff0000 | 0
/** 2^32 divided by the golden ratio: neighbours end up far from each other. */
const SPREAD = 0x9e3779b1

export class OwnAddresses {
  private places = new Int32Array(ADDRESS_WORDS)
  private shift = 32
  private mask = 0

  /** All of them, in place of those before: ADDRESS_WORDS each (`addressWords`). */
  set(list: Int32Array): void {
    const bits = Math.ceil(
      Math.log2(Math.max(1, (list.length / ADDRESS_WORDS) * PLACES_PER_ADDRESS)),
    )
    this.shift = 32 - bits
    this.mask = 2 ** bits - 1
    this.places = new Int32Array(2 ** bits * ADDRESS_WORDS)
    for (let at = 0; at < list.length; at += ADDRESS_WORDS) {
      const [first, second, third, last] = list.subarray(at, at + ADDRESS_WORDS)
      const place = this.find(first, second, third, last)
      this.places.set([first, second, third, last], place < 0 ? ~place : place)
    }
  }

  // HOT: no allocation below this line.

  hasIPv4(address: number): boolean {
    return this.find(0, 0, IPV4_MAPPED, address) >= 0
  }

  /** The address at word `at` of `words`. */
  hasIPv6(words: Int32Array, at: number): boolean {
    return this.find(words[at], words[at + 1], words[at + 2], words[at + 3]) >= 0
  }

  /** Where it is in `places`; if it is not there, the complement of where it would be. */
  private find(first: number, second: number, third: number, last: number): number {
    const { places, mask } = this
    let place = (Math.imul(second ^ third ^ last, SPREAD) >>> this.shift) & mask
    for (;;) {
      const at = place * ADDRESS_WORDS
      const isHere =
        places[at + 3] === last &&
        places[at + 2] === third &&
        places[at + 1] === second &&
        places[at] === first
      if (isHere) return at
      if ((places[at] | places[at + 1] | places[at + 2] | places[at + 3]) === 0) return ~at
      place = (place + 1) & mask
    }
  }
}
