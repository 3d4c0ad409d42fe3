// Files of the persistence folder: written whole or not at all, renamed when they are refused. Used by the
// other files of persistence/, including the scrape export.
//
// A file is written under a temporary name in the same folder, synced, renamed, and the folder synced: after
// any crash, readers find either the old file or the new one, complete. Each write uses its own temporary name,
// so that two at a time, from one process or two, both write a whole file.
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

/** Only for the tracker's user: one of these files has the key, another one addresses. */
export const PRIVATE_MODE = 0o600

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** A temporary file not written for this long is abandoned; a newer one may be another process's. */
const LEFTOVER_MILLISECONDS = 600_000

const TEMPORARY_BYTES = 6
/** What follows the file's own name. Earlier versions wrote it without the number. */
const TEMPORARY = /^(\.[0-9a-f]{12})?\.tmp$/

export type Write = (bytes: Uint8Array) => Promise<void>

/** Replaces `path` with what `produce` writes. If that throws, the old file stays and nothing else is left. */
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

/** Removes temporary files of `path` that killed processes left, if they are this old (milliseconds). */
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

/** Empty if the folder cannot be listed, although it can be used. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Renaming would replace whatever has this name, even a pipe or /dev/null. */
export function expectFile(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return
  throw new Error('something other than a file has this name; write another name')
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
