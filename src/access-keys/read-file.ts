// Reads a file of access keys: one per line, and behind it the time that it ends, if it does (end-time.ts). Blank
// lines and what follows a # do not count. Called by reloader.ts in the main thread. What it says of a wrong line
// never has the key in it.
import { isLineEnd, ListFileError, Mistakes, skipBlanks, withListFile } from '../list-file/lines.ts'
import { KeyTableBuilder } from './build.ts'
import { NO_TIME, readEnd } from './end-time.ts'
import { type HashKey, KEY_BYTES_MAX } from './key-hash.ts'
import { KEYS_MAX, type KeyTable } from './table.ts'

const REMEDY =
  `write one key per line, of 1 to ${KEY_BYTES_MAX} letters, digits, - and _, and behind it, if it ends, a date ` +
  'such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or seconds since 1970'

const HASH_SIGN = 35
const SPACE = 32

/** Bytes of a key: they stand for themselves in a path, in any encoding. */
const IN_KEYS = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[A-Za-z0-9_-]/.test(String.fromCharCode(byte)) ? 1 : 0,
)

export interface ReadKeys {
  readonly table: KeyTable
  readonly keys: number
}

/** Throws ListFileError when the file cannot be read or has a line that is no key. */
export function readKeyFile(path: string, hashKey: HashKey): Promise<ReadKeys> {
  return withListFile(path, async (file) => {
    // Keys may have any length: only the lines tell how many there are, so they are counted first.
    const lines = await file.countLines()
    if (lines > KEYS_MAX) throw new ListFileError(`is too large: ${KEYS_MAX} keys are the most`)
    const builder = new KeyTableBuilder(lines, hashKey)
    const mistakes = new Mistakes()
    await file.readLines((part, from, to, line) => {
      const mistake = takeLine(builder, part, from, to)
      if (mistake !== '') mistakes.add(line, mistake)
    })
    mistakes.check(REMEDY)
    return { table: builder.table, keys: builder.keys }
  })
}

/** Returns what is wrong with the line; '' when nothing is. */
function takeLine(builder: KeyTableBuilder, part: Buffer, from: number, to: number): string {
  const start = skipBlanks(part, from, to)
  if (isLineEnd(part, start, to)) return ''
  const end = wordEnd(part, start, to)
  for (let at = start; at < end; at++) {
    if (IN_KEYS[part[at]] === 0) return 'a character that no key has'
  }
  if (end - start > KEY_BYTES_MAX) return `a key of ${end - start} characters`
  const second = skipBlanks(part, end, to)
  if (isLineEnd(part, second, to)) {
    builder.add(part, start, end, 0)
    return ''
  }
  const secondEnd = wordEnd(part, second, to)
  const ends = readEnd(part, second, secondEnd)
  if (ends === NO_TIME) return 'something behind the key that is no time'
  if (!isLineEnd(part, secondEnd, to)) return 'something behind the time'
  builder.add(part, start, end, ends)
  return ''
}

/** Of what is neither white space nor the begin of a comment. */
function wordEnd(part: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && part[at] > SPACE && part[at] !== HASH_SIGN) at++
  return at
}
