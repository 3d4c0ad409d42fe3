// Two batches on loopback sockets that send to each other. Used by the tests of os/.
import { NAME_WORDS } from '../../src/os/message.ts'
import { PacketBatch, PacketMemory } from '../../src/os/packet-batch.ts'
import { Poll } from '../../src/os/poll.ts'
import { socketAddress } from '../../src/os/socket.ts'
import { closeSocket, openUdpSocket } from '../../src/os/udp-socket.ts'
import { addressBytes } from '../support/packets.ts'

export interface End {
  readonly batch: PacketBatch
  readonly memory: PacketMemory
  readonly port: number
  readonly fd: number
  readonly poll: Poll
}

export const SLOTS = 64
export const SLOT_BYTES = 256
const ANSWER_BYTES = 256
const SECONDS_MAX = 10

export function openEnd(host = '127.0.0.1', packetInfo = false, slots = SLOTS): End {
  const { fd, port } = openUdpSocket({
    family: host.includes(':') ? 6 : 4,
    address: [...addressBytes(host)],
    port: 0,
    sharePort: false,
    dualStack: true,
    packetInfo,
    receiveBufferBytes: 4_000_000,
  })
  const memory = new PacketMemory(slots, SLOT_BYTES, ANSWER_BYTES)
  return { batch: new PacketBatch(fd, memory, packetInfo), memory, port, fd, poll: new Poll([fd]) }
}

export function closeEnds(...ends: End[]): void {
  for (const { fd } of ends) closeSocket(fd)
}

/** Writes `bytes` to where the next answer goes, and queues it as the answer to packet `slot`. */
export function queueBytes({ batch, memory }: End, slot: number, bytes: Uint8Array): void {
  new Uint8Array(memory.answers.buffer).set(bytes, memory.end * 4)
  batch.queue(slot, bytes.length)
}

/** Makes slot `slot` look as if its packet had come from there, so that an answer goes there. */
export function pretendFrom({ batch }: End, slot: number, host: string, port: number): void {
  const family = host.includes(':') ? 6 : 4
  const name = socketAddress({ family, address: [...addressBytes(host)], port })
  batch.names.set(name, slot * NAME_WORDS)
}

/** Waits for packets and receives up to `max` of them. */
export function receiveSome({ batch, poll }: End, max: number): number {
  const until = performance.now() + SECONDS_MAX * 1000
  for (;;) {
    const received = batch.receive(max)
    if (received > 0) return received
    if (performance.now() > until) throw new Error('no packet')
    poll.wait(100)
  }
}

export function packetOf({ batch, memory }: End, slot: number): Buffer {
  const at = slot * memory.slotWords * 4
  const length = Math.min(batch.length(slot), SLOT_BYTES)
  return Buffer.from(Buffer.from(memory.received.buffer).subarray(at, at + length))
}

/** The port that packet `slot` came from. */
export function portOf({ batch }: End, slot: number): number {
  const head = batch.names[slot * NAME_WORDS]
  return ((head >>> 8) & 0xff00) | (head >>> 24)
}
