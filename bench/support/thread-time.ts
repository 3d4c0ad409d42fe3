// The processor time of the calling thread: on a machine where others work too, wall-clock time says little.
import { addressOf, libc, permanentWords } from '../../src/os/ffi.ts'

const CLOCK_THREAD_CPUTIME_ID = 3

const time = permanentWords(4)
const timeAddress = addressOf(time)

export function threadMilliseconds(): number {
  libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, timeAddress as never)
  return time[0] * 1000 + time[2] / 1e6
}
