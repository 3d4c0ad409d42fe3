// Reads a list of clients: per line the beginning of their peer ids, as text with \xNN for any byte. Blank lines
// and what follows a # are ignored. Called by reloader.ts in the main thread.
import { isLineEnd, ListFileError, Mistakes, skipBlanks, withListFile } from '../list-file/lines.ts'
import { RangeBuilder } from './build-ranges.ts'
import type { RangeData } from './ranges.ts'
import { wordEnd } from './words.ts'

/** There are some hundred clients, with some hundred versions each. */
export const PREFIXES_MAX = 100_000

export const PEER_ID_BYTES = 20
export const PEER_ID_WORDS = PEER_ID_BYTES / 4

const REMEDY =
  `write the beginning of a peer id per line, of 1 to ${PEER_ID_BYTES} bytes, such as -XL or -XL0012-; \\x20 stands for ` +
  'a byte that is not a visible character of ASCII, and \\x23 for #, which begins a comment'

const BACKSLASH = 0x5c
const LETTER_X = 0x78
const VISIBLE_MAX = 0x7e
const ESCAPE_BYTES = 4
const DIGITS = /^[0-9a-fA-F]{2}$/

export interface ReadClients {
  readonly table: RangeData
  /** Lines with a beginning. */
  readonly entries: number
}

/** Throws ListFileError. */
export function readClientFile(path: string): Promise<ReadClients> {
  return withListFile(path, async (file) => {
    const builder = new RangeBuilder(PEER_ID_WORDS)
    const mistakes = new Mistakes()
    await file.readLines((part, from, to, line) => {
      const mistake = takeLine(builder, part, from, to)
      if (mistake !== '') mistakes.add(line, mistake)
      if (builder.count > PREFIXES_MAX) {
        throw new ListFileError(`is too large: it can have at most ${PREFIXES_MAX} beginnings`)
      }
    })
    mistakes.check(REMEDY)
    const entries = builder.count
    return { table: await builder.finish(), entries }
  })
}

const prefix = new Uint8Array(PEER_ID_BYTES)
const prefixWords = new Int32Array(prefix.buffer)

/** Returns what is wrong with the line, '' if nothing is. */
function takeLine(builder: RangeBuilder, part: Buffer, from: number, to: number): string {
  const start = skipBlanks(part, from, to)
  if (isLineEnd(part, start, to)) return ''
  const end = wordEnd(part, start, to)
  if (!isLineEnd(part, end, to)) return 'something behind the beginning of a peer id'
  let size = 0
  for (let at = start; at < end; size++) {
    const byte = readByte(part, at, end)
    if (byte < 0)
      return part[at] === BACKSLASH
        ? 'a \\ without xNN'
        : 'a character that has to be written as \\xNN'
    if (size < PEER_ID_BYTES) prefix[size] = byte
    at += part[at] === BACKSLASH ? ESCAPE_BYTES : 1
  }
  if (size > PEER_ID_BYTES) return `${size} bytes`
  prefix.fill(0, size)
  builder.add(prefixWords, size * 8)
  return ''
}

/** −1 if it is no visible ASCII character and no \xNN. */
function readByte(part: Buffer, at: number, end: number): number {
  const byte = part[at]
  if (byte !== BACKSLASH) return byte <= VISIBLE_MAX ? byte : -1
  if (at + ESCAPE_BYTES > end || part[at + 1] !== LETTER_X) return -1
  const digits = part.toString('latin1', at + 2, at + ESCAPE_BYTES)
  return DIGITS.test(digits) ? Number.parseInt(digits, 16) : -1
}
