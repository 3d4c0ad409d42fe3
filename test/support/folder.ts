// Folders for the files of a test, which are gone after it. Others than their owner may read them: some
// trackers run as nobody.
import { afterAll } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from './wait.ts'

/** The caller removes it. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-test-'))
  chmodSync(folder, 0o755)
  return folder
}

/** One for all tests of a file. Called outside of them. */
export function folderOfFile(): string {
  const folder = newFolder()
  afterAll(() => removeFolder(folder))
  return folder
}

/** Makes one, has it used, and removes it. */
export async function inFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = newFolder()
  try {
    return await use(folder)
  } finally {
    removeFolder(folder)
  }
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Waits until these are the names in a folder, in the order of the alphabet: a write may be under way. */
export function waitForFiles(folder: string, names: readonly string[]): Promise<void> {
  const now = () => readdirSync(folder).sort()
  return waitUntil(`${folder} has ${names}`, () => now().join() === names.join()).catch((error) => {
    throw new Error(`${error.message}: it has ${now()}`)
  })
}

/** What a descriptor of this process leads to; '' for one that was closed meanwhile. */
export function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}
