// Files of the persistence folder: written whole or not at all, set aside when they are refused.
// Used by the other files of persistence/ and by the scrape export. Owns nothing.
//
// A file is written under a temporary name in the same folder, synced, renamed, and the folder synced:
// whoever looks, after whatever crash, finds the old file or the new one, complete. Each write has a
// name of its own, so that two at a time, of one process or of two, both write a whole file.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Nobody but the tracker's user: the key is in one of these files, and addresses in another. */
export const PRIVATE_MODE = 0o600

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A write that has not gone on for so long is nobody's: others of the name may be another process's. */
const LEFTOVER_MILLISECONDS = 600_000

const TEMPORARY_BYTES = 6
/** Behind the file's own name. Without the number in it, as earlier versions had it. */
const TEMPORARY = /^(\.[0-9a-f]{12})?\.tmp$/

export type Write = (bytes: Uint8Array) => Promise<void>

/** Replaces `path` by what `produce` writes. When that throws, the old file stays and no other is left. */
export async function replaceFile(
  path: string,
  mode: number,
  produce: (write: Write) => Promise<void>,
): Promise<void> {
  expectFile(path)
  removeLeftovers(path, LEFTOVER_MILLISECONDS)
  const temporary = `${path}.${randomBytes(TEMPORARY_BYTES).toString('hex')}.tmp`
  const file = await open(temporary, NEW_FILE, mode)
  try {
    try {
      await produce((bytes) => writeAll(file, bytes))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** Removes what killed processes have left of their writes to `path`, if it is so old (milliseconds). */
export function removeLeftovers(path: string, age: number): void {
  const folder = dirname(path)
  for (const name of namesIn(folder)) {
    if (!name.startsWith(basename(path))) continue
    if (!TEMPORARY.test(name.slice(basename(path).length))) continue
    const leftover = join(folder, name)
    const found = lstatSync(leftover, { throwIfNoEntry: false })
    if (found?.isFile() && Date.now() - found.mtimeMs >= age) removeFile(leftover)
  }
}

/** None where the folder may be used but not listed. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Renaming would take the place of whatever has this name: somebody's pipe, or /dev/null. */
export function expectFile(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return
  throw new Error('there is something by this name that is not a file; write another name')
}

/** Renames a file that cannot be used, so that the next one does not overwrite it. Returns the new name. */
export function setAside(path: string): string {
  const aside = `${path}.refused`
  renameSync(path, aside)
  return aside
}

export function removeFile(path: string): void {
  rmSync(path, { force: true })
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let at = 0
  while (at < bytes.length) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at)
    at += bytesWritten
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
