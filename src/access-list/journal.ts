// The file beside a list that keeps its edits over a restart: a line for each, `+` or `-` and the info hash in hex; `=`
// ends an edit, because the list's file says the same, and decides again.
// Used by list-edits.ts, in the main thread. Owns an open file.
//
// One process writes it: the one that has a lock on its byte 0. One that takes over from that has byte 1 until then, and
// only appends, as does its owner: while byte 1 is locked, nobody writes the file anew.
//
// An edit is on the disk before it is in force. A line that was cut by a crash is not in force, nor was it ever. Of an
// info hash the last line counts; the file is written anew, beside and by renaming, when most lines are of no use.
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { FileFault, openRegularFile } from '../config/named-file.ts'
import { ListFileError } from '../list-file/lines.ts'
import { lockByte, unlockByte } from '../os/file-lock.ts'

/** Of each info hash, in hex: whether it is added, or removed. */
export type Edits = Map<string, boolean>

/** Many times as much as all edits take. */
const JOURNAL_BYTES_MAX = 64 * 2 ** 20
/** Useless lines from which on the file is written anew, if they are more than the others. */
const USELESS_LINES_MIN = 1000
/** For the tracker's user, and others who may read the list. */
const MODE = 0o644
const LINE = /^[+=-][0-9a-f]{40}$/
/** So many are not left to the next reading of the list, which may be far away. */
const USELESS_LINES_MAX = 100_000
/** Bytes that are locked. */
const OWNER = 0
const NEXT = 1
/** Its owner may just write it anew, which takes milliseconds. */
const OPENINGS_MAX = 10
const OPENING_MILLISECONDS = 20

/** What a process may do with the file. */
export interface JournalUse {
  /** Another process still writes it, and this one takes over from that. */
  readonly isBeside: boolean
  /** There may be more edits. */
  readonly isEditable: boolean
}

export class Journal {
  private path: string
  private file = -1
  private lines = 0
  /** Lines when it was last to be written anew. */
  private tidiedAt = 0
  private isOwner = false
  /** It is the owner, or beside it. */
  private isWriter = false

  constructor(listPath: string) {
    this.path = journalOf(listPath)
  }

  /** Opens the file, and returns what it has. Throws ListFileError. */
  open({ isBeside, isEditable }: JournalUse): Edits {
    this.checkKind()
    for (let n = 0; n < OPENINGS_MAX; n++) {
      this.openFile()
      this.isOwner = this.claim(OWNER)
      const isLocked = this.isOwner || !isBeside || this.claim(NEXT)
      // Otherwise its owner puts another in its place.
      if (isLocked && this.isInPlace()) break
      Bun.sleepSync(OPENING_MILLISECONDS)
    }
    this.isWriter = this.isOwner || isBeside
    try {
      if (this.isWriter || !isEditable) return this.read()
      throw new ListFileError(
        `has edits in ${this.path}, which another tracker writes: give each its own list, or serve all protocols with one aquatic`,
      )
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** What it has by now, for a process that was beside its owner, which has ended. Throws ListFileError. */
  readAgain(): Edits {
    this.isOwner = this.claim(OWNER)
    if (this.isOwner) this.release(NEXT)
    return this.read()
  }

  private checkKind(): void {
    try {
      closeSync(openRegularFile(this.path))
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      if (error.code === 'ENOENT') return
      throw new ListFileError(`has edits in ${this.path}, which cannot be read: ${error.message}`)
    }
  }

  private openFile(): void {
    this.close()
    try {
      this.file = openSync(this.path, 'a+', MODE)
    } catch (error) {
      throw new ListFileError(`cannot keep edits in ${this.path}: ${(error as Error).message}`)
    }
  }

  private isInPlace(): boolean {
    const there = statSync(this.path, { throwIfNoEntry: false })
    return there !== undefined && there.ino === fstatSync(this.file).ino
  }

  /** True also where the file system has no locks. */
  private claim(byte: number): boolean {
    try {
      return lockByte(this.file, byte)
    } catch {
      return true
    }
  }

  private release(byte: number): void {
    try {
      unlockByte(this.file, byte)
    } catch {}
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
    if (infoHashes.length === 0 || !this.isWriter) return
    this.write(infoHashes.map((infoHash) => `=${infoHash}\n`).join(''), infoHashes.length)
  }

  private write(text: string, lines: number): void {
    const { size } = fstatSync(this.file)
    if (size + text.length > JOURNAL_BYTES_MAX) {
      throw new Error(`${this.path} is full, and can only be written anew at a start`)
    }
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
    if (!this.isOwner || !this.claim(NEXT)) return
    this.tidiedAt = this.lines
    try {
      this.replace(edits)
    } catch {
      this.release(NEXT)
    }
  }

  /** The same when the list has not been read for many edits. */
  tidyLong(edits: Edits): void {
    if (this.lines - Math.max(this.tidiedAt, edits.size) > USELESS_LINES_MAX) this.tidy(edits)
  }

  private read(): Edits {
    const lines = this.text().split('\n')
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
    this.tidiedAt = 0
    // The owner may be writing it; otherwise, without its end it would become one with the next.
    if (rest === '' || !this.isOwner) return edits
    try {
      this.replace(edits)
    } catch (error) {
      const why = (error as Error).message
      throw new ListFileError(`has edits in ${this.path}, whose last line has no end: ${why}`)
    }
    return edits
  }

  private text(): string {
    const { size } = fstatSync(this.file)
    if (size > JOURNAL_BYTES_MAX) {
      throw new ListFileError(
        `has edits in ${this.path}, which is longer than ${JOURNAL_BYTES_MAX} bytes`,
      )
    }
    const bytes = Buffer.alloc(size)
    let read = 0
    for (let got = -1; got !== 0 && read < size; read += got) {
      got = readSync(this.file, bytes, read, size - read, read)
    }
    return bytes.toString('latin1', 0, read)
  }

  /** The new file is locked before it is in place. */
  private replace(edits: Edits): void {
    const text = [...edits].map(([infoHash, isAdded]) => lineOf(infoHash, isAdded)).join('')
    const before = this.file
    writeFileSync(`${this.path}.new`, text, { mode: MODE, flush: true })
    this.file = openSync(`${this.path}.new`, 'a+')
    try {
      this.claim(OWNER)
      renameSync(`${this.path}.new`, this.path)
    } catch (error) {
      closeSync(this.file)
      this.file = before
      throw error
    }
    closeSync(before)
    this.lines = edits.size
    this.tidiedAt = 0
  }
}

/** The file beside a list. */
export function journalOf(listPath: string): string {
  return `${listPath}.edits`
}

function lineOf(infoHash: string, isAdded: boolean): string {
  return `${isAdded ? '+' : '-'}${infoHash}\n`
}
