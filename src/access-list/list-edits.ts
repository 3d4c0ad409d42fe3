// Edits of the access list in force, in the main thread: puts them in force (edits.ts), keeps them (journal.ts), and
// drops those that the list's file has come to agree with. Made by reloader.ts. Owns the journal.
//
// The file is the operator's, whose tools may write it anew at any time, from data older than an edit. So an edit holds
// until the file says the same; from then on the file decides again.
import { hashWords } from '../memory/half-sip-hash.ts'
import type { HashKey } from './build.ts'
import { ADDED, createEdits, EDITS_MAX, hasRoom, NO_EDITS, REMOVED, writeEdit } from './edits.ts'
import { type Edits, Journal, type JournalUse } from './journal.ts'
import { AccessList, type AccessListData } from './list.ts'
import { SLOT_WORDS } from './slots.ts'

/** What became of an edit. 'same': it was so before. */
export type EditOutcome = 'changed' | 'same' | 'full'

export class ListEdits {
  /** Of the list. */
  path: string
  private readonly key: HashKey
  private readonly journal: Journal
  private edits: Edits
  private base = new AccessList()
  /** Of the list in force; and of the one before, which workers may use until they take it. */
  private table = new Int32Array(NO_EDITS)
  private tableBefore = this.table
  private readonly infoHash = new Int32Array(SLOT_WORDS)
  private readonly infoHashBytes = Buffer.from(this.infoHash.buffer)

  /** `before`: in whose place it is. Throws ListFileError. */
  constructor(path: string, key: HashKey, use: JournalUse, before: ListEdits | null = null) {
    this.path = path
    this.key = key
    this.journal = new Journal(path)
    this.edits = this.journal.open(use)
    // Workers may use it until they take the next list.
    if (before !== null) this.table = before.table
  }

  close(): void {
    this.journal.close()
  }

  /** For a process that was beside another one, which has ended. Then call `over`. Throws ListFileError. */
  readAgain(): void {
    this.edits = this.journal.readAgain()
  }

  rootChanged(path: string): void {
    this.path = path
    this.journal.moved(path)
  }

  /** Info hashes that are not as the file says. */
  get count(): number {
    return this.edits.size
  }

  /** Reading the file again would make room: slots of info hashes that are as in the file again are not reused. */
  get isCrowded(): boolean {
    return this.table[0] > EDITS_MAX / 2 && this.table[0] - this.edits.size > EDITS_MAX / 8
  }

  /** The list as read from its file, with the edits that it does not have. */
  over(base: AccessListData): AccessListData {
    this.base = new AccessList(base)
    const edits = createEdits()
    this.tableBefore = this.table
    this.table = new Int32Array(edits)
    const over: string[] = []
    for (const [infoHash, isAdded] of this.edits) {
      const hash = this.read(infoHash)
      if (this.isInFile(hash) === isAdded) over.push(infoHash)
      else if (hasRoom(this.table, this.infoHash, hash)) {
        writeEdit(this.table, this.infoHash, hash, isAdded ? ADDED : REMOVED)
      }
    }
    this.end(over)
    this.journal.tidy(this.edits)
    return { ...base, edits }
  }

  /** What the file says too is no edit any more, unless that cannot be kept. */
  private end(over: readonly string[]): void {
    try {
      this.journal.end(over)
      for (const infoHash of over) this.edits.delete(infoHash)
    } catch {}
  }

  /** Whether the info hash, in 40 hex digits, is in the list. */
  has(infoHash: string): boolean {
    return this.edits.get(infoHash) ?? this.isInFile(this.read(infoHash))
  }

  /** In force in all workers when it returns. Throws what the system does if it cannot be kept. */
  set(infoHash: string, isAdded: boolean): EditOutcome {
    if (this.has(infoHash) === isAdded) return 'same'
    const hash = this.read(infoHash)
    if (!hasRoom(this.table, this.infoHash, hash)) return 'full'
    const isInFile = this.isInFile(hash)
    if (isInFile === isAdded) this.journal.end([infoHash])
    else this.journal.append(infoHash, isAdded)
    for (const table of [this.table, this.tableBefore]) {
      const fits = table.length > 1 && hasRoom(table, this.infoHash, hash)
      if (fits) writeEdit(table, this.infoHash, hash, isAdded ? ADDED : REMOVED)
    }
    if (isInFile === isAdded) this.edits.delete(infoHash)
    else this.edits.set(infoHash, isAdded)
    this.journal.tidyLong(this.edits)
    return 'changed'
  }

  private isInFile(hash: number): boolean {
    return this.base.isInFile(this.infoHash, 0, hash)
  }

  /** Puts the info hash into `infoHash`; returns its keyed hash. */
  private read(text: string): number {
    this.infoHashBytes.write(text, 'hex')
    return hashWords(this.infoHash, 0, SLOT_WORDS, this.key.key0, this.key.key1)
  }
}
