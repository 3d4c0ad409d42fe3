// What --check says of the folders that a start would write to, for root, for another user, and below a
// new root directory. test/tracker/check.test.ts compares it with what the start says.
import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileFault, persistenceFault } from '../../src/persistence/folder-check.ts'
import { inFolder } from '../support/folder.ts'
import { KEEPS_RIGHTS } from './folders.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const NOBODY = { user: 65534, group: 65533 }

/** The reason alone, between the path and the remedy. */
function persistence(path: string, identity: typeof NOBODY | null = null, chroot?: string) {
  const privileges = chroot === undefined ? KEEPS_RIGHTS : { ...KEEPS_RIGHTS, chroot_path: chroot }
  const text = persistenceFault(path, privileges, identity)
  if (text === null) return null
  const front = `cannot write to the folder [persistence] path '${path}': `
  const remedy = '. It must be writable by the user that the tracker runs as'
  expect(text.startsWith(front) && text.endsWith(remedy)).toBe(true)
  return text.slice(front.length, -remedy.length)
}

function exported(path: string, identity: typeof NOBODY | null = null) {
  const text = fileFault('[scrape_export] path', path, KEEPS_RIGHTS, identity)
  if (text === null) return null
  const front = `[scrape_export] path '${path}' cannot be written: `
  expect(text.startsWith(front)).toBe(true)
  return text.slice(front.length)
}

test('a folder that is there, or can be made, is right', () =>
  inFolder((place) => {
    expect(persistence(place)).toBeNull()
    expect(persistence(join(place, 'a'))).toBeNull()
    expect(persistence(join(place, 'a/b/c'))).toBeNull()
  }))

test('a file, a folder below a file, and a link to nothing are told apart', () =>
  inFolder((place) => {
    const file = join(place, 'file')
    const link = join(place, 'link')
    writeFileSync(file, '')
    symlinkSync(join(place, 'nowhere'), link)
    expect(persistence(file)).toBe('it is not a folder')
    expect(persistence(join(file, 'below'))).toBe('it is not a folder')
    expect(persistence(join(link, 'below'))).not.toBe('it is not a folder')
    expect(persistence(link)).toBe(
      'it is a link to a folder that does not exist: create that folder, or delete the link',
    )
  }))

test.skipIf(!isRoot)(`another user must be able to write in it, and to reach it${needsRoot}`, () =>
  inFolder((place) => {
    const own = join(place, 'own')
    const open = join(place, 'open')
    const closed = join(place, 'closed')
    for (const path of [own, open, closed]) mkdirSync(path)
    chmodSync(own, 0o755)
    chmodSync(open, 0o777)
    chmodSync(closed, 0o700)
    expect(persistence(own)).toBeNull()
    expect(persistence(own, NOBODY)).toBe('the system says EACCES')
    expect(persistence(open, NOBODY)).toBeNull()
    // What the start makes is given to the user, who then has to get there.
    expect(persistence(join(own, 'a/b'), NOBODY)).toBeNull()
    expect(persistence(join(closed, 'a/b'))).toBeNull()
    expect(persistence(join(closed, 'a/b'), NOBODY)).toBe(
      `the user cannot enter '${closed}' (EACCES)`,
    )
  }),
)

test.skipIf(!isRoot)(`below a new root directory the ways to it do not count${needsRoot}`, () =>
  inFolder((place) => {
    const hidden = join(place, 'hidden')
    const jail = join(hidden, 'jail')
    const open = join(jail, 'open')
    const own = join(jail, 'own')
    for (const path of [hidden, jail, open, own]) mkdirSync(path)
    chmodSync(jail, 0o755)
    chmodSync(own, 0o755)
    chmodSync(open, 0o777)
    chmodSync(hidden, 0o700)
    expect(persistence(open, NOBODY)).toBe('the system says EACCES')
    expect(persistence(open, NOBODY, jail)).toBeNull()
    expect(persistence(own, NOBODY, jail)).toBe('the system says EACCES')
    expect(persistence(jail, NOBODY, jail)).toBe('the system says EACCES')
    expect(persistence(join(jail, 'new'), NOBODY, jail)).toBeNull()
    // Another root directory, in which the folder does not lie.
    expect(persistence(open, NOBODY, own)).toBe('the system says EACCES')
    expect(persistence(own, null, jail)).toBeNull()
  }),
)

test('an export wants a folder, and a name that no folder or device has', () =>
  inFolder((place) => {
    const file = join(place, 'file')
    writeFileSync(file, '')
    mkdirSync(join(place, 'folder'))
    expect(exported(join(place, 'new'))).toBeNull()
    expect(exported(file)).toBeNull()
    expect(exported(join(place, 'nowhere/new'))).toBe('its folder does not exist')
    expect(exported(join(place, 'folder'))).toContain('something other than a file')
    expect(exported('/dev/null')).toContain('something other than a file')
  }))

test.skipIf(!isRoot)(`an export is written as the user that the tracker runs as${needsRoot}`, () =>
  inFolder((place) => {
    expect(exported(join(place, 'new'))).toBeNull()
    expect(exported(join(place, 'new'), NOBODY)).toBe('the system says EACCES')
    chmodSync(place, 0o777)
    expect(exported(join(place, 'new'), NOBODY)).toBeNull()
  }),
)
