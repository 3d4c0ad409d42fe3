// Holds signals back, and lets them go: while a program takes the place of another in the same process,
// there is nobody who could handle one. The kernel keeps the mask of the thread that executes, and with it
// what has come meanwhile. Used by process/confine.ts in the main thread.
import { SystemError } from './error.ts'
import { addressOf, errno, libc, nativeWords } from './ffi.ts'
import { SIG_BLOCK, SIG_UNBLOCK } from './kernel.ts'

/** sigset_t, of which the signals up to 32 are the first word. */
const SET_WORDS = 32

/** In this thread, and in those that it starts from now on. Throws SystemError. */
export function holdSignals(numbers: readonly number[]): void {
  change(SIG_BLOCK, numbers)
}

/** What has come meanwhile comes now. Throws SystemError. */
export function letSignalsGo(numbers: readonly number[]): void {
  change(SIG_UNBLOCK, numbers)
}

/** From now on each of them ends the process, as it does any program that has no handler. */
export function endBySignals(numbers: readonly number[]): void {
  for (const number of numbers) libc.signal(number, null as never)
}

function change(how: number, numbers: readonly number[]): void {
  const set = nativeWords(SET_WORDS)
  for (const number of numbers) set[0] |= 1 << (number - 1)
  const failed = libc.sigprocmask(how, addressOf(set) as never, null as never)
  if (failed < 0) throw new SystemError('sigprocmask', errno())
}
