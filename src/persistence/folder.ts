// The persistence folder: made if missing, found again once the root directory has changed.
// Opened by the main thread before it gives up rights. Owns nothing but the path.
//
// The folder lies below the new root directory. A descriptor of a folder outside, kept open, would do as
// well for us, and for somebody who has taken the process over: it leads out of the root directory.
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import type { Identity } from '../os/privileges.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

const FOLDER_MODE = 0o700

export class Folder {
  /** As the settings name it. */
  readonly name: string
  readonly identity: Identity | null
  private base: string
  private readonly baseInside: string

  /** `identity`: who the process will become, null when it stays who it is. */
  constructor(path: string, privileges: PrivilegeConfig, identity: Identity | null) {
    this.name = path
    this.identity = identity
    this.base = resolve(path)
    this.baseInside =
      identity === null ? this.base : (pathBelow(privileges.chroot_path, path) ?? this.base)
    try {
      if (statSync(this.base, { throwIfNoEntry: false })?.isDirectory() === true) return
      makeFolders(this.base, identity)
    } catch (error) {
      throw new StartError(
        `cannot make the folder [persistence] path '${path}': ${(error as Error).message}`,
      )
    }
  }

  /** Call it once the root directory has changed. */
  rootChanged(): void {
    this.base = this.baseInside
  }

  fileOf(name: string): string {
    return join(this.base, name)
  }
}

/** Those around it that are missing too, for the same user: else it would be closed to them. */
function makeFolders(path: string, identity: Identity | null): void {
  const first = mkdirSync(path, { recursive: true, mode: FOLDER_MODE }) ?? path
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    chmodSync(made, FOLDER_MODE)
    if (identity !== null) chownSync(made, identity.user, identity.group)
  }
}
