// Calls that concern the whole process: its page size, and its end. The latter is for threads that cannot
// leave that to the main thread, which may be waiting for them.
import { libc } from './ffi.ts'

/** The size of the system's pages: 4 KiB, on some arm64 kernels 64 KiB. */
export function pageBytes(): number {
  return libc.getpagesize()
}

/** From any thread, at once. Nothing runs afterwards: no listener for the exit, no other thread. */
export function endProcess(code: number): never {
  libc._exit(code)
  throw new Error('the process goes on after its end')
}
