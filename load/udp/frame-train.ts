// Sends requests as frames, past the kernel. One per port of a load worker with packet_path = 'xdp'; all of them share the
// queue of the card. Owns the chunk that the next request is written to.
import { writeAnswerIPv4, writeAnswerIPv6 } from '../../src/xdp/frame.ts'
import { SEND_BYTES_AT, SEND_PAYLOAD_IPV4, SEND_PAYLOAD_IPV6 } from '../../src/xdp/layout.ts'
import type { XdpQueue } from '../../src/xdp/queue.ts'
import type { SendMemory, Train } from './conversation.ts'

/** A frame that came to the port: requests go back to where it came from. The IP header begins at this word. */
export const TEMPLATE_IP = 4
export const TEMPLATE_WORDS = 20

export class FrameTrain implements Train {
  readonly memory: SendMemory
  private readonly queueOut: XdpQueue
  private readonly template: Int32Array
  private readonly ipv4: boolean
  private readonly payload: number
  /** −1: none was free. */
  private chunk = -1
  private failed = 0
  private id = 0

  constructor(queue: XdpQueue, template: Int32Array, ipv4: boolean) {
    this.queueOut = queue
    this.template = template
    this.ipv4 = ipv4
    this.payload = ipv4 ? SEND_PAYLOAD_IPV4 : SEND_PAYLOAD_IPV6
    this.memory = { answers: queue.words, end: 0 }
    this.takeChunk()
  }

  // HOT: no allocation below this line.

  queue(bytes: number): void {
    const { chunk, template, queueOut } = this
    if (chunk < 0) {
      this.failed++
      return
    }
    const { words } = queueOut
    this.id = (this.id + 1) & 0xffff
    const length = this.ipv4
      ? writeAnswerIPv4(words, chunk, bytes, template, TEMPLATE_IP, this.id)
      : writeAnswerIPv6(words, chunk, bytes, template, TEMPLATE_IP)
    queueOut.send(chunk + SEND_BYTES_AT, length)
    this.takeChunk()
  }

  flush(): number {
    const { failed } = this
    this.queueOut.flush()
    if (this.chunk < 0) this.takeChunk()
    this.failed = 0
    return failed
  }

  private takeChunk(): void {
    const { queueOut } = this
    this.chunk = queueOut.takeFrame()
    this.memory.end = ((this.chunk < 0 ? queueOut.spare : this.chunk) >> 2) + this.payload
  }
}
