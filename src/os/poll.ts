// Waits until one of a worker's sockets has a packet, or a time has passed.
// Used by udp/worker/schedule.ts when all sockets were found empty, and by the load generators, which
// count in microseconds. Owns the list that poll reads.
import { addressOf, libc, nativeWords } from './ffi.ts'
import { POLLERR, POLLIN } from './kernel.ts'

/** In a main thread at startup, which has nothing else to do. */
export function waitMilliseconds(milliseconds: number): void {
  libc.poll(null as never, 0 as never, milliseconds)
}

export class Poll {
  private readonly list: Int32Array<ArrayBuffer>
  private readonly address: number
  private readonly count: number
  /** struct timespec: 0–1 seconds │ 2–3 nanoseconds. */
  private readonly time = nativeWords(4)
  private readonly timeAddress = addressOf(this.time)

  constructor(fds: readonly number[]) {
    // struct pollfd in words: 0 descriptor │ 1 events u16, returned events u16
    this.list = nativeWords(fds.length * 2)
    for (const [i, fd] of fds.entries()) {
      this.list[i * 2] = fd
      this.list[i * 2 + 1] = POLLIN
    }
    this.address = addressOf(this.list)
    this.count = fds.length
  }

  // HOT: no allocation below this line.

  /** Waits at most `milliseconds`. Returns early for a packet or a signal; the caller looks for itself. */
  wait(milliseconds: number): void {
    libc.poll(this.address as never, this.count as never, milliseconds)
  }

  /** The same for less than a second, without being rounded up to milliseconds. */
  waitMicroseconds(microseconds: number): void {
    this.time[2] = microseconds * 1000
    libc.ppoll(this.address as never, this.count as never, this.timeAddress as never, null as never)
  }

  /** Sleeps for less than a second, whatever arrives meanwhile. */
  pauseMicroseconds(microseconds: number): void {
    this.time[2] = microseconds * 1000
    libc.ppoll(null as never, 0 as never, this.timeAddress as never, null as never)
  }

  /** From descriptor number `first` on, waits no more for those that report nothing but an error. */
  leaveBroken(first: number): void {
    for (let i = first; i < this.count; i++) {
      if (((this.list[i * 2 + 1] >>> 16) & POLLERR) !== 0) this.list[i * 2] = -1
    }
  }

  /** Whether descriptor number `i` was readable when the last wait ended. */
  isReady(i: number): boolean {
    return this.list[i * 2 + 1] >>> 16 !== 0
  }
}
