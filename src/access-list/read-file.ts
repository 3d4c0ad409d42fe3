// Reads an access list file: one info hash per line in hex, 40 digits, or 64 of a BitTorrent v2 torrent,
// of which clients announce the first 40 (BEP 52). Blank lines and what follows a # do not count.
// Called by reloader.ts in the main thread, which goes on with other things between two parts of the
// file. Owns nothing but its buffers.
import { closeSync, fstatSync, readSync } from 'node:fs'
import { FileFault, openRegularFile } from '../config/named-file.ts'
import { counted } from '../config/quantities.ts'
import { ENTRIES_MAX, type HashKey, ListBuilder } from './build.ts'
import { type AccessListData, SLOT_WORDS } from './list.ts'

/** A part takes some milliseconds. */
const PART_BYTES = 1 << 18
/** Much longer than any line that means something. */
const LINE_BYTES_MAX = 4096
/** The shortest line of an entry: 40 digits and its end. */
const ENTRY_BYTES_MIN = 41
const DIGITS = 40
const DIGITS_V2 = 64
/** Mistakes that are told one by one. */
const MISTAKES_TOLD_MAX = 5

const MARK = Buffer.from('\ufeff')
const NEWLINE = 10
const HASH_SIGN = 35
const SPACE = 32

/** Bytes to values of hex digits; 255 for others. */
const HEX = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  HEX[value.toString(16).charCodeAt(0)] = value
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

export interface ReadList {
  readonly list: AccessListData
  readonly entries: number
}

/** What is wrong with a file, for people. */
export class ListFileError extends Error {
  override name = 'ListFileError'
}

/** Throws ListFileError when the file cannot be read or has a line that is no info hash. */
export async function readListFile(path: string, mode: number, key: HashKey): Promise<ReadList> {
  const file = openList(path)
  try {
    const { size } = fstatSync(file)
    const entriesMax = Math.ceil(size / ENTRY_BYTES_MIN)
    if (entriesMax > ENTRIES_MAX) {
      throw new ListFileError(`is too large: ${ENTRIES_MAX} info hashes are the most`)
    }
    const reading = new Reading(new ListBuilder(entriesMax, key))
    const part = Buffer.allocUnsafe(PART_BYTES + LINE_BYTES_MAX)
    let kept = 0
    for (let left = size; left > 0; ) {
      const bytes = readSync(file, part, kept, Math.min(PART_BYTES, left), null)
      if (bytes === 0) break
      left -= bytes
      kept = reading.take(part, kept + bytes, left === 0)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    return reading.finish(mode)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ListFileError('needs more memory than the system gives')
  } finally {
    closeSync(file)
  }
}

function openList(path: string): number {
  try {
    return openRegularFile(path)
  } catch (error) {
    if (!(error instanceof FileFault)) throw error
    throw new ListFileError(`cannot be read: ${error.message}`)
  }
}

class Reading {
  private readonly builder: ListBuilder
  private readonly infoHash = new Int32Array(SLOT_WORDS)
  private readonly infoHashBytes = new Uint8Array(this.infoHash.buffer)
  private readonly mistakes: string[] = []
  private mistakeCount = 0
  private line = 0

  constructor(builder: ListBuilder) {
    this.builder = builder
  }

  /** Takes the lines in the first `end` bytes; moves the rest to the front and returns its length. */
  take(part: Buffer, end: number, isLast: boolean): number {
    let from = 0
    while (from < end) {
      const found = part.indexOf(NEWLINE, from)
      const isWhole = found >= 0 && found < end
      if (!isWhole && !isLast && end - from <= LINE_BYTES_MAX) break
      const to = isWhole ? found : end
      if (to - from > LINE_BYTES_MAX) {
        const line = this.line + 1
        throw new ListFileError(`line ${line} is longer than ${LINE_BYTES_MAX} bytes: shorten it`)
      }
      this.takeLine(part, from, to)
      from = isWhole ? to + 1 : to
    }
    part.copyWithin(0, from, end)
    return end - from
  }

  private takeLine(part: Buffer, from: number, to: number): void {
    this.line++
    let start = this.line === 1 ? from + markBytes(part, from, to) : from
    while (start < to && part[start] <= SPACE) start++
    let end = start
    while (end < to && HEX[part[end]] < 16) end++
    const digits = end - start
    const isAlone = isEnd(part, end, to)
    if (isAlone && (digits === DIGITS || digits === DIGITS_V2)) this.add(part, start)
    else if (!isAlone || digits > 0) this.mistake(digits, isAlone)
  }

  private mistake(digits: number, isAlone: boolean): void {
    this.mistakeCount++
    if (this.mistakes.length >= MISTAKES_TOLD_MAX) return
    const what = digits === 0 ? 'no hex digits' : counted(digits, 'hex digit')
    const rest = isAlone || digits === 0 ? '' : ' and something else'
    this.mistakes.push(`line ${this.line} has ${what}${rest}`)
  }

  private add(part: Buffer, start: number): void {
    const bytes = this.infoHashBytes
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = (HEX[part[start + 2 * i]] << 4) | HEX[part[start + 2 * i + 1]]
    }
    this.builder.add(this.infoHash)
  }

  finish(mode: number): ReadList {
    const { mistakes, mistakeCount } = this
    if (mistakeCount > 0) {
      const more = mistakeCount - mistakes.length
      const others = more > 0 ? `, and ${more} more` : ''
      throw new ListFileError(
        `${mistakes.join(', ')}${others}: write one info hash of 40 or 64 hex digits per line`,
      )
    }
    return { list: this.builder.finish(mode), entries: this.builder.entries }
  }
}

/** Of the byte order mark that some editors begin a text in UTF-8 with. */
function markBytes(part: Buffer, from: number, to: number): number {
  const isThere = to - from >= MARK.length && part.indexOf(MARK, from) === from
  return isThere ? MARK.length : 0
}

/** Nothing but white space up to the end of the line or a comment. */
function isEnd(part: Buffer, from: number, to: number): boolean {
  let at = from
  while (at < to && part[at] <= SPACE) at++
  return at === to || part[at] === HASH_SIGN
}
