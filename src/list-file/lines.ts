// Reads the file of a list line by line, in parts between which the main thread goes on with other things.
// Called by read-file.ts of access-list and access-keys, which know what a line means. Owns nothing but its
// buffer.
import { closeSync, fstatSync, readSync } from 'node:fs'
import { FileFault, openRegularFile } from '../config/named-file.ts'

/** A part takes some milliseconds. */
const PART_BYTES = 1 << 18
/** Much longer than any line that means something. */
const LINE_BYTES_MAX = 4096
/** Mistakes that are told one by one. */
const MISTAKES_TOLD_MAX = 5

const MARK = Buffer.from('\ufeff')
const NEWLINE = 10
const HASH_SIGN = 35
const SPACE = 32

/** What is wrong with a file, for people. */
export class ListFileError extends Error {
  override name = 'ListFileError'
}

/** Takes line number `line`, which stands at `part[from]` and ends before `part[to]`. */
export type TakeLine = (part: Buffer, from: number, to: number, line: number) => void

/** Opens a list for `read`. Throws ListFileError when it cannot be opened, or the memory for it is not there. */
export async function withListFile<T>(
  path: string,
  read: (file: ListFile) => Promise<T>,
): Promise<T> {
  const file = openList(path)
  try {
    return await read(new ListFile(file))
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

export class ListFile {
  /** In bytes, as it was opened: what is added meanwhile is not read. */
  readonly size: number
  private readonly file: number
  private readonly part = Buffer.allocUnsafe(PART_BYTES + LINE_BYTES_MAX)

  constructor(file: number) {
    this.file = file
    this.size = fstatSync(file).size
  }

  /** How many lines there are, blank ones included. */
  async countLines(): Promise<number> {
    // The last one need not have an end.
    let lines = 1
    await this.readParts((part, end) => {
      for (
        let at = part.indexOf(NEWLINE);
        at >= 0 && at < end;
        at = part.indexOf(NEWLINE, at + 1)
      ) {
        lines++
      }
      return 0
    })
    return lines
  }

  /** Hands each line to `takeLine`, without its end. Throws ListFileError for one that is too long. */
  async readLines(takeLine: TakeLine): Promise<void> {
    let line = 0
    await this.readParts((part, end, isLast) => {
      let from = 0
      while (from < end) {
        const found = part.indexOf(NEWLINE, from)
        const isWhole = found >= 0 && found < end
        if (!isWhole && !isLast && end - from <= LINE_BYTES_MAX) break
        const to = isWhole ? found : end
        line++
        if (to - from > LINE_BYTES_MAX) {
          throw new ListFileError(`line ${line} is longer than ${LINE_BYTES_MAX} bytes: shorten it`)
        }
        takeLine(part, line === 1 ? from + markBytes(part, from, to) : from, to, line)
        from = isWhole ? to + 1 : to
      }
      part.copyWithin(0, from, end)
      return end - from
    })
  }

  /** `take` returns how many bytes it has left at the front for the next time. */
  private async readParts(
    take: (part: Buffer, end: number, isLast: boolean) => number,
  ): Promise<void> {
    const { file, part, size } = this
    let kept = 0
    for (let at = 0; at < size; ) {
      const bytes = readSync(file, part, kept, Math.min(PART_BYTES, size - at), at)
      if (bytes === 0) break
      at += bytes
      kept = take(part, kept + bytes, at === size)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
}

/** Of the byte order mark that some editors begin a text in UTF-8 with. */
function markBytes(part: Buffer, from: number, to: number): number {
  const isThere = to - from >= MARK.length && part.indexOf(MARK, from) === from
  return isThere ? MARK.length : 0
}

/** Behind white space; at most `to`. */
export function skipBlanks(part: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && part[at] <= SPACE) at++
  return at
}

/** Nothing but white space up to the end of the line or a comment. */
export function isLineEnd(part: Buffer, from: number, to: number): boolean {
  const at = skipBlanks(part, from, to)
  return at === to || part[at] === HASH_SIGN
}

/** Lines that are wrong: the first ones are told, without what they say. */
export class Mistakes {
  private readonly told: string[] = []
  private count = 0

  add(line: number, what: string): void {
    this.count++
    if (this.told.length < MISTAKES_TOLD_MAX) this.told.push(`line ${line} has ${what}`)
  }

  /** Throws ListFileError when there are any. */
  check(remedy: string): void {
    if (this.count === 0) return
    const more = this.count - this.told.length
    const others = more > 0 ? `, and ${more} more` : ''
    throw new ListFileError(`${this.told.join(', ')}${others}: ${remedy}`)
  }
}
