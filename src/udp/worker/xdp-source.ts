// Packets straight from a queue of a network card, and answers straight to it: a source of socket-worker.ts beside its
// sockets, with packet_path = 'xdp' (docs/kernel-bypass.md). Owns the queue's end in this thread, and the batch.
import { AF_INET, AF_INET6 } from '../../os/kernel.ts'
import { NAME_WORDS } from '../../os/message.ts'
import {
  BAD_CHECKSUM,
  BAD_FORM,
  BAD_LENGTH,
  BAD_SOURCE,
  FRAME_IPV4,
  FRAME_IPV6,
  FrameReader,
  writeAnswerIPv4,
  writeAnswerIPv6,
} from '../../xdp/frame.ts'
import { SEND_BYTES_AT, SEND_PAYLOAD_IPV4, SEND_PAYLOAD_IPV6 } from '../../xdp/layout.ts'
import type { XdpQueue } from '../../xdp/queue.ts'
import {
  XDP_NO_FRAME,
  XDP_PACKETS,
  XDP_REFUSED_CHECKSUM,
  XDP_REFUSED_FORM,
  XDP_REFUSED_LENGTH,
  XDP_REFUSED_SOURCE,
} from './counters.ts'
import type { PacketSource } from './packet-source.ts'

const REFUSED = Int32Array.from({ length: 6 })
REFUSED[BAD_FORM] = XDP_REFUSED_FORM
REFUSED[BAD_LENGTH] = XDP_REFUSED_LENGTH
REFUSED[BAD_CHECKSUM] = XDP_REFUSED_CHECKSUM
REFUSED[BAD_SOURCE] = XDP_REFUSED_SOURCE

/** The part of an XdpQueue that is used here. */
export type FrameQueue = Pick<
  XdpQueue,
  | 'words'
  | 'addresses'
  | 'lengths'
  | 'spare'
  | 'receive'
  | 'recycle'
  | 'takeFrame'
  | 'returnFrame'
  | 'send'
  | 'flush'
  | 'isStalled'
>

export class XdpSource implements PacketSource {
  readonly words: Int32Array
  readonly out: Int32Array
  readonly names: Int32Array
  current = 0
  private readonly frames: FrameQueue
  private readonly counts: Int32Array
  private readonly reader = new FrameReader()
  /** Of each packet: the word of its IP header, its first word, its bytes. */
  private readonly ips: Int32Array
  private readonly payloads: Int32Array
  private readonly bytes: Int32Array
  /** For the next answer; −1 if none has been taken. */
  private chunk = -1
  private lost = 0
  /** Of IPv4 headers: any number, for there to be some order to guess in. */
  private id = 1 + Math.floor(Math.random() * 0x7ffffffe)

  constructor(frames: FrameQueue, batchMax: number, counts: Int32Array) {
    this.frames = frames
    this.words = frames.words
    this.out = frames.words
    this.counts = counts
    this.names = new Int32Array(batchMax * NAME_WORDS)
    this.ips = new Int32Array(batchMax)
    this.payloads = new Int32Array(batchMax)
    this.bytes = new Int32Array(batchMax)
  }

  /** From which no packet can come (xdp/own-addresses.ts). */
  setOwnAddresses(list: Int32Array): void {
    this.reader.own.set(list)
  }

  // HOT: no allocation below this line.

  receive(max: number): number {
    const { frames, reader, words, counts } = this
    const received = frames.receive(max)
    if (received === 0) {
      // What the card did not take before may go now.
      if (frames.isStalled()) frames.flush()
      return 0
    }
    counts[XDP_PACKETS] += received
    let good = 0
    for (let i = 0; i < received; i++) {
      const kind = reader.read(words, frames.addresses[i], frames.lengths[i])
      if (kind > FRAME_IPV6) {
        counts[REFUSED[kind]]++
        continue
      }
      this.ips[good] = reader.ip
      this.payloads[good] = reader.payload
      this.bytes[good] = reader.bytes
      this.writeName(good, reader.ip, kind === FRAME_IPV4)
      good++
    }
    if (good === 0) frames.recycle()
    return good
  }

  wordOf(i: number): number {
    return this.payloads[i]
  }

  length(i: number): number {
    return this.bytes[i]
  }

  answerWord(i: number): number {
    if (this.chunk < 0) this.chunk = this.frames.takeFrame()
    const chunk = this.chunk < 0 ? this.frames.spare : this.chunk
    return (chunk >> 2) + (this.isIPv4(i) ? SEND_PAYLOAD_IPV4 : SEND_PAYLOAD_IPV6)
  }

  queue(i: number, bytes: number): void {
    const { chunk, words } = this
    if (chunk < 0) {
      this.lost++
      this.counts[XDP_NO_FRAME]++
      return
    }
    const ip = this.ips[i]
    const length = this.isIPv4(i)
      ? writeAnswerIPv4(words, chunk, bytes, words, ip, this.nextId())
      : writeAnswerIPv6(words, chunk, bytes, words, ip)
    this.frames.send(chunk + SEND_BYTES_AT, length)
    this.chunk = -1
  }

  release(): void {}

  flush(): number {
    const { frames, lost, chunk } = this
    frames.recycle()
    if (chunk >= 0) {
      frames.returnFrame(chunk)
      this.chunk = -1
    }
    frames.flush()
    this.lost = 0
    return lost
  }

  /** Whether answers wait that the card may take in a moment. */
  isStalled(): boolean {
    return this.frames.isStalled()
  }

  private isIPv4(i: number): boolean {
    return (this.names[i * NAME_WORDS] & 0xffff) === AF_INET
  }

  /** As the kernel would have given it (os/message.ts). */
  private writeName(i: number, ip: number, isIPv4: boolean): void {
    const { names, words } = this
    const at = i * NAME_WORDS
    if (isIPv4) {
      names[at] = AF_INET | (words[ip + 5] << 16)
      names[at + 1] = words[ip + 3]
      return
    }
    names[at] = AF_INET6 | (words[ip + 10] << 16)
    names[at + 1] = 0
    for (let n = 0; n < 4; n++) names[at + 2 + n] = words[ip + 2 + n]
    names[at + 6] = 0
  }

  /** A sequence that tells nobody how many packets were sent (xorshift). */
  private nextId(): number {
    let x = this.id
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.id = x
    return x & 0xffff
  }
}
