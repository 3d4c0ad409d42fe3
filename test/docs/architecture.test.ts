// The tree in docs/architecture.md is the real one.
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
const rows = [...text.matchAll(/^\| (`src\/[a-z-]+\/`.*?) \| (.*) \|$/gm)]

/** Files as «name», those of a room as «room/name». */
function filesOf(folder: string): string[] {
  return (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''))
}

/** The files that a row names: those behind a room's name are in it. */
function filesNamed(holds: string): string[] {
  let room = ''
  return [...holds.matchAll(/`([a-z0-9-]+)(\/?)`/g)].flatMap(([, name, slash]) => {
    if (slash === '') return [`${room}${name}`]
    room = `${name}/`
    return []
  })
}

test('every folder of src has its row', () => {
  const named = rows.flatMap(([, folders]) => [...folders.matchAll(/src\/([a-z-]+)/g)])
  expect(named.map(([, folder]) => folder).sort()).toEqual(readdirSync(join(ROOT, 'src')).sort())
})

test.each(['src/udp', 'src/ws', 'src/http', 'src/tracker', 'src/swarm'])(
  'every file of %s is named in its room',
  (folder) => {
    const [, , holds] = rows.find(([, name]) => name === `\`${folder}/\``) ?? []
    expect(filesNamed(holds ?? '').sort()).toEqual(filesOf(folder).sort())
  },
)

test('every file that is named with its folder exists', () => {
  const paths = [...text.matchAll(/`(?:src\/)?([a-z-]+(?:\/[a-z-]+)+)(\.test)?(?:\.ts)?`/g)]
  const missing = paths
    .map(([, path, isTest = '']) => [`src/${path}.ts`, `${path}${isTest}.ts`, path])
    .filter((places) => !places.some((place) => existsSync(join(ROOT, place))))
  expect(paths.length).toBeGreaterThan(5)
  expect(missing).toEqual([])
})
