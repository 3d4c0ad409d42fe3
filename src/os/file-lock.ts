// Locks on single bytes of an open file, which other processes see. Called by persistence/. Owns nothing.
//
// They belong to the open file, not to the process (fcntl's «open file description locks»): the system
// releases them when the file is closed, at the latest when the process ends, however it ends.
import { SystemError } from './error.ts'
import { addressOf, errno, libc, nativeWords } from './ffi.ts'
import { EACCES, EAGAIN, F_OFD_SETLK, F_UNLCK, F_WRLCK } from './kernel.ts'

//  struct flock: 0:2 type │ 2:2 where `start` counts from, 0 = the beginning │ 8:8 start │ 16:8 length │ 24:4 0
const FLOCK_WORDS = 8

/** Locks a byte of a file that is open for writing, without waiting; false when another has it. Throws SystemError. */
export function lockByte(fd: number, at: number): boolean {
  return set(fd, at, F_WRLCK)
}

export function unlockByte(fd: number, at: number): void {
  set(fd, at, F_UNLCK)
}

function set(fd: number, at: number, type: number): boolean {
  const flock = nativeWords(FLOCK_WORDS)
  flock[0] = type
  flock[2] = at
  flock[4] = 1
  if (libc.fcntl(fd, F_OFD_SETLK, addressOf(flock) as never) === 0) return true
  const error = errno()
  if (error === EAGAIN || error === EACCES) return false
  throw new SystemError('fcntl', error)
}
