import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bin, man } from '../../package.json'
import { generatedFiles } from '../../scripts/generate-docs.ts'

const ROOT = join(import.meta.dir, '../..')
const files = generatedFiles()

test.each([...files])('%s is what scripts/generate-docs.ts writes', (path, text) => {
  const written = readFileSync(join(ROOT, path), 'utf8')
  expect(written === text, `${path} is stale: run scripts/generate-docs.ts`).toBe(true)
})

test('every executable has its pages and completions', () => {
  for (const file of readdirSync(join(ROOT, 'bin'))) {
    const name = basename(file, '.ts')
    const missing = `add ${name} to PROGRAMS in scripts/generate-docs.ts`
    expect(files.has(`packaging/man/${name}.1`), missing).toBe(true)
  }
})

test('the npm package has every executable as a command, and every page', () => {
  const names = readdirSync(join(ROOT, 'bin')).map((file) => basename(file, '.ts'))
  const scripts = names.map((name) => [name, `scripts/launch-${name.replaceAll('_', '-')}.sh`])
  expect(bin).toEqual(Object.fromEntries(scripts))
  for (const [name, script] of scripts) {
    expect(readFileSync(join(ROOT, script), 'utf8')).toContain(`\nlaunch ${name} "$@"\n`)
  }
  expect(man).toEqual([...files.keys()].filter((path) => path.startsWith('packaging/man/')).sort())
})

test.each(['man', 'completions/bash', 'completions/zsh', 'completions/fish'])(
  'packaging/%s holds nothing of an executable that is gone',
  (folder) => {
    const path = `packaging/${folder}`
    const there = readdirSync(join(ROOT, path)).map((file) => `${path}/${file}`)
    expect(there.filter((file) => !files.has(file))).toEqual([])
  },
)
