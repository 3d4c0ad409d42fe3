// What another user could do with a file or folder, asked of the system as that user, so that groups,
// access control lists and read-only file systems count. Used by --check. Owns nothing.
import { constants } from 'node:fs'
import { SystemError } from './error.ts'
import { addressOf, cString, errno, libc } from './ffi.ts'
import { AT_EACCESS, AT_FDCWD } from './kernel.ts'
import { type Identity, isRoot } from './privileges.ts'

/** The path is as it is given. */
/** With the rights that calls on files have, not with those of who started the process. */

/** To write to a folder, and to reach what is in it. */
export const WRITE_IN = constants.W_OK | constants.X_OK

/**
 * Null when `identity` may access the path so, else the error. Null for `identity`: this process as it is.
 * `folder`: a descriptor of the folder at which a relative path begins; the ways to it do not count.
 */
export function accessFault(
  path: string,
  mode: number,
  identity: Identity | null,
  folder = AT_FDCWD,
): SystemError | null {
  const other = identity !== null && isRoot() ? identity : null
  if (other !== null) become(other.group, other.user)
  try {
    const name = cString(path)
    const result = libc.faccessat(folder, addressOf(name) as never, mode, AT_EACCESS)
    return result === 0 ? null : new SystemError('access', errno())
  } finally {
    if (other !== null) become(0, 0)
  }
}

/** For calls on files, in this thread alone. Being root no more for them, it also loses root's capabilities. */
function become(group: number, user: number): void {
  libc.setfsgid(group)
  libc.setfsuid(user)
}
