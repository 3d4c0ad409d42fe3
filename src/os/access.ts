// What another user could do with a file or folder, asked of the system as that user, so that groups,
// access control lists and read-only file systems count. Used by --check.
import { constants } from 'node:fs'
import { SystemError } from './error.ts'
import { addressOf, cString, errno, libc } from './ffi.ts'
import { AT_EACCESS, AT_FDCWD } from './kernel.ts'
import { type Identity, isRoot } from './privileges.ts'

/** To write to a folder, and to reach what is in it. */
export const WRITE_IN = constants.W_OK | constants.X_OK

/**
 * Null when `identity` has that access, else the error. `identity` null: this process as it is.
 * `folder`: a descriptor of the folder that a relative path starts from; the folders above it do not matter.
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

/** For file-system calls of this thread alone, which then loses root's capabilities for them too. */
function become(group: number, user: number): void {
  libc.setfsgid(group)
  libc.setfsuid(user)
}
