// Batches of UDP packets to send whose addresses and payloads come from elsewhere: answers that another
// thread wrote. One per socket and worker; used by udp/pipeline/deliver.ts. Owns the message headers; payloads
// are sent from where they lie, and must stay there until `flush` returns.
import { addressHigh, addressLow, addressOf, errno, libc, nativeWords } from './ffi.ts'
import {
  AF_INET,
  EAGAIN,
  EINTR,
  IP_PKTINFO,
  IPV6_PKTINFO,
  MSG_DONTWAIT,
  SOL_IP,
  SOL_IPV6,
} from './kernel.ts'
import {
  CONTROL_IPV4_INTERFACE,
  CONTROL_IPV4_LOCAL,
  CONTROL_IPV6_FIRST,
  CONTROL_LEVEL,
  CONTROL_TYPE,
  CONTROL_WORDS,
  FAMILY_MASK,
  HEADER_BYTES,
  HEADER_CONTROL,
  HEADER_CONTROL_LENGTH,
  HEADER_IOVEC,
  HEADER_IOVECS,
  HEADER_NAME,
  HEADER_NAME_LENGTH,
  HEADER_WORDS,
  IOVEC_LENGTH,
  IOVEC_WORDS,
  NAME_BYTES,
  NAME_BYTES_IPV4,
  NAME_USED_IPV4,
  NAME_USED_IPV6,
  NAME_WORDS,
  REPLY_INFO_IPV4,
  REPLY_INFO_SHIFT,
  REPLY_NAME,
} from './message.ts'

const CONTROL_BYTES_IPV4 = 16 + 12
const CONTROL_BYTES_IPV6 = 16 + 20

export class SendBatch {
  readonly slots: number
  queued = 0
  private readonly fd: number
  private readonly names: Int32Array<ArrayBuffer>
  private readonly controls: Int32Array<ArrayBuffer>
  private readonly controlsLow: number
  private readonly controlsHigh: number
  private readonly headers: Int32Array<ArrayBuffer>
  private readonly iovecs: Int32Array<ArrayBuffer>
  private readonly headersAddress: number

  constructor(fd: number, slots: number) {
    this.fd = fd
    this.slots = slots
    this.names = nativeWords(slots * NAME_WORDS)
    this.controls = nativeWords(slots * CONTROL_WORDS)
    this.controlsLow = addressLow(this.controls)
    this.controlsHigh = addressHigh(this.controls)
    this.headers = nativeWords(slots * HEADER_WORDS)
    this.iovecs = nativeWords(slots * IOVEC_WORDS)
    this.headersAddress = addressOf(this.headers)
    for (let i = 0; i < slots; i++) {
      const at = i * HEADER_WORDS
      writePointer(this.headers, at + HEADER_NAME, this.names, i * NAME_WORDS)
      writePointer(this.headers, at + HEADER_IOVEC, this.iovecs, i * IOVEC_WORDS)
      this.headers[at + HEADER_IOVECS] = 1
    }
  }

  // HOT: no allocation below this line.

  /**
   * Queues `bytes` at word `payload` of memory that starts at the address `low`, `high`, to the reply
   * address at `words[reply]`. There must be a free slot.
   */
  add(
    words: Int32Array,
    reply: number,
    low: number,
    high: number,
    payload: number,
    bytes: number,
  ): void {
    const slot = this.queued
    const iovec = slot * IOVEC_WORDS
    const at = (low + payload * 4) | 0
    this.iovecs[iovec] = at
    // Carried over when the lower half wrapped.
    this.iovecs[iovec + 1] = at >>> 0 < low >>> 0 ? high + 1 : high
    this.iovecs[iovec + IOVEC_LENGTH] = bytes
    const name = reply + REPLY_NAME
    const names = this.names
    const to = slot * NAME_WORDS
    const ipv4 = (words[name] & FAMILY_MASK) === AF_INET
    const used = ipv4 ? NAME_USED_IPV4 : NAME_USED_IPV6
    for (let i = 0; i < used; i++) names[to + i] = words[name + i]
    this.headers[slot * HEADER_WORDS + HEADER_NAME_LENGTH] = ipv4 ? NAME_BYTES_IPV4 : NAME_BYTES
    this.addPacketInfo(slot, words, words[reply] >>> REPLY_INFO_SHIFT, name + used)
    this.queued++
  }

  /** Sends all that is queued without waiting; returns how many were not sent. */
  flush(): number {
    const count = this.queued
    this.queued = 0
    return count === 0 ? 0 : sendAll(this.fd, this.headersAddress, count)
  }

  private addPacketInfo(slot: number, words: Int32Array, kind: number, info: number): void {
    const header = slot * HEADER_WORDS
    const headers = this.headers
    if (kind === 0) {
      headers[header + HEADER_CONTROL] = 0
      headers[header + HEADER_CONTROL + 1] = 0
      headers[header + HEADER_CONTROL_LENGTH] = 0
      return
    }
    const controls = this.controls
    const at = slot * CONTROL_WORDS
    headers[header + HEADER_CONTROL] = (this.controlsLow + at * 4) | 0
    headers[header + HEADER_CONTROL + 1] = this.controlsHigh
    if (kind === REPLY_INFO_IPV4) {
      headers[header + HEADER_CONTROL_LENGTH] = CONTROL_BYTES_IPV4
      controls[at] = CONTROL_BYTES_IPV4
      controls[at + CONTROL_LEVEL] = SOL_IP
      controls[at + CONTROL_TYPE] = IP_PKTINFO
      controls[at + CONTROL_IPV4_INTERFACE] = 0
      controls[at + CONTROL_IPV4_LOCAL] = words[info]
      controls[at + CONTROL_IPV4_LOCAL + 1] = 0
      return
    }
    headers[header + HEADER_CONTROL_LENGTH] = CONTROL_BYTES_IPV6
    controls[at] = CONTROL_BYTES_IPV6
    controls[at + CONTROL_LEVEL] = SOL_IPV6
    controls[at + CONTROL_TYPE] = IPV6_PKTINFO
    for (let i = 0; i < 5; i++) controls[at + CONTROL_IPV6_FIRST + i] = words[info + i]
  }
}

/**
 * Sends `count` messages without waiting; returns how many were not sent. One that the system
 * refuses costs only itself. Without room in the socket's buffer the rest is dropped: that room
 * comes when the network does, and until then other clients would wait.
 */
export function sendAll(fd: number, headersAddress: number, count: number): number {
  let sent = 0
  let failed = 0
  while (sent + failed < count) {
    const at = sent + failed
    const result = libc.sendmmsg(
      fd,
      (headersAddress + at * HEADER_BYTES) as never,
      count - at,
      MSG_DONTWAIT,
    )
    // sendmmsg stops at a bad message and reports it only when it is the first of a call.
    if (result > 0) sent += result
    else {
      const reason = errno()
      if (reason === EAGAIN) failed = count - sent
      else if (reason !== EINTR) failed++
    }
  }
  return failed
}

export function writePointer(at: Int32Array, index: number, view: Int32Array, word: number): void {
  at[index] = (addressLow(view) + word * 4) | 0
  at[index + 1] = addressHigh(view)
}
