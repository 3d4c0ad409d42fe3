// Reads bencode (BEP 3) from a stranger: says what no client can read, and what only strict ones refuse. Written apart from
// everything that writes bencode here. Used by the HTTP probes and checks.
import { shown, Unmet } from '../check.ts'

export type Bencoded = number | Buffer | readonly Bencoded[] | Dictionary
/** Keys have one character per byte. */
export type Dictionary = ReadonlyMap<string, Bencoded>

export interface Decoded {
  readonly value: Bencoded
  /** Where it is not in its one form: keys out of order or twice, leading zeros, bytes behind the end. */
  readonly faults: readonly string[]
}

/** Answers of trackers have three levels; nobody needs more. */
const DEPTH_MAX = 8
const ITEMS_MAX = 100_000
const FAULTS_MAX = 5

/** Throws Unmet for what is no bencode at all. */
export function readBencode(bytes: Buffer): Decoded {
  const reader = new Reader(bytes)
  const value = reader.value(0)
  if (reader.at < bytes.length) reader.fault(`${bytes.length - reader.at} bytes behind the end`)
  return { value, faults: reader.faults }
}

export function isDictionary(value: Bencoded | undefined): value is Dictionary {
  return value instanceof Map
}

class Reader {
  at = 0
  readonly faults: string[] = []
  private items = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  fault(what: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(what)
  }

  value(depth: number): Bencoded {
    if (depth > DEPTH_MAX) throw new Unmet(`bencode is nested deeper than ${DEPTH_MAX} levels`)
    if (++this.items > ITEMS_MAX) throw new Unmet(`bencode has more than ${ITEMS_MAX} values`)
    const first = String.fromCharCode(this.bytes[this.at] ?? 0)
    if (first === 'i') return this.integer()
    if (first === 'l') return this.list(depth)
    return first === 'd' ? this.dictionary(depth) : this.string()
  }

  private integer(): number {
    this.at++
    const digits = this.until('e')
    if (!/^-?\d{1,20}$/.test(digits))
      throw new Unmet(`${shown(`i${digits}e`)} is no bencoded number`)
    if (/^-?0\d|^-0/.test(digits)) this.fault(`the number ${digits} has a form that is not allowed`)
    return Number(digits)
  }

  private list(depth: number): Bencoded[] {
    const items: Bencoded[] = []
    this.at++
    while (!this.isEnd()) items.push(this.value(depth + 1))
    return items
  }

  private dictionary(depth: number): Dictionary {
    const entries = new Map<string, Bencoded>()
    let last: string | undefined
    this.at++
    while (!this.isEnd()) {
      const key = this.string().toString('latin1')
      if (last !== undefined && key <= last) {
        this.fault(
          key === last
            ? `the key ${shown(key)} occurs twice`
            : `the key ${shown(key)} comes behind ${shown(last)}`,
        )
      }
      last = key
      entries.set(key, this.value(depth + 1))
    }
    return entries
  }

  private isEnd(): boolean {
    if (this.at >= this.bytes.length) throw new Unmet('bencode is cut off')
    if (this.bytes[this.at] !== 0x65) return false
    this.at++
    return true
  }

  private string(): Buffer {
    const digits = this.until(':')
    if (!/^\d{1,9}$/.test(digits)) throw new Unmet(`no bencode at byte ${this.at}`)
    if (/^0\d/.test(digits)) this.fault(`the length ${digits} has leading zeros`)
    const end = this.at + Number(digits)
    if (end > this.bytes.length) throw new Unmet('a bencoded string is cut off')
    const text = Buffer.from(this.bytes.subarray(this.at, end))
    this.at = end
    return text
  }

  /** What stands before a character, which is passed. */
  private until(character: string): string {
    const end = this.bytes.indexOf(character, this.at, 'latin1')
    if (end < 0 || end - this.at > 30) throw new Unmet(`no bencode at byte ${this.at}`)
    const text = this.bytes.toString('latin1', this.at, end)
    this.at = end + 1
    return text
  }
}
