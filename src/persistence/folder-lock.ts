// Who uses the persistence folder: a lock on a file in it, taken before anything else is read there and held
// until the process has ended, however that happens. Taken by persistence.ts. Owns the file's descriptor.
//
//  byte 0  the owner: whose state the folder holds
//  byte 1  the next one: a process that starts, or takes over and waits for the owner's end
//
// Without the second byte a third process could become the owner in the moment between the end of one and
// the take-over by the next. The file stays where it is: who removed it would take away a lock that others
// hold. Two programs may share a folder, so each has a file of its own.
import { closeSync, constants, fchownSync, fstatSync, openSync } from 'node:fs'
import { StartError } from '../config/cli.ts'
import { lockByte, unlockByte } from '../os/file-lock.ts'
import type { Identity } from '../os/privileges.ts'
import { PRIVATE_MODE } from './files.ts'
import type { Folder } from './folder.ts'

const OWNER = 0
const NEXT = 1

/** How often the next one looks whether the owner has ended: soon after it said so. */
const LOOK_MILLISECONDS = 20

// A pipe would hold the thread, and a link would lead to somebody else's file.
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

export class FolderLock {
  private readonly file: number
  private owned = false
  private isNext = false

  /** `name`: of the file. Throws StartError when the folder cannot be locked at all. */
  constructor(folder: Folder, name: string) {
    try {
      this.file = openLockFile(folder.fileOf(name), folder.identity)
    } catch (error) {
      throw new StartError(
        `cannot write to the folder [persistence] path '${folder.name}': ` +
          `${(error as Error).message}. It must be writable for the user that the tracker runs as.`,
      )
    }
  }

  /** True once nobody else uses the folder. */
  get isOwner(): boolean {
    return this.owned
  }

  /**
   * Tries to become the owner, or else the next one. True when it is one of them. Who is keeps it until
   * the process ends. Throws StartError where files cannot be locked.
   */
  take(): boolean {
    if (this.owned) return true
    try {
      this.isNext ||= lockByte(this.file, NEXT)
      if (!this.isNext) return false
      this.owned ||= lockByte(this.file, OWNER)
    } catch (error) {
      throw new StartError(
        `the folder of [persistence] path cannot be locked (${(error as Error).message}): write one on a ` +
          'disk of this machine',
      )
    }
    if (this.owned) unlockByte(this.file, NEXT)
    return true
  }

  /** For the next one: becomes the owner as soon as the one before has ended. */
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
