// Gives up the rights of root: root directory, groups, user. Called by main once the sockets are
// open and the workers run. libc's calls, unlike raw system calls, change all threads at once.

import { SystemError } from './error.ts'
import { addressOf, cString, errno, libc, readWord } from './ffi.ts'
import { EPERM } from './kernel.ts'

export interface Identity {
  readonly user: number
  readonly group: number
}

// struct passwd: 0 name │ 8 password │ 16 uid │ 20 gid. struct group: 0 name │ 8 password │ 16 gid
const PASSWD_UID = 16
const PASSWD_GID = 20
const GROUP_GID = 16

/** Looks a user and a group up by name ('' = the user's own); null when one does not exist. */
export function lookUpIdentity(userName: string, groupName: string): Identity | null {
  const user = cString(userName)
  const passwd = Number(libc.getpwnam(addressOf(user) as never) ?? 0)
  if (passwd === 0) return null
  const identity = { user: readWord(passwd, PASSWD_UID), group: readWord(passwd, PASSWD_GID) }
  if (groupName === '') return identity
  const group = lookUpGroup(groupName)
  return group === null ? null : { user: identity.user, group }
}

/** Null when it does not exist. */
export function lookUpGroup(name: string): number | null {
  const group = cString(name)
  const entry = Number(libc.getgrnam(addressOf(group) as never) ?? 0)
  return entry === 0 ? null : readWord(entry, GROUP_GID)
}

/** Only the whole of root's rights can be given up for good: single capabilities would stay. */
export function isRoot(): boolean {
  return libc.geteuid() === 0
}

/** Changes the root directory, drops all supplementary groups, becomes group and user. Throws SystemError. */
export function dropPrivileges(rootPath: string, identity: Identity): void {
  const path = cString(rootPath)
  const slash = cString('/')
  check('chroot', libc.chroot(addressOf(path) as never))
  check('chdir', libc.chdir(addressOf(slash) as never))
  check('setgroups', libc.setgroups(0 as never, null as never))
  check('setgid', libc.setgid(identity.group))
  check('setuid', libc.setuid(identity.user))
  // A kernel that lets us back would make all of this a pretence.
  if (libc.setuid(0) === 0) throw new SystemError('setuid: root rights came back', EPERM)
}

function check(call: string, result: number): void {
  if (result < 0) throw new SystemError(call, errno())
}
