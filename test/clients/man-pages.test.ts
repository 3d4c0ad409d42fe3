// The manual pages as their readers see them: man-db's man, and mandoc as a judge.
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dir, '../../packaging/man')
const pages = readdirSync(FOLDER)

function run(command: string[]): { code: number; output: string; errors: string } {
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', MANWIDTH: '80', MANPAGER: 'cat' }
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env })
  return { code: exitCode, output: stdout.toString(), errors: stderr.toString() }
}

test.each(pages)('mandoc finds nothing to warn of in %s', (page) => {
  expect(run(['mandoc', '-T', 'lint', '-W', 'warning', join(FOLDER, page)])).toEqual({
    code: 0,
    output: '',
    errors: '',
  })
})

test.each(pages)('man shows %s without a warning', (page) => {
  const { code, output, errors } = run(['man', '--warnings', '-l', join(FOLDER, page)])
  expect({ code, errors }).toEqual({ code: 0, errors: '' })
  expect(output).toContain('NAME')
  // Flags can be copied from the page: their hyphens are those of the keyboard.
  if (page.endsWith('.1')) expect(output).toContain('--config-file PATH')
})
