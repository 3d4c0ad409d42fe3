// Takes a batch of packets from a socket, handles each, and sends the answers. Called in a loop by
// socket-worker.ts, once per turn and socket.

import { AF_INET } from '../../os/kernel.ts'
import { FAMILY_MASK, isMapped, NAME_WORDS } from '../../os/message.ts'
import type { PacketBatch } from '../../os/packet-batch.ts'
import type { Peer } from '../../swarm/peers/peer.ts'
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
  for (let i = 0; i < received; i++) {
    batch.current = i
    request.at = i * memory.slotWords
    request.bytes = batch.length(i)
    request.to = memory.end
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
  readSource(request.peer, names, name)
  return handler.handle(request)
}

/** Reads the peer's address from the socket address at `names[name]`. */
export function readSource(peer: Peer, names: Int32Array, name: number): void {
  if ((names[name] & FAMILY_MASK) === AF_INET) peer.setIPv4(names[name + 1])
  else if (isMapped(names, name)) peer.setIPv4(names[name + 5])
  else peer.setWords(names, name + 2)
}
