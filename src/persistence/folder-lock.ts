// Decides which process uses the persistence folder: a lock on a file in it, taken before anything else is read
// there and held until the process ends, however that happens. Taken by persistence.ts. Owns the file's
// descriptor.
//
//  byte 0  the owner: the process whose state the folder holds
//  byte 1  the next owner: a process that is starting, or taking over and waiting for the owner to end
//
// Without the second byte a third process could become the owner between the end of one and the take-over by
// the next. The file is never removed, since that would take away a lock that others hold. Two programs can
// share a folder, so each has its own file.
import { closeSync, constants, fchownSync, fstatSync, openSync } from 'node:fs'
import { StartError } from '../config/cli.ts'
import { lockByte, unlockByte } from '../os/file-lock.ts'
import type { Identity } from '../os/privileges.ts'
import { PRIVATE_MODE } from './files.ts'
import type { Folder } from './folder.ts'

const OWNER = 0
const NEXT = 1

/** How often the next owner checks whether the owner has ended, which it does soon after it says so. */
const LOOK_MILLISECONDS = 20

// Opening a pipe would block the thread, and a link could lead to someone else's file.
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

export class FolderLock {
  private readonly file: number
  private owned = false
  private isNext = false

  /** `name`: of the file. Throws StartError if it cannot be opened. */
  constructor(folder: Folder, name: string) {
    try {
      this.file = openLockFile(folder.fileOf(name), folder.identity)
    } catch (error) {
      throw new StartError(
        `cannot write to the folder [persistence] path '${folder.name}': ` +
          `${(error as Error).message}. It must be writable by the user that the tracker runs as.`,
      )
    }
  }

  /** True once no other process uses the folder. */
  get isOwner(): boolean {
    return this.owned
  }

  /**
   * Tries to become the owner, or else the next owner, until the process ends. True if it is either. Throws
   * StartError if files cannot be locked there.
   */
  take(): boolean {
    if (this.owned) return true
    try {
      this.isNext ||= lockByte(this.file, NEXT)
      if (!this.isNext) return false
      this.owned ||= lockByte(this.file, OWNER)
    } catch (error) {
      throw new StartError(
        `the folder [persistence] path cannot be locked (${(error as Error).message}): write one on a ` +
          'local disk',
      )
    }
    if (this.owned) unlockByte(this.file, NEXT)
    return true
  }

  /** For the next owner: becomes the owner as soon as the current one has ended. */
  follow(): void {
    this.take()
    if (!this.owned) setTimeout(() => this.follow(), LOOK_MILLISECONDS)
  }
}

function openLockFile(path: string, identity: Identity | null): number {
  const file = openSync(path, FLAGS, PRIVATE_MODE)
  if (!fstatSync(file).isFile()) {
    closeSync(file)
    throw new Error(`${path} is not a regular file`)
  }
  if (identity !== null) fchownSync(file, identity.user, identity.group)
  return file
}
