// Takes a batch of packets from a source, handles each, and sends the answers. Called in a loop by
// socket-worker.ts, once per turn and source.

import { AF_INET } from '../../os/kernel.ts'
import { FAMILY_MASK, isNamedIPv4, NAME_WORDS, readName } from '../../os/message.ts'
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
import type { PacketSource } from './packet-source.ts'

// HOT: no allocation below this line.

/** Serves at most `max` packets; returns how many there were. */
export function serveBatch(
  source: PacketSource,
  handler: Handler,
  request: Request,
  max: number,
): number {
  const received = source.receive(max)
  if (received === 0) return 0
  const counts = handler.counts
  request.words = source.words
  request.out = source.out
  const ahead = handler.ahead
  request.isHashed = ahead?.isWorthwhile(received) === true
  if (ahead !== null && request.isHashed) lookAhead(source, received, ahead)
  for (let i = 0; i < received; i++) {
    source.current = i
    request.at = source.wordOf(i)
    request.bytes = source.length(i)
    request.to = source.answerWord(i)
    if (ahead !== null) request.announce.hash = ahead.hashes[i]
    const answer = answerPacket(source, handler, request, i * NAME_WORDS)
    counts[request.family + RECEIVED_BYTES] += request.bytes
    if (answer !== 0) {
      source.queue(i, answer)
      counts[request.family + SENT_BYTES] += answer
    }
    source.release(i)
  }
  counts[SEND_FAILURES] += source.flush()
  return received
}

/** Whatever looks like an announce: whether it is a good one will show. */
function lookAhead(source: PacketSource, received: number, ahead: LookAhead): void {
  const { names, words } = source
  for (let i = 0; i < received; i++) {
    const at = source.wordOf(i)
    const isAnnounce =
      words[at + REQUEST_ACTION] === ACTION_ANNOUNCE && source.length(i) >= ANNOUNCE_BYTES_MIN
    if (isAnnounce)
      ahead.hash(i, isNamedIPv4(names, i * NAME_WORDS), words, at + ANNOUNCE_INFO_HASH)
    else ahead.skip(i)
  }
  ahead.readAll(received)
}

/** Answers the packet of `request`, from the address at `name`; returns the size of the answer, 0 for none. */
function answerPacket(
  source: PacketSource,
  handler: Handler,
  request: Request,
  name: number,
): number {
  const { names } = source
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
