// Takes a batch of packets from a socket, has each handled, and sends the answers.
// Called in a loop by socket-worker.ts, once per turn and socket.

import { AF_INET, FAMILY_MASK, NAME_WORDS } from '../os/message.ts'
import type { PacketBatch } from '../os/packet-batch.ts'
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  RECEIVED_BYTES,
  REJECTED_SOURCE_PORT,
  SEND_FAILURES,
  SENT_BYTES,
} from './counters.ts'
import type { Handler } from './handle.ts'

// ::ffff:0:0/96, IPv4 addresses on an IPv6 socket: words 2 and 3 are 0, word 4 is this.
const MAPPED_WORD = 0xffff0000 | 0

// HOT: no allocation below this line.

/** Serves at most `max` packets; returns how many there were. */
export function serveBatch(batch: PacketBatch, handler: Handler, max: number): number {
  const received = batch.receive(max)
  if (received === 0) return 0
  const counts = handler.counts
  for (let i = 0; i < received; i++) {
    const bytes = batch.length(i)
    batch.current = i
    const answer = answerPacket(batch, handler, i, bytes)
    counts[handler.family + RECEIVED_BYTES] += bytes
    if (answer !== 0) {
      batch.queue(i, answer)
      counts[handler.family + SENT_BYTES] += answer
    }
    batch.release(i)
  }
  counts[SEND_FAILURES] += batch.flush()
  return received
}

/** Has packet i answered, and returns the size of the answer, 0 for none. */
function answerPacket(batch: PacketBatch, handler: Handler, i: number, bytes: number): number {
  const memory = batch.memory
  const words = memory.received
  const at = i * memory.slotWords
  const names = batch.names
  const name = i * NAME_WORDS
  const head = names[name]
  // Port 0 cannot be answered, and sendmmsg would stop at it.
  if (head >>> 16 === 0) {
    handler.family = (head & FAMILY_MASK) === AF_INET ? FAMILY_IPV4 : FAMILY_IPV6
    handler.counts[handler.family + REJECTED_SOURCE_PORT]++
    return 0
  }
  const out = memory.answers
  const to = memory.end
  if ((head & FAMILY_MASK) === AF_INET) {
    return handler.handle(words, at, bytes, true, names[name + 1], 0, 0, 0, out, to)
  }
  const a3 = names[name + 5]
  if (isMapped(names, name)) {
    return handler.handle(words, at, bytes, true, a3, 0, 0, 0, out, to)
  }
  const a0 = names[name + 2]
  const a1 = names[name + 3]
  const a2 = names[name + 4]
  return handler.handle(words, at, bytes, false, a0, a1, a2, a3, out, to)
}

/** Whether an IPv6 source address stands for an IPv4 one. */
export function isMapped(names: Int32Array, name: number): boolean {
  return names[name + 2] === 0 && names[name + 3] === 0 && names[name + 4] === MAPPED_WORD
}
