// Waits until one of a worker's sockets has a packet, or a time has passed.
// Used by udp/socket-worker.ts when all sockets were found empty. Owns the list that poll reads.
import { addressOf, libc, nativeWords } from './ffi.ts'

const POLLIN = 1

export class Poll {
  private readonly list: Int32Array<ArrayBuffer>
  private readonly address: number
  private readonly count: number

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
}
