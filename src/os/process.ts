// Ends the whole process from any of its threads, at once. Called where a thread cannot leave that to the
// main thread, because that may be waiting for this one. Owns nothing.
import { libc } from './ffi.ts'

/** Nothing runs afterwards: no listener for the exit, no other thread. */
export function endProcess(code: number): never {
  libc._exit(code)
  throw new Error('the process goes on after its end')
}
