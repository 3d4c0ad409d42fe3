import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Folder } from '../../src/persistence/folder.ts'
import { inFolder } from '../support/folder.ts'
import { KEEPS_RIGHTS } from './folders.ts'

const isRoot = process.getuid?.() === 0
const NOBODY = { user: 65534, group: 65533 }

test('a folder that is missing is made, for its user only', () =>
  inFolder((place) => {
    const path = join(place, 'a/b')
    const folder = new Folder(path, KEEPS_RIGHTS, null)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(path).uid).toBe(process.getuid?.() ?? 0)
    expect(folder.fileOf('x')).toBe(join(path, 'x'))
  }))

test('one that is there stays as it is', () =>
  inFolder((place) => {
    const path = join(place, 'a')
    mkdirSync(path)
    chmodSync(path, 0o755)
    new Folder(path, KEEPS_RIGHTS, isRoot ? NOBODY : null)
    expect(statSync(path).mode & 0o777).toBe(0o755)
    expect(statSync(path).uid).toBe(process.getuid?.() ?? 0)
  }))

test('a file in its place is a reason not to start', () =>
  inFolder((place) => {
    writeFileSync(join(place, 'a'), '')
    for (const path of ['a', 'a/b']) {
      expect(() => new Folder(join(place, path), KEEPS_RIGHTS, null)).toThrow(
        /^cannot create the folder \[persistence\] path '.*': /,
      )
    }
  }))

test.skipIf(!isRoot)(
  'it is made for whom the process will become, and found below the new root',
  () =>
    inFolder((place) => {
      const path = join(place, 'a')
      const privileges = { ...KEEPS_RIGHTS, drop_privileges: true, chroot_path: place }
      const folder = new Folder(path, privileges, NOBODY)
      expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65533 })
      expect(folder.fileOf('x')).toBe(join(path, 'x'))
      folder.rootChanged()
      expect(folder.fileOf('x')).toBe('/a/x')
    }),
)

test.skipIf(!isRoot)('folders around it are made for the same user, and none that was there', () =>
  inFolder((place) => {
    mkdirSync(join(place, 'there'))
    const privileges = { ...KEEPS_RIGHTS, drop_privileges: true, chroot_path: place }
    new Folder(join(place, 'there/a/b'), privileges, NOBODY)
    const owners = ['there', 'there/a', 'there/a/b'].map((name) => statSync(join(place, name)).uid)
    expect(owners).toEqual([0, 65534, 65534])
  }),
)
