// The persistence folder: created if missing, found again once the root directory has changed. Opened by the
// main thread before it gives up its rights.
//
// The folder must be below the new root directory. An open descriptor of a folder outside would serve us as
// well, but also an attacker who has taken over the process: it leads out of the root directory.
import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { StartError } from '../config/cli.ts'
import type { Identity } from '../os/privileges.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

const FOLDER_MODE = 0o700

export class Folder {
  /** As written in the settings. */
  readonly name: string
  readonly identity: Identity | null
  private base: string
  private readonly baseInside: string

  /** `identity`: the user the process will become; null if it keeps its own. */
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
        `cannot create the folder [persistence] path '${path}': ${(error as Error).message}`,
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

/** Missing parents are created for the same user, who could not reach the folder otherwise. */
function makeFolders(path: string, identity: Identity | null): void {
  const first = mkdirSync(path, { recursive: true, mode: FOLDER_MODE }) ?? path
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    chmodSync(made, FOLDER_MODE)
    if (identity !== null) chownSync(made, identity.user, identity.group)
  }
}
