// Reads an access list file: one info hash per line in hex, 40 digits, or 64 for a BitTorrent v2 torrent, of
// which clients announce the first 40 (BEP 52). Blank lines and comments that begin with # are ignored. Called
// by reloader.ts in the main thread.
import { counted } from '../config/quantities.ts'
import { isLineEnd, ListFileError, Mistakes, skipBlanks, withListFile } from '../list-file/lines.ts'
import { ENTRIES_MAX, type HashKey, ListBuilder } from './build.ts'
import type { AccessListData } from './list.ts'
import { SLOT_WORDS } from './slots.ts'

/** The shortest entry: 40 digits and the end of the line. */
const ENTRY_BYTES_MIN = 41
const DIGITS = 40
const DIGITS_V2 = 64

/** The value of each byte as a hex digit; 255 if it is none. */
const HEX = new Uint8Array(256).fill(255)
for (let value = 0; value < 16; value++) {
  HEX[value.toString(16).charCodeAt(0)] = value
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

export interface ReadList {
  readonly list: AccessListData
  readonly entries: number
}

/** Throws ListFileError if the file cannot be read or a line is not an info hash. */
export function readListFile(path: string, mode: number, key: HashKey): Promise<ReadList> {
  return withListFile(path, async (file) => {
    const entriesMax = Math.ceil(file.size / ENTRY_BYTES_MIN)
    if (entriesMax > ENTRIES_MAX) {
      throw new ListFileError(`is too large: it can have at most ${ENTRIES_MAX} info hashes`)
    }
    const reading = new Reading(new ListBuilder(entriesMax, key))
    await file.readLines((part, from, to, line) => reading.takeLine(part, from, to, line))
    return reading.finish(mode)
  })
}

class Reading {
  private readonly builder: ListBuilder
  private readonly infoHash = new Int32Array(SLOT_WORDS)
  private readonly infoHashBytes = new Uint8Array(this.infoHash.buffer)
  private readonly mistakes = new Mistakes()

  constructor(builder: ListBuilder) {
    this.builder = builder
  }

  takeLine(part: Buffer, from: number, to: number, line: number): void {
    const start = skipBlanks(part, from, to)
    let end = start
    while (end < to && HEX[part[end]] < 16) end++
    const digits = end - start
    const isAlone = isLineEnd(part, end, to)
    if (isAlone && (digits === DIGITS || digits === DIGITS_V2)) this.add(part, start)
    else if (!isAlone || digits > 0) this.mistakes.add(line, mistakeOf(digits, isAlone))
  }

  private add(part: Buffer, start: number): void {
    const bytes = this.infoHashBytes
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = (HEX[part[start + 2 * i]] << 4) | HEX[part[start + 2 * i + 1]]
    }
    this.builder.add(this.infoHash)
  }

  finish(mode: number): ReadList {
    this.mistakes.check('write one info hash of 40 or 64 hex digits per line')
    return { list: this.builder.finish(mode), entries: this.builder.entries }
  }
}

function mistakeOf(digits: number, isAlone: boolean): string {
  const what = digits === 0 ? 'no hex digits' : counted(digits, 'hex digit')
  return isAlone || digits === 0 ? what : `${what} and something else`
}
