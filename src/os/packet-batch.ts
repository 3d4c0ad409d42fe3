// Batches of UDP packets: recvmmsg into fixed slots, answers packed behind each other, sendmmsg.
// One per socket and worker; PacketBatch is used by udp/worker/receive.ts, and ReceiveBatch alone by the
// load generators, whose sockets are connected, so that no packet needs an address.
// Owns the message headers and control data that the kernel writes and reads. Shares the packet
// memory with the other sockets of its worker: only one of them is served at a time.
import { SystemError } from './error.ts'
import { addressLow, addressOf, errno, libc, nativeWords } from './ffi.ts'
import { AF_INET, EAGAIN, ECONNREFUSED, MSG_DONTWAIT, SOL_IP } from './kernel.ts'
import {
  CONTROL_IPV4_INTERFACE,
  CONTROL_IPV4_LOCAL,
  CONTROL_IPV6_FIRST,
  CONTROL_IPV6_INTERFACE,
  CONTROL_LEVEL,
  CONTROL_WORDS,
  FAMILY_MASK,
  HEADER_CONTROL,
  HEADER_CONTROL_LENGTH,
  HEADER_IOVEC,
  HEADER_IOVECS,
  HEADER_LENGTH,
  HEADER_NAME,
  HEADER_NAME_LENGTH,
  HEADER_WORDS,
  IOVEC_LENGTH,
  IOVEC_WORDS,
  NAME_BYTES,
  NAME_USED_IPV4,
  NAME_USED_IPV6,
  NAME_WORDS,
  REPLY_INFO_IPV4,
  REPLY_INFO_IPV6,
  REPLY_INFO_SHIFT,
  REPLY_NAME,
} from './message.ts'
import { sendAll, writePointer } from './send-batch.ts'

// fe80::/10, as it lies in the first word.
const LINK_LOCAL_MASK = 0xc0ff
const LINK_LOCAL = 0x80fe

/** Signals and lack of memory pass. A socket that fails this often in a row is broken for good. */
const RECEIVE_ERRORS_MAX = 10_000

/** Packet memory of a worker: `slots` received packets (sendmmsg takes at most 1,024), and room for an answer to each. */
export class PacketMemory {
  readonly slots: number
  readonly slotWords: number
  /** Received packets: slot i starts at word i × slotWords. */
  readonly received: Int32Array<ArrayBuffer>
  /** Answers, packed. */
  readonly answers: Int32Array<ArrayBuffer>
  /** The word where the next answer starts. */
  end = 0

  constructor(slots: number, slotBytes: number, answerBytesMax: number) {
    this.slots = slots
    this.slotWords = slotBytes / 4
    this.received = nativeWords(slots * this.slotWords)
    this.answers = nativeWords(slots * Math.ceil(answerBytesMax / 4))
  }
}

/** Receives packets without their source addresses. */
export class ReceiveBatch {
  readonly memory: PacketMemory
  protected readonly fd: number
  protected readonly headers: Int32Array<ArrayBuffer>
  private readonly iovecs: Int32Array<ArrayBuffer>
  private readonly headersAddress: number
  private errors = 0

  constructor(fd: number, memory: PacketMemory) {
    const { slots, slotWords, received } = memory
    this.fd = fd
    this.memory = memory
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
    // A connected socket is told when nobody listens at the other end, which may change.
    if (reason === EAGAIN || reason === ECONNREFUSED) return 0
    if (++this.errors > RECEIVE_ERRORS_MAX) receiveBug(reason)
    return 0
  }

  /** Bytes of received packet i. A longer packet was cut to the slot's size. */
  length(i: number): number {
    return this.headers[i * HEADER_WORDS + HEADER_LENGTH]
  }
}

export class PacketBatch extends ReceiveBatch {
  /** Sources of the received packets: slot i at word i × NAME_WORDS. */
  readonly names: Int32Array<ArrayBuffer>
  /** Of the packet memory. */
  readonly words: Int32Array<ArrayBuffer>
  readonly out: Int32Array<ArrayBuffer>
  /** The received packet being handled; set by the user of the batch. */
  current = 0
  private readonly packetInfo: boolean
  private readonly controls: Int32Array<ArrayBuffer>
  private readonly outHeaders: Int32Array<ArrayBuffer>
  private readonly outIovecs: Int32Array<ArrayBuffer>
  private readonly outHeadersAddress: number
  private readonly answersLow: number
  private queued = 0

  constructor(fd: number, memory: PacketMemory, packetInfo: boolean) {
    super(fd, memory)
    const slots = memory.slots
    this.packetInfo = packetInfo
    this.words = memory.received
    this.out = memory.answers
    this.names = nativeWords(slots * NAME_WORDS)
    this.controls = nativeWords(packetInfo ? slots * CONTROL_WORDS : 1)
    this.outHeaders = nativeWords(slots * HEADER_WORDS)
    this.outIovecs = nativeWords(slots * IOVEC_WORDS)
    this.outHeadersAddress = addressOf(this.outHeaders)
    this.answersLow = addressLow(memory.answers)
    for (let i = 0; i < slots; i++) this.prepareSlot(i)
  }

  private prepareSlot(i: number): void {
    const { headers, outHeaders, outIovecs, memory } = this
    const at = i * HEADER_WORDS
    const iovec = i * IOVEC_WORDS
    writePointer(headers, at + HEADER_NAME, this.names, i * NAME_WORDS)
    headers[at + HEADER_NAME_LENGTH] = NAME_BYTES
    writePointer(outHeaders, at + HEADER_IOVEC, outIovecs, iovec)
    outHeaders[at + HEADER_IOVECS] = 1
    writePointer(outIovecs, iovec, memory.answers, 0)
    if (!this.packetInfo) return
    writePointer(headers, at + HEADER_CONTROL, this.controls, i * CONTROL_WORDS)
    headers[at + HEADER_CONTROL_LENGTH] = CONTROL_WORDS * 4
  }

  // HOT: no allocation below this line.

  /** The first word of received packet i. */
  wordOf(i: number): number {
    return i * this.memory.slotWords
  }

  /** The first word of the next answer, whichever packet it is for. */
  answerWord(): number {
    return this.memory.end
  }

  /** Makes slot i ready for the next `receive`. Its answer, if any, must be queued before. */
  release(i: number): void {
    const at = i * HEADER_WORDS
    this.headers[at + HEADER_NAME_LENGTH] = NAME_BYTES
    if (this.packetInfo) this.headers[at + HEADER_CONTROL_LENGTH] = CONTROL_WORDS * 4
  }

  /** Queues the `bytes` at `memory.end` as the answer to packet i, to where it came from and from where it went to. */
  queue(i: number, bytes: number): void {
    const headers = this.headers
    const out = this.outHeaders
    const from = i * HEADER_WORDS
    const to = this.queued * HEADER_WORDS
    const iovec = this.queued * IOVEC_WORDS
    out[to + HEADER_NAME] = headers[from + HEADER_NAME]
    out[to + HEADER_NAME + 1] = headers[from + HEADER_NAME + 1]
    out[to + HEADER_NAME_LENGTH] = headers[from + HEADER_NAME_LENGTH]
    this.outIovecs[iovec] = (this.answersLow + this.memory.end * 4) | 0
    this.outIovecs[iovec + IOVEC_LENGTH] = bytes
    if (this.packetInfo) {
      this.forgetInterface(i)
      out[to + HEADER_CONTROL] = headers[from + HEADER_CONTROL]
      out[to + HEADER_CONTROL + 1] = headers[from + HEADER_CONTROL + 1]
      out[to + HEADER_CONTROL_LENGTH] = headers[from + HEADER_CONTROL_LENGTH]
    }
    // Answers start at quarters of cache lines, so that their words are aligned.
    this.memory.end += ((bytes + 15) >>> 4) << 2
    this.queued++
  }

  /** Sends all queued answers without waiting; returns how many were not sent. */
  flush(): number {
    const count = this.queued
    this.queued = 0
    this.memory.end = 0
    return count === 0 ? 0 : sendAll(this.fd, this.outHeadersAddress, count)
  }

  /**
   * Writes where an answer to packet i has to go, and from where, to `words[at]`; returns how many
   * words that took (message.ts says which).
   */
  writeReplyAddress(i: number, words: Int32Array, at: number): number {
    const names = this.names
    const name = i * NAME_WORDS
    const used = (names[name] & FAMILY_MASK) === AF_INET ? NAME_USED_IPV4 : NAME_USED_IPV6
    for (let n = 0; n < used; n++) words[at + REPLY_NAME + n] = names[name + n]
    const info = REPLY_NAME + used
    if (!this.packetInfo || this.headers[i * HEADER_WORDS + HEADER_CONTROL_LENGTH] === 0) {
      words[at] = info
      return info
    }
    this.forgetInterface(i)
    const controls = this.controls
    const control = i * CONTROL_WORDS
    if (controls[control + CONTROL_LEVEL] === SOL_IP) {
      words[at] = (info + 1) | (REPLY_INFO_IPV4 << REPLY_INFO_SHIFT)
      words[at + info] = controls[control + CONTROL_IPV4_LOCAL]
      return info + 1
    }
    words[at] = (info + 5) | (REPLY_INFO_IPV6 << REPLY_INFO_SHIFT)
    for (let n = 0; n < 5; n++) words[at + info + n] = controls[control + CONTROL_IPV6_FIRST + n]
    return info + 5
  }

  // The route decides by which interface the answer leaves, not the request. Only a
  // link-local address is ambiguous without its interface.
  private forgetInterface(i: number): void {
    const controls = this.controls
    const at = i * CONTROL_WORDS
    if (controls[at + CONTROL_LEVEL] === SOL_IP) controls[at + CONTROL_IPV4_INTERFACE] = 0
    else if ((controls[at + CONTROL_IPV6_FIRST] & LINK_LOCAL_MASK) !== LINK_LOCAL) {
      controls[at + CONTROL_IPV6_INTERFACE] = 0
    }
  }
}

function receiveBug(reason: number): never {
  throw new SystemError('recvmmsg', reason)
}
