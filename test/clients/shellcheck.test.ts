// Runs shellcheck on every shell script of the repository, and on the completions for bash.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const scripts = [
  ...new Bun.Glob('{scripts,packaging,test,.ci}/**/*').scanSync({ cwd: ROOT, dot: true }),
]
  .filter((path) => !path.includes('node_modules') && !path.includes('python_modules'))
  .filter((path) => isShell(readFileSync(join(ROOT, path), 'latin1').slice(0, 100), path))
  .sort()

function isShell(head: string, path: string): boolean {
  return /^(#!.*\b(sh|bash)\n|# shellcheck shell=)/.test(head) || /completions\/bash\//.test(path)
}

test('the scripts are found', () => {
  expect(scripts).toContain('scripts/lib.sh')
  expect(scripts).toContain('.ci/run')
  expect(scripts).toContain('packaging/completions/bash/aquatic_udp')
  expect(scripts).toContain('packaging/container/make-root.sh')
})

test.each(scripts)('shellcheck has nothing to say about %s', (path) => {
  const shell = path.includes('completions/bash') ? ['--shell=bash'] : []
  const command = ['shellcheck', '--external-sources', ...shell, path]
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT })
  expect({ code: exitCode, said: stdout.toString() + stderr.toString() }).toEqual({
    code: 0,
    said: '',
  })
})
