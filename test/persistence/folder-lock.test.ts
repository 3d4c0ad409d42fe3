import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { Folder } from '../../src/persistence/folder.ts'
import { FolderLock } from '../../src/persistence/folder-lock.ts'
import { inFolder, linkOf } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'
import { KEEPS_RIGHTS, whileHeld } from './folders.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const NAME = 'program.lock'
const lockOf = (path: string, name = NAME) =>
  new FolderLock(new Folder(path, KEEPS_RIGHTS, null), name)

test('the first is the owner, the second the next one, a third neither, as often as they ask', () =>
  inFolder((folder) => {
    const locks = [lockOf(folder), lockOf(folder), lockOf(folder)]
    for (let round = 0; round < 3; round++) {
      expect(locks.map((lock) => lock.take())).toEqual([true, true, false])
      expect(locks.map((lock) => lock.isOwner)).toEqual([true, false, false])
    }
  }))

test('two programs may share a folder', () =>
  inFolder((folder) => {
    for (const name of ['one.lock', 'other.lock']) {
      const lock = lockOf(folder, name)
      lock.take()
      expect(lock.isOwner).toBe(true)
    }
    expect(readdirSync(folder).sort()).toEqual(['one.lock', 'other.lock'])
    expect(statSync(join(folder, 'one.lock')).mode & 0o777).toBe(0o600)
  }))

test('kill -9 of the owner makes the next one the owner, and another one the next', () =>
  inFolder((folder) =>
    whileHeld(folder, NAME, async (kill) => {
      const [next, third] = [lockOf(folder), lockOf(folder)]
      next.take()
      next.follow()
      third.take()
      expect([next.isOwner, third.take()]).toEqual([false, false])
      await kill()
      // Whoever asks in between: the place is the next one's.
      await waitUntil('the next one owns it', () => {
        third.take()
        return next.isOwner
      })
      expect([third.take(), third.isOwner]).toEqual([true, false])
    }),
  ))

test('the descriptor does not go to processes that are started', () =>
  inFolder((folder) => {
    lockOf(folder).take()
    const fds = readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === join(folder, NAME))
    expect(fds).toHaveLength(1)
    const [, flags] =
      readFileSync(`/proc/self/fdinfo/${fds[0]}`, 'utf8').match(/flags:\s+(\d+)/) ?? []
    const O_CLOEXEC = 0o2000000
    expect(Number.parseInt(flags, 8) & O_CLOEXEC).toBe(O_CLOEXEC)
  }))

test.each<[string, (path: string) => unknown]>([
  ['a pipe', (path) => spawnSync('mkfifo', [path])],
  ['a folder', (path) => mkdirSync(path)],
  ['a link', (path) => symlinkSync('elsewhere', path)],
])('%s in its place is a reason not to start', (_, make) =>
  inFolder((folder) => {
    make(join(folder, NAME))
    expect(() => lockOf(folder)).toThrow(
      /^cannot write to the folder \[persistence\] path '.*': .*\. It must be writable by the user/,
    )
    expect(readdirSync(folder)).toEqual([NAME])
  }),
)

test.skipIf(!isRoot)('it belongs to whom the process will become', () =>
  inFolder((folder) => {
    const identity = { user: 65534, group: 65533 }
    const lock = new FolderLock(new Folder(folder, KEEPS_RIGHTS, identity), NAME)
    expect(lock.take()).toBe(true)
    expect(statSync(join(folder, NAME))).toMatchObject({ uid: 65534, gid: 65533 })
  }),
)
