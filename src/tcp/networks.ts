// A list of networks as words, and whether an address is in one of them. Made from settings by the socket
// workers of protocols over TCP; used by them and by server.ts.
import { addressWords, parseNetwork } from './client-address.ts'

/** 0 is of IPv4 │ 1… four words of the address │ 5… four words of its mask */
const NETWORK_WORDS = 9
const MASK_BYTES = 16

/** An address as words of memory, with the bytes in the order of the wire. */
export interface AddressWords {
  readonly ipv4: boolean
  readonly a0: number
  readonly a1: number
  readonly a2: number
  readonly a3: number
}

/** `network`: must be valid. */
function networkWords(network: string): number[] {
  const parsed = parseNetwork(network)
  if (parsed === null) throw new Error(`the network ${network} was not checked`)
  const { ipv4, words, mappedBits } = addressWords(parsed.address)
  const mask = new Uint8Array(MASK_BYTES)
  for (let bit = 0; bit < parsed.bits - mappedBits; bit++) mask[bit >> 3] |= 0x80 >> (bit & 7)
  return [ipv4 ? 1 : 0, ...words, ...new Int32Array(mask.buffer)]
}

export class Networks {
  private readonly words: Int32Array

  /** `networks`: valid addresses and networks (192.0.2.0/24). */
  constructor(networks: readonly string[]) {
    this.words = Int32Array.from(networks.flatMap(networkWords))
  }

  // HOT: no allocation below this line.

  has({ ipv4, a0, a1, a2, a3 }: AddressWords): boolean {
    const { words } = this
    const family = ipv4 ? 1 : 0
    for (let at = 0; at < words.length; at += NETWORK_WORDS) {
      if (words[at] !== family) continue
      const differs =
        ((a0 ^ words[at + 1]) & words[at + 5]) |
        ((a1 ^ words[at + 2]) & words[at + 6]) |
        ((a2 ^ words[at + 3]) & words[at + 7]) |
        ((a3 ^ words[at + 4]) & words[at + 8])
      if (differs === 0) return true
    }
    return false
  }
}
