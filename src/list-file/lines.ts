// Reads a list's file line by line, in parts, so that the main thread can do other work in between. Called by
// read-file.ts of access-list and access-keys, which know what a line means. Owns only its buffer.
import { closeSync, fstatSync } from 'node:fs'
import { FileFault, openRegularFile, readOpened } from '../config/named-file.ts'

/** Reading one part takes a few milliseconds. */
const PART_BYTES = 1 << 18
/** Much longer than any valid line. */
const LINE_BYTES_MAX = 4096
/** How many mistakes are reported one by one. */
const MISTAKES_TOLD_MAX = 5

const MARK = Buffer.from('\ufeff')
const NEWLINE = 10
const HASH_SIGN = 35
const SPACE = 32

/** Says what is wrong with a file, for people to read. */
export class ListFileError extends Error {
  override name = 'ListFileError'
}

/** Takes line number `line`, from `part[from]` up to `part[to]`. */
export type TakeLine = (part: Buffer, from: number, to: number, line: number) => void

/** Opens a list for `read`. Throws ListFileError if it cannot be opened or there is not enough memory. */
export async function withListFile<T>(
  path: string,
  read: (file: ListFile) => Promise<T>,
): Promise<T> {
  const file = openList(path)
  try {
    return await read(new ListFile(file))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new ListFileError('needs more memory than the system provides')
  } finally {
    closeSync(file)
  }
}

function openList(path: string): number {
  try {
    return openRegularFile(path)
  } catch (error) {
    throw asListError(error)
  }
}

function asListError(error: unknown): unknown {
  return error instanceof FileFault ? new ListFileError(`cannot be read: ${error.message}`) : error
}

export class ListFile {
  /** Bytes when it was opened; whatever is appended later is not read. */
  readonly size: number
  private readonly file: number
  private readonly part = Buffer.allocUnsafe(PART_BYTES + LINE_BYTES_MAX)

  constructor(file: number) {
    this.file = file
    this.size = fstatSync(file).size
  }

  /** The number of lines, including blank ones. */
  async countLines(): Promise<number> {
    // The last line may lack a newline.
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

  /** Passes each line to `takeLine`, without its newline. Throws ListFileError if one is too long. */
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

  /** `take` returns how many bytes it has left at the front of the buffer for its next call. */
  private async readParts(
    take: (part: Buffer, end: number, isLast: boolean) => number,
  ): Promise<void> {
    const { part, size } = this
    let kept = 0
    for (let at = 0; at < size; ) {
      const bytes = this.readPart(kept, Math.min(PART_BYTES, size - at), at)
      if (bytes === 0) break
      at += bytes
      kept = take(part, kept + bytes, at === size)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  /** A disk or file server can fail after the file was opened; then the previous list stays in force. */
  private readPart(kept: number, bytes: number, at: number): number {
    try {
      return readOpened(this.file, this.part, kept, bytes, at)
    } catch (error) {
      throw asListError(error)
    }
  }
}

/** The size of the byte order mark with which some editors start a UTF-8 text; 0 if there is none. */
function markBytes(part: Buffer, from: number, to: number): number {
  const isThere = to - from >= MARK.length && part.indexOf(MARK, from) === from
  return isThere ? MARK.length : 0
}

/** The first position from `from` on that is not white space; `to` if there is none. */
export function skipBlanks(part: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && part[at] <= SPACE) at++
  return at
}

/** Whether nothing but white space precedes the end of the line or a comment. */
export function isLineEnd(part: Buffer, from: number, to: number): boolean {
  const at = skipBlanks(part, from, to)
  return at === to || part[at] === HASH_SIGN
}

/** Collects the invalid lines. The first few are reported by number, without their content. */
export class Mistakes {
  private readonly told: string[] = []
  private count = 0

  add(line: number, what: string): void {
    this.count++
    if (this.told.length < MISTAKES_TOLD_MAX) this.told.push(`line ${line} has ${what}`)
  }

  /** Throws ListFileError if there are any. */
  check(remedy: string): void {
    if (this.count === 0) return
    const more = this.count - this.told.length
    const others = more > 0 ? `, and ${more} more` : ''
    throw new ListFileError(`${this.told.join(', ')}${others}: ${remedy}`)
  }
}
