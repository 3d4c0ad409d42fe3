// Files of the persistence folder: written whole or not at all, set aside when they are refused.
// Used by the other files of persistence/ and by the scrape export. Owns nothing.
//
// A file is written under a temporary name in the same folder, synced, renamed, and the folder synced:
// whoever looks, after whatever crash, finds the old file or the new one, complete.
import { closeSync, constants, fsyncSync, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Nobody but the tracker's user: the key is in one of these files, and addresses in another. */
export const PRIVATE_MODE = 0o600

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export type Write = (bytes: Uint8Array) => Promise<void>

/** Replaces `path` by what `produce` writes. When that throws, the old file stays and no other is left. */
export async function replaceFile(
  path: string,
  mode: number,
  produce: (write: Write) => Promise<void>,
): Promise<void> {
  expectFile(path)
  const temporary = temporaryName(path)
  // A leftover of a process that was killed; and never somebody's link.
  await rm(temporary, { force: true })
  const file = await open(temporary, NEW_FILE, mode)
  try {
    await produce((bytes) => writeAll(file, bytes))
    await file.sync()
  } catch (error) {
    await file.close()
    await rm(temporary, { force: true })
    throw error
  }
  await file.close()
  await rename(temporary, path)
  syncFolder(dirname(path))
}

/** Renaming would take the place of whatever has this name: somebody's pipe, or /dev/null. */
function expectFile(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return
  throw new Error('there is something by this name that is not a file; write another name')
}

function temporaryName(path: string): string {
  return `${path}.tmp`
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
