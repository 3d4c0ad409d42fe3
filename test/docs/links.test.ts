// Every link of the documents leads to a file, and to a heading of it; every heading that a source names is one.
import { expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { anchorsOf, linksOf } from '../support/markdown.ts'

const ROOT = join(import.meta.dir, '../..')
const FOLDERS = ['bin', 'doctor', 'load', 'packaging', 'scripts', 'src', 'testing']
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

const documents = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...(readdirSync(join(ROOT, 'docs'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

test.each(documents)('%s: every link leads somewhere', (path) => {
  const wrong = linksOf(read(path)).filter(({ file, anchor }) => {
    const target = file === '' ? path : normalize(join(dirname(path), file))
    if (!existsSync(join(ROOT, target))) return true
    return anchor !== '' && !anchorsOf(read(target)).includes(anchor)
  })
  expect(wrong).toEqual([])
})

/** What the npm package does not hold: test/scripts/npm-package.test.ts tells the same, but takes a minute. */
const NOT_PACKED = /^(test|bench|examples|\.[a-z]+)\//

test.each(documents)('%s: no link leads out of the npm package', (path) => {
  const targets = linksOf(read(path)).map(({ file }) => normalize(join(dirname(path), file)))
  expect(targets.filter((target) => NOT_PACKED.test(target))).toEqual([])
})

test('every heading that a source or a packaged file names is one of that document', () => {
  const files = FOLDERS.flatMap((folder) =>
    (readdirSync(join(ROOT, folder), { recursive: true }) as string[]).map(
      (file) => `${folder}/${file}`,
    ),
  )
  const named = files
    .filter((file) => /\.(ts|sh|service|conf|yml|[15])$|Containerfile$/.test(file))
    .flatMap((file) => {
      // Sentences may go over lines of comments and of joined strings.
      const text = read(file).replace(/(?:['"`] \+)?\n[\s#/*]*['"`]?/g, ' ')
      return [...text.matchAll(/docs\/([a-z-]+\.md), ["«]([^"»]+)["»]/g)].map(
        ([, document, heading]) => ({ file, document, heading: heading.replace(/\s+/g, ' ') }),
      )
    })
  expect(named.length).toBeGreaterThan(10)
  const wrong = named.filter(
    ({ document, heading }) => !new RegExp(`^#+ ${heading}$`, 'm').test(read(`docs/${document}`)),
  )
  expect(wrong).toEqual([])
})
