// Reads a file of access keys: one per line, optionally followed by its expiry (end-time.ts). Blank lines and
// whatever follows a # are ignored. Called by reloader.ts in the main thread. Messages about a wrong line never
// contain the key.
import { isLineEnd, ListFileError, Mistakes, skipBlanks, withListFile } from '../list-file/lines.ts'
import { KeyTableBuilder } from './build.ts'
import { NO_TIME, readEnd } from './end-time.ts'
import { type HashKey, KEY_BYTES_MAX } from './key-hash.ts'
import { KEYS_MAX, type KeyTable } from './table.ts'

const REMEDY =
  `write one key per line, of 1 to ${KEY_BYTES_MAX} letters, digits, - and _, optionally followed by its expiry: a ` +
  'date such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or seconds since 1970'

const HASH_SIGN = 35
const SPACE = 32

/** The bytes allowed in a key: those that need no escaping in a URL's path. */
const IN_KEYS = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[A-Za-z0-9_-]/.test(String.fromCharCode(byte)) ? 1 : 0,
)

export interface ReadKeys {
  readonly table: KeyTable
  readonly keys: number
}

/** Throws ListFileError when the file cannot be read or has an invalid line. */
export function readKeyFile(path: string, hashKey: HashKey): Promise<ReadKeys> {
  return withListFile(path, async (file) => {
    // Keys vary in length, so the file's size does not tell how many there are: its lines are counted first.
    const lines = await file.countLines()
    if (lines > KEYS_MAX)
      throw new ListFileError(`is too large: at most ${KEYS_MAX} keys are possible`)
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

/** Returns what is wrong with the line, '' if nothing is. */
function takeLine(builder: KeyTableBuilder, part: Buffer, from: number, to: number): string {
  const start = skipBlanks(part, from, to)
  if (isLineEnd(part, start, to)) return ''
  const end = wordEnd(part, start, to)
  for (let at = start; at < end; at++) {
    if (IN_KEYS[part[at]] === 0) return 'a character that is not allowed in a key'
  }
  if (end - start > KEY_BYTES_MAX) return `a key of ${end - start} characters`
  const second = skipBlanks(part, end, to)
  if (isLineEnd(part, second, to)) {
    builder.add(part, start, end, 0)
    return ''
  }
  const secondEnd = wordEnd(part, second, to)
  const ends = readEnd(part, second, secondEnd)
  if (ends === NO_TIME) return 'something after the key that is not a time'
  if (!isLineEnd(part, secondEnd, to)) return 'something after the time'
  builder.add(part, start, end, ends)
  return ''
}

/** The end of a run of bytes that are neither white space nor the start of a comment. */
function wordEnd(part: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && part[at] > SPACE && part[at] !== HASH_SIGN) at++
  return at
}
