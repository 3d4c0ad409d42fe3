// Takes the body of an answer apart: which fields it has, and where its peers and torrents lie. Used by
// judge.ts. What the fields say is judged there; here only their form is.
import type { Bencode } from './bencode.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

const COMPLETE = bytesOf('complete')
const DOWNLOADED = bytesOf('downloaded')
const FAILURE = bytesOf('failure reason')
const FILES = bytesOf('files')
const INCOMPLETE = bytesOf('incomplete')
const INTERVAL = bytesOf('interval')
const MIN_INTERVAL = bytesOf('min interval')
const PEERS = bytesOf('peers')
const PEERS6 = bytesOf('peers6')

export const INFO_HASH_BYTES = 20
/** A field that is not there, or of another type than it should be. */
export const ABSENT = -1

export class AnswerFields {
  private readonly bencode: Bencode
  hasFailure = false
  interval = ABSENT
  minInterval = ABSENT
  complete = ABSENT
  incomplete = ABSENT
  peersFrom = ABSENT
  peersLength = 0
  peers6From = ABSENT
  peers6Length = 0
  /** Where the dictionary of scraped torrents begins. */
  filesAt = ABSENT
  /** The torrent that was read last. */
  infoHashFrom = 0
  isEntry = false

  constructor(bencode: Bencode) {
    this.bencode = bencode
  }

  // HOT: no allocation below this line.

  /** Reads the bytes that `bencode` was begun with; false when they do not begin with a dictionary. */
  read(from: number): boolean {
    const { bencode } = this
    this.clear()
    if (!bencode.isDictionary(from)) return false
    let at = from + 1
    let keyFrom = -1
    let keyLength = 0
    while (!bencode.isEnd(at)) {
      at = bencode.key(at, keyFrom, keyLength)
      if (at < 0) return false
      keyFrom = bencode.from
      keyLength = bencode.length
      at = this.readField(at)
      if (at < 0) return false
    }
    // Most clients do not look at what is behind it.
    if (at + 1 < bencode.end) bencode.isCanonical = false
    return true
  }

  private clear(): void {
    this.hasFailure = false
    this.interval = ABSENT
    this.minInterval = ABSENT
    this.complete = ABSENT
    this.incomplete = ABSENT
    this.peersFrom = ABSENT
    this.peers6From = ABSENT
    this.filesAt = ABSENT
  }

  /** The value at `at`, of the key that was read last. */
  private readField(at: number): number {
    const { bencode } = this
    if (bencode.is(INTERVAL)) return this.readNumber(at, INTERVAL)
    if (bencode.is(COMPLETE)) return this.readNumber(at, COMPLETE)
    if (bencode.is(INCOMPLETE)) return this.readNumber(at, INCOMPLETE)
    if (bencode.is(MIN_INTERVAL)) return this.readNumber(at, MIN_INTERVAL)
    if (bencode.is(FAILURE)) this.hasFailure = true
    else if (bencode.is(FILES)) {
      if (bencode.isDictionary(at)) this.filesAt = at
    } else if (bencode.is(PEERS6)) {
      const next = bencode.string(at)
      if (next < 0) return bencode.skip(at, 1)
      this.peers6From = bencode.from
      this.peers6Length = bencode.length
      return next
    } else if (bencode.is(PEERS)) {
      const next = bencode.string(at)
      if (next < 0) return bencode.skip(at, 1)
      this.peersFrom = bencode.from
      this.peersLength = bencode.length
      return next
    }
    return bencode.skip(at, 1)
  }

  private readNumber(at: number, field: Uint8Array): number {
    const { bencode } = this
    const next = bencode.integer(at)
    if (next < 0) return bencode.skip(at, 1)
    const { number } = bencode
    if (field === INTERVAL) this.interval = number
    else if (field === MIN_INTERVAL) this.minInterval = number
    else if (field === COMPLETE) this.complete = number
    else this.incomplete = number
    return next
  }

  /**
   * Reads the torrent at `at` of the dictionary of files, which `read` has found to be well-formed:
   * `isEntry` tells whether it is one with counts. Returns what follows it.
   */
  readEntry(at: number): number {
    const { bencode } = this
    let next = bencode.string(at)
    this.infoHashFrom = bencode.from
    this.isEntry = bencode.length === INFO_HASH_BYTES && bencode.isDictionary(next)
    this.complete = ABSENT
    this.incomplete = ABSENT
    if (!this.isEntry) return bencode.skip(next, 2)
    let downloaded = ABSENT
    next++
    while (!bencode.isEnd(next)) {
      next = bencode.string(next)
      if (bencode.is(COMPLETE)) next = this.readNumber(next, COMPLETE)
      else if (bencode.is(INCOMPLETE)) next = this.readNumber(next, INCOMPLETE)
      else if (bencode.is(DOWNLOADED)) {
        next = bencode.skip(next, 3)
        downloaded = bencode.number
      } else next = bencode.skip(next, 3)
    }
    if (this.complete < 0 || this.incomplete < 0 || downloaded < 0) this.isEntry = false
    return next + 1
  }
}
