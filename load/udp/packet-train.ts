// Sends many UDP packets over one connected socket. Packets of equal size that follow each other go to
// the kernel as one message, which the network device, or here the loopback, cuts into packets again
// (UDP_SEGMENT, Linux 4.18): they pass most of the network stack together. Receivers see no difference.
// One per socket of a load generator; packets lie in the send memory of a PacketMemory.
// Owns the message headers that the kernel reads.
import { addressHigh, addressLow, addressOf, errno, libc, nativeWords } from '../../src/os/ffi.ts'
import { EAGAIN, EINTR, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT } from '../../src/os/kernel.ts'
import {
  HEADER_BYTES,
  HEADER_CONTROL,
  HEADER_CONTROL_LENGTH,
  HEADER_IOVEC,
  HEADER_IOVECS,
  HEADER_WORDS,
  IOVEC_LENGTH,
  IOVEC_WORDS,
} from '../../src/os/message.ts'
import type { PacketMemory } from '../../src/os/packet-batch.ts'

/** The kernel's own limit is 64 before Linux 6.9. */
const SEGMENTS_MAX = 64
/** Together they have to fit one IP packet, even if only for a moment. */
const MESSAGE_BYTES_MAX = 65_000

// struct cmsghdr and a u16, in words: 0–1 length │ 2 level │ 3 type │ 4 segment size u16
const CONTROL_WORDS = 6
const CONTROL_BYTES = 24
const CONTROL_LENGTH = 18
const CONTROL_SIZE = 4

export class PacketTrain {
  readonly memory: PacketMemory
  private readonly fd: number
  private readonly headers: Int32Array<ArrayBuffer>
  private readonly iovecs: Int32Array<ArrayBuffer>
  private readonly controls: Int32Array<ArrayBuffer>
  private readonly headersAddress: number
  private readonly iovecsLow: number
  private readonly memoryLow: number
  private readonly segmentsMax: number
  private packets = 0
  private messages = 0
  /** Of the last message. */
  private size = 0
  private segments = 0
  private room = 0

  /** `together` false sends each packet by itself, as most programs do. */
  constructor(fd: number, memory: PacketMemory, together: boolean) {
    const slots = memory.slots
    this.fd = fd
    this.memory = memory
    this.segmentsMax = together ? SEGMENTS_MAX : 1
    this.headers = nativeWords(slots * HEADER_WORDS)
    this.iovecs = nativeWords(slots * IOVEC_WORDS)
    this.controls = nativeWords(slots * CONTROL_WORDS)
    this.headersAddress = addressOf(this.headers)
    this.iovecsLow = addressLow(this.iovecs)
    this.memoryLow = addressLow(memory.answers)
    const controlsLow = addressLow(this.controls)
    for (let i = 0; i < slots; i++) {
      const at = i * HEADER_WORDS
      this.headers[at + HEADER_IOVEC + 1] = addressHigh(this.iovecs)
      this.headers[at + HEADER_CONTROL] = (controlsLow + i * CONTROL_BYTES) | 0
      this.headers[at + HEADER_CONTROL + 1] = addressHigh(this.controls)
      this.iovecs[i * IOVEC_WORDS + 1] = addressHigh(memory.answers)
      this.controls[i * CONTROL_WORDS] = CONTROL_LENGTH
      this.controls[i * CONTROL_WORDS + 2] = SOL_UDP
      this.controls[i * CONTROL_WORDS + 3] = UDP_SEGMENT
    }
  }

  // HOT: no allocation below this line.

  /** Queues the `bytes` at `memory.end`. */
  queue(bytes: number): void {
    const { memory, iovecs, headers } = this
    const iovec = this.packets * IOVEC_WORDS
    iovecs[iovec] = (this.memoryLow + memory.end * 4) | 0
    iovecs[iovec + IOVEC_LENGTH] = bytes
    if (bytes !== this.size || this.room === 0) this.startMessage(bytes)
    else {
      this.segments++
      this.room--
      const at = (this.messages - 1) * HEADER_WORDS
      headers[at + HEADER_IOVECS] = this.segments
      headers[at + HEADER_CONTROL_LENGTH] = CONTROL_BYTES
    }
    // Packets start at whole quarters of cache lines, so that their words are aligned.
    memory.end += ((bytes + 15) >>> 4) << 2
    this.packets++
  }

  private startMessage(bytes: number): void {
    const { headers } = this
    const at = this.messages * HEADER_WORDS
    headers[at + HEADER_IOVEC] = (this.iovecsLow + this.packets * IOVEC_WORDS * 4) | 0
    headers[at + HEADER_IOVECS] = 1
    headers[at + HEADER_CONTROL_LENGTH] = 0
    this.controls[this.messages * CONTROL_WORDS + CONTROL_SIZE] = bytes
    this.size = bytes
    this.segments = 1
    this.room = bytes === 0 ? 0 : this.roomAfter(bytes)
    this.messages++
  }

  /** How many more packets of a size go with the first. */
  private roomAfter(bytes: number): number {
    const fit = Math.floor(MESSAGE_BYTES_MAX / bytes)
    return (fit < this.segmentsMax ? fit : this.segmentsMax) - 1
  }

  /** Sends all that is queued without waiting; returns how many packets were not sent. */
  flush(): number {
    let at = 0
    let failed = 0
    while (at < this.messages) {
      const result = libc.sendmmsg(
        this.fd,
        (this.headersAddress + at * HEADER_BYTES) as never,
        this.messages - at,
        MSG_DONTWAIT,
      )
      if (result > 0) {
        at += result
        continue
      }
      const reason = errno()
      if (reason === EINTR) continue
      // sendmmsg stops at a bad message and reports it only when it is the first of a call.
      const end = reason === EAGAIN ? this.messages : at + 1
      for (; at < end; at++) failed += this.headers[at * HEADER_WORDS + HEADER_IOVECS]
    }
    this.packets = 0
    this.messages = 0
    this.room = 0
    this.memory.end = 0
    return failed
  }
}
