import { expect, test } from 'bun:test'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ListFile, ListFileError } from '../../src/list-file/lines.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()

// A disk that fails, or a server of files that is gone, refuses to read what could be opened. As any fault of a list
// it leaves the one before in force; as another kind of error it would end a tracker that serves.
test('a file that cannot be read any more is a fault of the list', async () => {
  const path = join(folder, 'list')
  writeFileSync(path, 'one\ntwo\n')
  const notForReading = openSync(path, 'a')
  try {
    const file = new ListFile(notForReading)
    expect(file.size).toBe(8)
    const failure = await file.countLines().catch((error) => error)
    expect(failure).toBeInstanceOf(ListFileError)
    expect((failure as Error).message).toMatch(/^cannot be read: EBADF/)
    expect(await file.readLines(() => {}).catch((error) => error)).toBeInstanceOf(ListFileError)
  } finally {
    closeSync(notForReading)
  }
})
