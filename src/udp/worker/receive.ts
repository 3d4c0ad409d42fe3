// Takes a batch of packets from a socket, handles each, and sends the answers. Called in a loop by
// socket-worker.ts, once per turn and socket.

import { AF_INET } from '../../os/kernel.ts'
import { FAMILY_MASK, isNamedIPv4, NAME_WORDS, readName } from '../../os/message.ts'
import type { PacketBatch } from '../../os/packet-batch.ts'
import type { LookAhead } from '../../swarm/table/look-ahead.ts'
import {
  ACTION_ANNOUNCE,
  ANNOUNCE_BYTES_MIN,
  ANNOUNCE_INFO_HASH,
  REQUEST_ACTION,
} from '../wire/layout.ts'
import { familyOf, type Request } from '../wire/request.ts'
import { RECEIVED_BYTES, REJECTED_SOURCE_PORT, SEND_FAILURES, SENT_BYTES } from './counters.ts'
import type { Handler } from './handle.ts'

// HOT: no allocation below this line.

/** Serves at most `max` packets; returns how many there were. */
export function serveBatch(
  batch: PacketBatch,
  handler: Handler,
  request: Request,
  max: number,
): number {
  const received = batch.receive(max)
  if (received === 0) return 0
  const counts = handler.counts
  const { memory } = batch
  request.words = memory.received
  request.out = memory.answers
  const ahead = handler.ahead
  request.isHashed = ahead?.isWorthwhile(received) === true
  if (ahead !== null && request.isHashed) lookAhead(batch, received, ahead)
  for (let i = 0; i < received; i++) {
    batch.current = i
    request.at = i * memory.slotWords
    request.bytes = batch.length(i)
    request.to = memory.end
    if (ahead !== null) request.announce.hash = ahead.hashes[i]
    const answer = answerPacket(batch, handler, request, i * NAME_WORDS)
    counts[request.family + RECEIVED_BYTES] += request.bytes
    if (answer !== 0) {
      batch.queue(i, answer)
      counts[request.family + SENT_BYTES] += answer
    }
    batch.release(i)
  }
  counts[SEND_FAILURES] += batch.flush()
  return received
}

/** Whatever looks like an announce: whether it is a good one will show. */
function lookAhead(batch: PacketBatch, received: number, ahead: LookAhead): void {
  const { names, memory } = batch
  const words = memory.received
  for (let i = 0; i < received; i++) {
    const at = i * memory.slotWords
    const isAnnounce =
      words[at + REQUEST_ACTION] === ACTION_ANNOUNCE && batch.length(i) >= ANNOUNCE_BYTES_MIN
    if (isAnnounce)
      ahead.hash(i, isNamedIPv4(names, i * NAME_WORDS), words, at + ANNOUNCE_INFO_HASH)
    else ahead.skip(i)
  }
  ahead.readAll(received)
}

/** Answers the packet of `request`, from the address at `name`; returns the size of the answer, 0 for none. */
function answerPacket(
  batch: PacketBatch,
  handler: Handler,
  request: Request,
  name: number,
): number {
  const { names } = batch
  const head = names[name]
  // Port 0 cannot be answered, and sendmmsg would stop there.
  if (head >>> 16 === 0) {
    request.family = familyOf((head & FAMILY_MASK) === AF_INET)
    handler.counts[request.family + REJECTED_SOURCE_PORT]++
    return 0
  }
  readName(request.peer, names, name)
  return handler.handle(request)
}
