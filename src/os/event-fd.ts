// Wakes a thread that sleeps in poll: an eventfd is a counter that is readable while it is not 0.
// Opened by main before a worker starts, signalled by other threads, cleared by the one that polls.
import { SystemError } from './error.ts'
import { addressOf, errno, libc, permanentWords } from './ffi.ts'
import { EFD_CLOEXEC, EFD_NONBLOCK } from './kernel.ts'

const COUNTER_BYTES = 8

const one = permanentWords(2)
one[0] = 1
const oneAddress = addressOf(one)
const cleared = permanentWords(2)
const clearedAddress = addressOf(cleared)

export function openEvent(): number {
  const fd = libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
  if (fd < 0) throw new SystemError('eventfd', errno())
  return fd
}

// HOT: no allocation below this line.

/** Makes the descriptor readable. Fails only when its count is at its maximum, where it is readable anyway. */
export function signalEvent(fd: number): void {
  libc.write(fd, oneAddress as never, COUNTER_BYTES as never)
}

/** Makes it unreadable again; without effect when it is. */
export function clearEvent(fd: number): void {
  libc.read(fd, clearedAddress as never, COUNTER_BYTES as never)
}
