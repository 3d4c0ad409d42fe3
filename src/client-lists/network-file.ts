// Reads a list of networks: one IPv4 or IPv6 address or network (CIDR) per line. Blank lines and what follows a #
// are ignored. Called by reloader.ts in the main thread.
import { isLineEnd, ListFileError, Mistakes, skipBlanks, withListFile } from '../list-file/lines.ts'
import { Peer } from '../swarm/peers/peer.ts'
import { readPlainAddress } from '../tcp/address-text.ts'
import { RangeBuilder } from './build-ranges.ts'
import { NO_RANGES, type RangeData } from './ranges.ts'
import { isIn, wordEnd } from './words.ts'

/** As many as IPv4 has networks of 256 addresses. Sorting so many takes some seconds beside other work. */
export const NETWORKS_MAX = 1 << 24
/** The shortest line: `::` and its end. */
const LINE_BYTES_MIN = 3

const REMEDY =
  'write one IPv4 or IPv6 address or network per line, such as 192.0.2.0/24 or 2001:db8::/32'

const SLASH = 0x2f
const COLON = 0x3a
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const BITS_IPV4 = 32
const BITS_IPV6 = 128
const BITS_DIGITS_MAX = 3
/** ::ffff:0:0/96 stands for IPv4. */
const MAPPED_BITS = BITS_IPV6 - BITS_IPV4

const WORDS_IPV4 = 1
const WORDS_IPV6 = 4

export interface NetworkTables {
  readonly ipv4: RangeData
  readonly ipv6: RangeData
}

export const NO_NETWORKS: NetworkTables = { ipv4: NO_RANGES, ipv6: NO_RANGES }

export interface ReadNetworks {
  readonly tables: NetworkTables
  /** Lines with a network. */
  readonly entries: number
}

/** `withThisMachine`: this machine's own addresses are in the list too. Throws ListFileError. */
export function readNetworkFile(path: string, withThisMachine: boolean): Promise<ReadNetworks> {
  return withListFile(path, async (file) => {
    const lines = file.size < NETWORKS_MAX * LINE_BYTES_MIN ? 0 : await file.countLines()
    if (lines > NETWORKS_MAX) {
      throw new ListFileError(`is too large: it can have at most ${NETWORKS_MAX} lines`)
    }
    const reading = new Reading()
    const mistakes = new Mistakes()
    await file.readLines((part, from, to, line) => {
      const mistake = reading.takeLine(part, from, to)
      if (mistake !== '') mistakes.add(line, mistake)
    })
    mistakes.check(REMEDY)
    return reading.finish(withThisMachine)
  })
}

class Reading {
  private readonly ipv4 = new RangeBuilder(WORDS_IPV4)
  private readonly ipv6 = new RangeBuilder(WORDS_IPV6)
  private readonly address = new Peer()
  private readonly words = new Int32Array(WORDS_IPV6)

  /** Returns what is wrong with the line, '' if nothing is. */
  takeLine(part: Buffer, from: number, to: number): string {
    const start = skipBlanks(part, from, to)
    if (isLineEnd(part, start, to)) return ''
    const end = wordEnd(part, start, to)
    if (!isLineEnd(part, end, to)) return 'something behind the network'
    let slash = start
    while (slash < end && part[slash] !== SLASH) slash++
    const isIPv6 = isIn(part, start, slash, COLON)
    const { address } = this
    if (!readPlainAddress(address, !isIPv6, part, start, slash)) {
      return 'something that is not an address or network'
    }
    const most = isIPv6 ? BITS_IPV6 : BITS_IPV4
    const bits = slash === end ? most : readBits(part, slash + 1, end)
    if (bits < 0 || bits > most) return `a prefix length that is not from 0 to ${most}`
    const mappedBits = isIPv6 && address.ipv4 ? MAPPED_BITS : 0
    if (bits < mappedBits)
      return 'a network of IPv4-mapped addresses that is larger than all of them'
    this.add(bits - mappedBits)
    return ''
  }

  async finish(withThisMachine: boolean): Promise<ReadNetworks> {
    const entries = this.ipv4.count + this.ipv6.count
    if (withThisMachine) this.addThisMachine()
    const ipv4 = await this.ipv4.finish()
    const ipv6 = await this.ipv6.finish()
    return { tables: { ipv4, ipv6 }, entries }
  }

  /** 127.0.0.0/8 and ::1 (swarm/address.ts). */
  private addThisMachine(): void {
    this.ipv4.add([127], 8)
    this.ipv6.add(new Int32Array(new Uint8Array(16).fill(1, 15).buffer), BITS_IPV6)
  }

  private add(bits: number): void {
    const { address, words } = this
    words[0] = address.a0
    words[1] = address.a1
    words[2] = address.a2
    words[3] = address.a3
    if (address.ipv4) this.ipv4.add(words, bits)
    else this.ipv6.add(words, bits)
  }
}

/** −1 if these are not one to three digits. */
function readBits(part: Buffer, from: number, to: number): number {
  if (from === to || to - from > BITS_DIGITS_MAX) return -1
  let bits = 0
  for (let at = from; at < to; at++) {
    if (part[at] < DIGIT_0 || part[at] > DIGIT_9) return -1
    bits = bits * 10 + part[at] - DIGIT_0
  }
  return bits
}
