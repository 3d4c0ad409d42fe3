// Who a tracker will become, and what is reported when that is impossible. The change itself is tested in
// test/os and test/udp.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { StartError } from '../../src/config/cli.ts'
import {
  checkPrivileges,
  identityFor,
  pathBelow,
  privilegeFindings,
} from '../../src/process/privileges.ts'
import { inFolder } from '../support/folder.ts'

const isRoot = process.getuid?.() === 0
const GOOD = { drop_privileges: true, chroot_path: '/', user: 'nobody', group: '' }
const NEEDS_ROOT = 'that needs a start as root (EPERM)'

const WRONG: [string, object, string][] = [
  ['a user', { user: 'no such user' }, "user 'no such user' does not exist on this machine"],
  ['a group', { group: 'no such group' }, "user 'nobody' or group 'no such group' does not exist"],
  ['root', { user: 'root' }, "user 'root' is root itself"],
  ['a folder', { chroot_path: '/nowhere/at/all' }, "chroot_path '/nowhere/at/all' does not exist"],
  ['no folder', { chroot_path: '/dev/null' }, "chroot_path '/dev/null' is not a folder"],
  ['a path', { chroot_path: '/dev/null/below' }, "'/dev/null/below' cannot be used (ENOTDIR)"],
]

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(StartError)
    return (error as Error).message
  }
  return ''
}

describe('settings of privileges', () => {
  test.each(WRONG)(
    'with %s that cannot be stop the start, and --check tells',
    (_, change, words) => {
      const settings = { ...GOOD, ...change }
      expect(messageOf(() => identityFor(settings))).toContain(words)
      expect(checkPrivileges(settings).problems).toHaveLength(1)
      expect(checkPrivileges(settings).problems[0]).toContain(words)
    },
  )

  test('that are not in force are not looked at', () => {
    for (const [, change] of WRONG) {
      const settings = { ...GOOD, ...change, drop_privileges: false }
      expect(identityFor(settings)).toBeNull()
      expect(checkPrivileges(settings)).toEqual({ identity: null, problems: [], warnings: [] })
      expect(privilegeFindings({ ...settings, user: '', chroot_path: '' })).toEqual([])
    }
  })

  test('that are empty are reported by name, and by nothing else', () => {
    for (const key of ['user', 'chroot_path'] as const) {
      const settings = { ...GOOD, [key]: '' }
      expect(privilegeFindings(settings)).toHaveLength(1)
      expect(JSON.stringify(privilegeFindings(settings))).toContain(`privileges.${key}`)
      expect(checkPrivileges(settings)).toEqual({ identity: null, problems: [], warnings: [] })
    }
    expect(privilegeFindings(GOOD)).toEqual([])
  })

  test('that are valid name a user, who needs a start as root', () => {
    const { identity, problems, warnings } = checkPrivileges(GOOD)
    expect(identity?.user).toBeGreaterThan(0)
    expect(problems).toEqual([])
    if (isRoot) {
      expect(warnings).toEqual([])
      expect(identityFor(GOOD)).toEqual(identity)
    } else {
      expect(warnings[0]).toContain(NEEDS_ROOT)
      expect(messageOf(() => identityFor(GOOD))).toContain(NEEDS_ROOT)
    }
  })
})

test('a root directory that is gone by then ends the start in one line', async () => {
  // In a process of its own, because it may get anywhere.
  const module = join(import.meta.dir, '../../src/process/privileges.ts')
  const script =
    `const { giveUpRights } = await import(${JSON.stringify(module)})\n` +
    "const settings = { drop_privileges: true, chroot_path: '/nowhere/at/all', user: 'nobody', group: '' }\n" +
    'giveUpRights(settings, null)\n' +
    'try { giveUpRights(settings, { user: 65534, group: 65534 }) }\n' +
    'catch (error) { console.log(error.constructor.name, error.message) }\n'
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'pipe' })
  const text = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  expect(text).toStartWith(
    "StartError cannot drop privileges ([privileges] chroot_path '/nowhere/at/all', user 'nobody'): chroot: ",
  )
  expect(text).toContain(isRoot ? 'ENOENT' : 'as root, with all of its rights')
})

test('a path is called otherwise inside a root directory, or is outside', () =>
  inFolder((folder) => {
    expect(pathBelow(folder, join(folder, 'a/b'))).toBe('/a/b')
    expect(pathBelow(`${folder}/`, join(folder, '..a'))).toBe('/..a')
    expect(pathBelow(folder, folder)).toBe('/')
    expect(pathBelow(folder, `${folder}/../other`)).toBeNull()
    expect(pathBelow(folder, join(folder, '..'))).toBeNull()
    expect(pathBelow('/', '/etc/x')).toBe('/etc/x')
  }))
