// Opens and reads the files that settings name: lists, certificates, keys, settings, what persistence has
// written. Used wherever a program reads such a file.
//
// A name can lead to anything. A pipe would block the thread for ever, in open or read, and
// a device has no end. So files are opened without waiting, and only regular files are read.
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'

const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/** The remedy when the system says EACCES. */
export const MAY_NOT_READ = 'this user may not read the file; change its owner, group or mode'

/** A file that cannot be used: the message says why, and follows «cannot be read: ». */
export class FileFault extends Error {
  override name = 'FileFault'
  /** The system's, such as ENOENT, or one of ours: NOT_REGULAR, TOO_LARGE. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Opens a regular file for reading; the caller closes it. Throws FileFault. */
export function openRegularFile(path: string): number {
  const { file, stats } = openWithoutWaiting(path)
  if (stats.isFile()) return file
  closeSync(file)
  throw new FileFault('NOT_REGULAR', `it is ${kindOf(stats)}, and only regular files are read`)
}

/** Reads from `position` of an open file to `at` of `into`; returns how much. Throws FileFault. */
export function readOpened(
  file: number,
  into: Uint8Array,
  at: number,
  bytes: number,
  position: number,
): number {
  try {
    return readSync(file, into, at, bytes, position)
  } catch (error) {
    throw faultOf(error)
  }
}

/** The whole of a regular file. `bytesMax`: longer than any that makes sense. Throws FileFault. */
export function readRegularFile(path: string, bytesMax: number): Buffer {
  const file = openRegularFile(path)
  try {
    // One byte more than its size: a file that grows meanwhile is read to its end.
    const bytes = Buffer.alloc(Math.min(fstatSync(file).size, bytesMax) + 1)
    return readToEnd(file, bytes, bytesMax)
  } catch (error) {
    throw faultOf(error)
  } finally {
    closeSync(file)
  }
}

function readToEnd(file: number, start: Buffer, bytesMax: number): Buffer {
  let bytes = start
  for (let size = 0; ; ) {
    const got = readSync(file, bytes, size, bytes.length - size, null)
    if (got === 0) return bytes.subarray(0, size)
    size += got
    if (size > bytesMax) throw tooLarge(bytesMax)
    if (size === bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(bytes.length)])
  }
}

export function tooLarge(bytesMax: number): FileFault {
  return new FileFault('TOO_LARGE', `it is longer than ${bytesMax} bytes`)
}

/** Opens whatever it is, without blocking. Throws FileFault. */
export function openWithoutWaiting(path: string): { file: number; stats: Stats } {
  let file = -1
  try {
    file = openSync(path, WITHOUT_WAITING)
    return { file, stats: fstatSync(file) }
  } catch (error) {
    if (file >= 0) closeSync(file)
    throw faultOf(error)
  }
}

function faultOf(error: unknown): FileFault {
  if (error instanceof FileFault) return error
  const { code = 'UNKNOWN', message } = error as { code?: string; message: string }
  return new FileFault(code, textOf(code, message))
}

function textOf(code: string, message: string): string {
  switch (code) {
    case 'ENOENT':
      return 'there is no such file (ENOENT)'
    case 'ENOTDIR':
      return 'there is no such file: a part of its path is not a directory (ENOTDIR)'
    case 'EACCES':
    case 'EPERM':
      return MAY_NOT_READ
    case 'EISDIR':
      return 'it is a directory, and only regular files are read'
    case 'ENXIO':
      return 'it is a socket, and only regular files are read'
    case 'ELOOP':
      return 'its links lead in a circle'
    case 'EMFILE':
    case 'ENFILE':
      return `too many files are open (${code}); raise the limit (ulimit -n)`
    default:
      return message
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isFIFO()) return 'a pipe'
  return stats.isSocket() ? 'a socket' : 'a device'
}
