// The tree in docs/architecture.md is the real one.
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
/** Of a folder, or of one of its rooms. */
const rows = [...text.matchAll(/^\| `(src\/[a-z-]+\/)([a-z-]*)\/?` \| (.*) \|$/gm)].map(
  ([row, folder, room, holds]) => ({ row, folder, room, holds }),
)

/** Longer ones are where everybody's changes meet, and nobody reads them. */
const ROW_CHARACTERS_MAX = 260

/** Files as «name», those of a room as «room/name». */
function filesOf(folder: string): string[] {
  return (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''))
}

/** The same of those that rows name. */
function filesNamed(folder: string): string[] {
  return rows
    .filter((row) => row.folder === folder)
    .flatMap(({ room, holds }) =>
      [...holds.matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => join(room, name)),
    )
}

test('every folder of src has one row in the first table', () => {
  const [table] = /^\| folder \|(?:.*\n\|)+/m.exec(text) ?? ['']
  const named = [...table.matchAll(/^\| `src\/([a-z-]+)\/` /gm)].map(([, folder]) => folder)
  expect(named.sort()).toEqual(readdirSync(join(ROOT, 'src')).sort())
})

test.each([
  'src/aquatic/',
  'src/udp/',
  'src/ws/',
  'src/http/',
  'src/tracker/',
  'src/requests/',
  'src/source-limits/',
  'src/access-keys/',
  'src/swarm/',
  'src/tcp/',
])('every file of %s is named in its room', (folder) => {
  expect(filesNamed(folder).sort()).toEqual(filesOf(folder).sort())
})

test('rows are short', () => {
  expect(rows.filter(({ row }) => row.length > ROW_CHARACTERS_MAX)).toEqual([])
})

test('every file that is named with its folder exists', () => {
  const paths = [...text.matchAll(/`(?:src\/)?([a-z-]+(?:\/[a-z-]+)+)(\.test)?(?:\.ts)?`/g)]
  const missing = paths
    .map(([, path, isTest = '']) => [`src/${path}.ts`, `${path}${isTest}.ts`, path])
    .filter((places) => !places.some((place) => existsSync(join(ROOT, place))))
  expect(paths.length).toBeGreaterThan(5)
  expect(missing).toEqual([])
})
