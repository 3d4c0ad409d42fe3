// A bug under a table's lock ends the process at once. Catching it would leave the lock behind, and all
// workers waiting for it.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'

setDefaultTimeout(180_000)

const PROGRAM = join(import.meta.dir, 'failure-under-lock.ts')

test.each([
  'writing a snapshot',
  'loading a snapshot',
  'writing counts',
  'loading counts',
  'the scrape export',
  'the survey',
])('%s', (name) =>
  inFolder(async (folder) => {
    const program = Bun.spawn([process.execPath, PROGRAM, name, folder], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const stderr = await new Response(program.stderr).text()
    expect(await new Response(program.stdout).text()).toBe('')
    expect(stderr).toMatch(/^the process ends: an error under a lock, .*TypeError/)
    expect(await program.exited).toBe(1)
  }),
)
