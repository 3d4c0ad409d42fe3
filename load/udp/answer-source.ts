// Where a load worker's answers come from: one of its sockets, or the queues of a network card (frame-source.ts) for all of
// its ports. Made and asked by worker.ts.
import { type PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import type { Answers } from './check.ts'
import type { Conversation } from './conversation.ts'

export interface AnswerSource {
  /** Has the answers that are there checked, a batch at most, without waiting; returns how many. */
  take(answers: Answers): number
}

export class SocketSource implements AnswerSource {
  private readonly batch: ReceiveBatch
  private readonly memory: PacketMemory
  private readonly halves: Uint16Array
  private readonly conversation: Conversation

  constructor(fd: number, memory: PacketMemory, conversation: Conversation) {
    this.batch = new ReceiveBatch(fd, memory)
    this.memory = memory
    this.halves = new Uint16Array(memory.received.buffer)
    this.conversation = conversation
  }

  // HOT: no allocation below this line.

  take(answers: Answers): number {
    const { batch, memory, conversation } = this
    const received = batch.receive(memory.slots)
    if (received === 0) return 0
    answers.begin(this.halves)
    for (let i = 0; i < received; i++) {
      answers.take(conversation, memory.received, i * memory.slotWords, batch.length(i))
    }
    return received
  }
}
