// What startup would find wrong with the folders it writes to, for --check: nothing is created or written.
// Called by tracker/check.ts.
import { closeSync, constants, lstatSync, openSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { accessFault, WRITE_IN } from '../os/access.ts'
import type { SystemError } from '../os/error.ts'
import type { Identity } from '../os/privileges.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'
import { expectFile } from './files.ts'

/** Why the user the process becomes could not write to the folder of [persistence]; null if they can. */
export function persistenceFault(
  path: string,
  privileges: PrivilegeConfig,
  identity: Identity | null,
): string | null {
  const why = folderFault(resolve(path), privileges, identity)
  if (why === null) return null
  return (
    `cannot write to the folder [persistence] path '${path}': ${why}. It must be writable by the ` +
    'user that the tracker runs as'
  )
}

/** Why the file at `path`, the value of `setting`, could not be replaced; null if it can. */
export function fileFault(
  setting: string,
  path: string,
  privileges: PrivilegeConfig,
  identity: Identity | null,
): string | null {
  const folder = dirname(resolve(path))
  const why = kindOf(folder) === 'none' ? 'its folder does not exist' : null
  const fault = why ?? writeFault(folder, privileges, identity) ?? takenFault(resolve(path))
  return fault === null ? null : `${setting} '${path}' cannot be written: ${fault}`
}

function folderFault(
  folder: string,
  privileges: PrivilegeConfig,
  identity: Identity | null,
): string | null {
  const kind = kindOf(folder)
  if (kind === 'file') return 'it is not a folder'
  if (kind === 'folder') return writeFault(folder, privileges, identity)
  if (kind === 'link')
    return 'it is a link to a folder that does not exist: create that folder, or delete the link'
  // Startup creates it and missing parents with its original rights, then gives them to the other user.
  let parent = dirname(folder)
  while (kindOf(parent) === 'none') parent = dirname(parent)
  if (kindOf(parent) === 'file') return `'${parent}' is not a folder`
  const fault = accessFault(parent, WRITE_IN, null)
  if (fault !== null) return `it cannot be created in '${parent}' (${fault.code})`
  const reach = asOther(parent, constants.X_OK, privileges, identity)
  return reach === null ? null : `the user cannot enter '${parent}' (${reach.code})`
}

function writeFault(
  folder: string,
  privileges: PrivilegeConfig,
  identity: Identity | null,
): string | null {
  const fault = asOther(folder, WRITE_IN, privileges, identity)
  return fault === null ? null : `the system says ${fault.code}`
}

/** Runs as the process will: `identity`, for whom the folders above the new root directory do not matter. */
function asOther(
  path: string,
  mode: number,
  { chroot_path }: PrivilegeConfig,
  identity: Identity | null,
): SystemError | null {
  const isBelow = identity !== null && pathBelow(chroot_path, path) !== null
  if (!isBelow) return accessFault(path, mode, identity)
  const root = openSync(chroot_path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return accessFault(relative(resolve(chroot_path), path) || '.', mode, identity, root)
  } finally {
    closeSync(root)
  }
}

/** Why the export file cannot have this name. */
function takenFault(path: string): string | null {
  try {
    expectFile(path)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function kindOf(path: string): 'none' | 'folder' | 'file' | 'link' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR') return 'file'
    if (code !== 'ENOENT') return 'folder'
    return lstatSync(path, { throwIfNoEntry: false }) === undefined ? 'none' : 'link'
  }
}
