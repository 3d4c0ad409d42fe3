// The file beside a list that keeps its edits over a restart: a line for each, `+` or `-` and the info hash in hex; `=`
// ends an edit, because the list's file says the same, and decides again.
// Used by list-edits.ts, in the main thread. Owns an open file.
//
// An edit is on the disk before it is in force. A line that was cut by a crash is not in force, nor was it ever. Of an
// info hash the last line counts; the file is written anew, beside and by renaming, when most lines are of no use.
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { FileFault, readRegularFile } from '../config/named-file.ts'
import { ListFileError } from '../list-file/lines.ts'

/** Of each info hash, in hex: whether it is added, or removed. */
export type Edits = Map<string, boolean>

/** Many times as much as all edits take. */
const JOURNAL_BYTES_MAX = 64 * 2 ** 20
/** Useless lines from which on the file is written anew, if they are more than the others. */
const USELESS_LINES_MIN = 1000
/** For the tracker's user, and others who may read the list. */
const MODE = 0o644
const LINE = /^[+=-][0-9a-f]{40}$/

export class Journal {
  private path: string
  private file = -1
  private lines = 0

  constructor(listPath: string) {
    this.path = journalOf(listPath)
  }

  /** Reads what there is, and opens the file for more. Throws ListFileError. */
  open(): Edits {
    const edits = this.read()
    try {
      this.file = openSync(this.path, 'a', MODE)
    } catch (error) {
      throw new ListFileError(`cannot keep edits in ${this.path}: ${(error as Error).message}`)
    }
    return edits
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file)
    this.file = -1
  }

  /** The list has another path: the root directory has changed. The file stays open. */
  moved(listPath: string): void {
    this.path = journalOf(listPath)
  }

  /** On the disk when it returns. Throws what the system does; then there is no trace of it. */
  append(infoHash: string, isAdded: boolean): void {
    this.write(lineOf(infoHash, isAdded), 1)
  }

  /** The file says the same as the edits of these. Throws likewise. */
  end(infoHashes: readonly string[]): void {
    if (infoHashes.length === 0) return
    this.write(infoHashes.map((infoHash) => `=${infoHash}\n`).join(''), infoHashes.length)
  }

  private write(text: string, lines: number): void {
    const { size } = fstatSync(this.file)
    try {
      if (writeSync(this.file, text) !== text.length) throw new Error('the disk is full')
      fdatasyncSync(this.file)
    } catch (error) {
      // Another process does not write at the same time, but for a moment in a take-over.
      ftruncateSync(this.file, size)
      throw error
    }
    this.lines += lines
  }

  /** Leaves nothing but these in the file, if that is worth it. Without the right to, the file only grows. */
  tidy(edits: Edits): void {
    const useless = this.lines - edits.size
    if (useless < (edits.size === 0 ? 1 : Math.max(edits.size, USELESS_LINES_MIN))) return
    try {
      this.replace(edits)
      const file = openSync(this.path, 'a')
      this.close()
      this.file = file
    } catch {}
  }

  private read(): Edits {
    let text = ''
    try {
      text = readRegularFile(this.path, JOURNAL_BYTES_MAX).toString('latin1')
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      if (error.code !== 'ENOENT') {
        throw new ListFileError(`has edits in ${this.path}, which cannot be read: ${error.message}`)
      }
    }
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    const edits: Edits = new Map()
    for (const [i, line] of lines.entries()) {
      if (!LINE.test(line)) {
        throw new ListFileError(
          `has edits in ${this.path}, of which line ${i + 1} is not one: delete it`,
        )
      }
      // At its last place, so that the order is that of the lines.
      edits.delete(line.slice(1))
      if (line[0] !== '=') edits.set(line.slice(1), line[0] === '+')
    }
    this.lines = lines.length
    if (rest === '') return edits
    // Without its end it would become one with the next.
    try {
      this.replace(edits)
    } catch (error) {
      const why = (error as Error).message
      throw new ListFileError(`has edits in ${this.path}, whose last line has no end: ${why}`)
    }
    return edits
  }

  private replace(edits: Edits): void {
    const text = [...edits].map(([infoHash, isAdded]) => lineOf(infoHash, isAdded)).join('')
    writeFileSync(`${this.path}.new`, text, { mode: MODE, flush: true })
    renameSync(`${this.path}.new`, this.path)
    this.lines = edits.size
  }
}

/** The file beside a list. */
export function journalOf(listPath: string): string {
  return `${listPath}.edits`
}

function lineOf(infoHash: string, isAdded: boolean): string {
  return `${isAdded ? '+' : '-'}${infoHash}\n`
}
