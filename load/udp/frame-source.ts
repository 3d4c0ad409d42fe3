// Answers as frames, past the kernel: takes them from the queues of a network card, and finds whose they are by the port.
// One per load worker with packet_path = 'xdp'. Owns nothing: the main thread opened the card (load-card.ts).
import { swapHalf } from '../../src/memory/byte-order.ts'
import { FRAME_IPV4, FRAME_IPV6, FrameReader } from '../../src/xdp/frame.ts'
import type { XdpQueue } from '../../src/xdp/queue.ts'
import type { AnswerSource } from './answer-source.ts'
import type { Answers } from './check.ts'
import type { Conversation } from './conversation.ts'

const PORTS = 65_536
const NOBODY = 255

export class FrameSource implements AnswerSource {
  private readonly queues: readonly XdpQueue[]
  private readonly halves: readonly Uint16Array[]
  private readonly conversations: readonly Conversation[]
  /** By port, as it lies in a packet: which conversation's. */
  private readonly owners = new Uint8Array(PORTS).fill(NOBODY)
  private readonly reader = new FrameReader()
  private readonly batchMax: number

  /** `ports`: of the conversations, in their order. */
  constructor(
    queues: readonly XdpQueue[],
    conversations: readonly Conversation[],
    ports: readonly number[],
    batchMax: number,
  ) {
    this.queues = queues
    this.halves = queues.map(({ words }) => new Uint16Array(words.buffer))
    this.conversations = conversations
    this.batchMax = batchMax
    for (const [i, port] of ports.entries()) this.owners[swapHalf(port)] = i
  }

  // HOT: no allocation below this line.

  /** How many answers there are to take. */
  ready(): number {
    let ready = 0
    for (let i = 0; i < this.queues.length; i++) ready += this.queues[i].ready()
    return ready
  }

  take(answers: Answers): number {
    let taken = 0
    for (let i = 0; i < this.queues.length; i++) taken += this.takeFrom(i, answers)
    return taken
  }

  private takeFrom(index: number, answers: Answers): number {
    const { reader, owners, conversations, queues } = this
    const queue = queues[index]
    const { words } = queue
    const received = queue.receive(this.batchMax)
    if (received === 0) {
      // What the card did not take before may go now.
      if (queue.isStalled()) queue.flush()
      return 0
    }
    answers.begin(this.halves[index])
    for (let i = 0; i < received; i++) {
      const kind = reader.read(words, queue.addresses[i], queue.lengths[i])
      if (kind !== FRAME_IPV4 && kind !== FRAME_IPV6) {
        answers.refuse()
        continue
      }
      const udp = reader.payload - 2
      const owner = owners[words[udp] >>> 16]
      if (owner === NOBODY) continue
      answers.take(conversations[owner], words, reader.payload, reader.bytes)
    }
    queue.recycle()
    return received
  }
}
