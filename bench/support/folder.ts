// A folder for the files of a benchmark, which is gone when the program ends.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
