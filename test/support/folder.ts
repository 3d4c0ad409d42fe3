// Folders for the files of a test, which are gone after it. Others than their owner may read them: some
// trackers run as nobody.
import { afterAll } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Who calls it removes it. */
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
