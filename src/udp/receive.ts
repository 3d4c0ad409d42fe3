// Takes a batch of packets from a socket, has each handled, and sends the answers.
// Called in a loop by socket-worker.ts, once per turn and socket.
import type { PacketBatch } from '../os/packet-batch.ts'
import { NAME_WORDS } from '../os/message.ts'
import {
  FAMILY_IPV4,
  FAMILY_IPV6,
  RECEIVED_BYTES,
  REJECTED_SOURCE_PORT,
  SEND_FAILURES,
  SENT_BYTES,
} from './counters.ts'
import type { Handler } from './handle.ts'

// struct sockaddr in words: family in the low half, port in the high half of word 0.
const FAMILY_MASK = 0xffff
const AF_INET = 2
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
  const a0 = names[name + 2]
  const a1 = names[name + 3]
  const a2 = names[name + 4]
  const a3 = names[name + 5]
  if (a0 === 0 && a1 === 0 && a2 === MAPPED_WORD) {
    return handler.handle(words, at, bytes, true, a3, 0, 0, 0, out, to)
  }
  return handler.handle(words, at, bytes, false, a0, a1, a2, a3, out, to)
}
