// Receives batches of UDP packets from a socket that is connected: what comes has one source, so no
// addresses and no control data. The other half of packet-train.ts. One per socket of a load generator.
// Owns the message headers that the kernel reads and writes; packets lie in a PacketMemory.
import { SystemError } from '../../src/os/error.ts'
import { addressOf, errno, libc, nativeWords } from '../../src/os/ffi.ts'
import {
  EAGAIN,
  HEADER_IOVEC,
  HEADER_IOVECS,
  HEADER_LENGTH,
  HEADER_WORDS,
  IOVEC_LENGTH,
  IOVEC_WORDS,
  MSG_DONTWAIT,
} from '../../src/os/message.ts'
import type { PacketMemory } from '../../src/os/packet-batch.ts'
import { writePointer } from '../../src/os/send-batch.ts'

const ECONNREFUSED = 111

/** Trouble passes: signals, want of memory. A socket that fails this often in a row is broken for good. */
const RECEIVE_ERRORS_MAX = 10_000

export class ConnectedBatch {
  private readonly fd: number
  private readonly headers: Int32Array<ArrayBuffer>
  private readonly iovecs: Int32Array<ArrayBuffer>
  private readonly headersAddress: number
  private errors = 0

  constructor(fd: number, memory: PacketMemory) {
    const { slots, slotWords, received } = memory
    this.fd = fd
    this.headers = nativeWords(slots * HEADER_WORDS)
    this.iovecs = nativeWords(slots * IOVEC_WORDS)
    this.headersAddress = addressOf(this.headers)
    for (let i = 0; i < slots; i++) {
      const iovec = i * IOVEC_WORDS
      writePointer(this.headers, i * HEADER_WORDS + HEADER_IOVEC, this.iovecs, iovec)
      this.headers[i * HEADER_WORDS + HEADER_IOVECS] = 1
      writePointer(this.iovecs, iovec, received, i * slotWords)
      this.iovecs[iovec + IOVEC_LENGTH] = slotWords * 4
    }
  }

  // HOT: no allocation below this line.

  /** Receives up to `max` packets without waiting; returns how many, 0 when there are none. */
  receive(max: number): number {
    const received = libc.recvmmsg(
      this.fd,
      this.headersAddress as never,
      max,
      MSG_DONTWAIT,
      null as never,
    )
    if (received > 0) {
      this.errors = 0
      return received
    }
    const reason = errno()
    // The socket hears of it when nobody listens at the other end, which may change.
    if (reason === EAGAIN || reason === ECONNREFUSED) return 0
    if (++this.errors > RECEIVE_ERRORS_MAX) receiveBug(reason)
    return 0
  }

  /** Bytes of received packet i. A longer packet was cut to the slot's size. */
  length(i: number): number {
    return this.headers[i * HEADER_WORDS + HEADER_LENGTH]
  }
}

function receiveBug(reason: number): never {
  throw new SystemError('recvmmsg', reason)
}
