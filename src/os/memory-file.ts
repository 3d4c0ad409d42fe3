// A file without a name, in memory: for text that a program passes on to the one that takes its place. Used
// by process/confine.ts.
import { SystemError } from './error.ts'
import { addressOf, cString, errno, libc } from './ffi.ts'

/** Its descriptor stays open over execve. `name`: for who looks at the process. Throws SystemError. */
export function newMemoryFile(name: string): number {
  const words = cString(name)
  const file = libc.memfd_create(addressOf(words) as never, 0)
  if (file < 0) throw new SystemError('memfd_create', errno())
  return file
}
