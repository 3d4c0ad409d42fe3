// docs/doctor.md has every finding that there can be, and no other.
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** As the sources have them: `const name = '…'`, or `name: '…'` in a finding. */
function namesInSources(): string[] {
  const folder = 'doctor/host/checks'
  const files = [
    ...readdirSync(join(ROOT, folder)).map((file) => `${folder}/${file}`),
    'doctor/host/host.ts',
  ]
  const names = files.flatMap((path) =>
    [...read(path).matchAll(/\bname(?: =|:) '([a-z0-9_]+)'|unknown\('([a-z_]+)'/g)].map(
      ([, a, b]) => a ?? b,
    ),
  )
  return [...new Set(names)].filter((name) => name !== 'nf_conntrack').sort()
}

function namesInDocs(): string[] {
  const [table] = read('docs/doctor.md').split('## What it looks at')[1].split(/^## /m)
  const cells = [...table.matchAll(/^\| ([^|]*) \|/gm)].map(([, cell]) =>
    cell.replace(/\(.*?\)/g, ''),
  )
  return [
    ...new Set(
      cells.flatMap((cell) => [...cell.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name)),
    ),
  ].sort()
}

test('every finding is documented, and nothing else is', () => {
  expect(namesInSources().length).toBeGreaterThan(30)
  expect(namesInDocs()).toEqual(namesInSources())
})
