import { expect, test } from 'bun:test'
import {
  closeSpares,
  descriptorsLeft,
  OpenDescriptors,
  openSpares,
} from '../../src/os/descriptors.ts'

const LIMIT = 64

/** What this file's other half prints under a limit of so many. */
function printed(script: string): string {
  const command = [
    'sh',
    '-c',
    `ulimit -n ${LIMIT}; exec "$@"`,
    'sh',
    process.execPath,
    '-e',
    script,
  ]
  const { stdout, stderr } = Bun.spawnSync(command, { cwd: import.meta.dir })
  expect(stderr.toString()).toBe('')
  return stdout.toString().trim()
}

test('open descriptors are counted, with and without /proc', () => {
  const limit = 5000
  const both = [new OpenDescriptors(limit), new OpenDescriptors(limit, null)]
  const before = both.map((descriptors) => descriptors.count())
  expect(before[0]).toBe(before[1])
  const spares = openSpares(2000)
  expect(both.map((descriptors) => descriptors.count())).toEqual(
    before.map((count) => count + 2000),
  )
  closeSpares(spares)
  expect(both.map((descriptors) => descriptors.count())).toEqual(before)
})

test('as many are left as the limit says, and asking takes none', () => {
  const script = `
    const { descriptorsLeft, OpenDescriptors, openSpares } = await import('../../src/os/descriptors.ts')
    const open = new OpenDescriptors(${LIMIT})
    const left = ${LIMIT} - open.count()
    console.log(descriptorsLeft(left), descriptorsLeft(left + 1), descriptorsLeft(left), open.count() + left)
    console.log(openSpares(1000).length === left, descriptorsLeft(1), open.count())
    console.log(new OpenDescriptors(${LIMIT}, null).count())
  `
  expect(printed(script)).toBe(`true false true ${LIMIT}\ntrue false ${LIMIT}\n${LIMIT}`)
})

test('none is always left', () => expect(descriptorsLeft(0)).toBe(true))
