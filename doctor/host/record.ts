// What --apply has done, so that --revert can take exactly that back: kept in one file. Called by apply.ts and revert.ts.
// Also the way both write files: whole, or not at all.
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Change } from './changes.ts'
import type { PlannedFile } from './plan.ts'

const RECORD = '/var/lib/aquatic-doctor/applied.json'
const VERSION = 1

export interface ChangedValue {
  readonly path: string
  /** The file's text as it was, */
  readonly before: string
  /** and as it was read after the change; null while that is not known. */
  readonly after: string | null
}

export interface ChangedRing {
  readonly card: string
  readonly before: number
  readonly after: number
}

export interface Applied {
  readonly changes: readonly Change[]
  readonly files: readonly PlannedFile[]
  readonly values: readonly ChangedValue[]
  readonly rings: readonly ChangedRing[]
  /** Folders that were made, the outermost first. */
  readonly folders: readonly string[]
}

export const NOTHING_APPLIED: Applied = {
  changes: [],
  files: [],
  values: [],
  rings: [],
  folders: [],
}

/** A reason that the operator can remove. */
export class ApplyError extends Error {
  override name = 'ApplyError'
}

/** Files below a folder that stands for /. */
export class Tree {
  private readonly root: string

  constructor(root: string) {
    this.root = root
  }

  read(path: string): string | null {
    try {
      return readFileSync(this.real(path), 'latin1')
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw new ApplyError(message)
    }
  }

  /** Replaces the file by renaming, so that a reader never sees half of it. */
  replace(path: string, text: string): void {
    const real = this.real(path)
    const fresh = `${real}.new`
    this.attempt(() => {
      const file = openSync(fresh, 'w', 0o644)
      writeSync(file, Buffer.from(text, 'latin1'))
      fsyncSync(file)
      closeSync(file)
      renameSync(fresh, real)
    })
  }

  /** Into a file that has to be there, such as one of the kernel's. */
  put(path: string, text: string): void {
    this.attempt(() => {
      const file = openSync(this.real(path), 'r+')
      try {
        if (!this.isKernel()) ftruncateSync(file)
        writeSync(file, Buffer.from(text, 'latin1'))
      } finally {
        closeSync(file)
      }
    })
  }

  remove(path: string): void {
    this.attempt(() => rmSync(this.real(path), { force: true }))
  }

  /** Makes a folder and those around it; returns the new ones, the outermost first. */
  makeFolders(path: string): string[] {
    if (existsSync(this.real(path))) return []
    const above = this.makeFolders(dirname(path))
    this.attempt(() => mkdirSync(this.real(path), 0o755))
    return [...above, path]
  }

  /** If it is empty. */
  removeFolder(path: string): void {
    try {
      rmdirSync(this.real(path))
    } catch {
      // Somebody else's files are in it now, or it is gone.
    }
  }

  /** Not of an image, or a test. */
  isKernel(): boolean {
    return this.root === '/'
  }

  private real(path: string): string {
    return join(this.root, path)
  }

  private attempt(act: () => void): void {
    try {
      act()
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      const remedy = code === 'EACCES' || code === 'EPERM' ? ' (it needs root)' : ''
      throw new ApplyError(`${message}${remedy}`)
    }
  }
}

/** Null if nothing has been applied. */
export function readRecord(tree: Tree): Applied | null {
  const text = tree.read(RECORD)
  if (text === null) return null
  try {
    const record = JSON.parse(text) as Applied & { version: number }
    if (record.version === VERSION) return record
  } catch {
    // Said below.
  }
  throw new ApplyError(
    `${RECORD} is not what this version writes: use the one that wrote it, or remove it`,
  )
}

/** Returns the record with the folders that it needed. */
export function writeRecord(tree: Tree, applied: Applied): Applied {
  const made = tree.makeFolders(dirname(RECORD))
  const record = { ...applied, folders: [...made, ...applied.folders] }
  tree.replace(RECORD, `${JSON.stringify({ version: VERSION, ...record }, null, 2)}\n`)
  return record
}

export function removeRecord(tree: Tree): void {
  tree.remove(RECORD)
}

/** What was before the first change is what --revert restores. */
export function joinedValues(
  known: readonly ChangedValue[],
  fresh: readonly ChangedValue[],
): ChangedValue[] {
  const first = fresh.filter(({ path }) => !known.some((other) => other.path === path))
  return [...known, ...first]
}

export function joinedRings(
  known: readonly ChangedRing[],
  fresh: readonly ChangedRing[],
): ChangedRing[] {
  const again = (card: string) => fresh.find((ring) => ring.card === card)
  return [
    ...known.map((ring) => ({ ...ring, after: again(ring.card)?.after ?? ring.after })),
    ...fresh.filter(({ card }) => !known.some((ring) => ring.card === card)),
  ]
}
