// One socket of a load worker and what belongs to it: its connection id, its peers, its batches.
// Made by worker.ts; generate.ts and check.ts read and write its fields.
import { type PacketMemory, ReceiveBatch } from '../../src/os/packet-batch.ts'
import { PacketTrain } from './packet-train.ts'

export class Conversation {
  /** For receiving, and for sending. */
  readonly batch: ReceiveBatch
  readonly train: PacketTrain
  readonly memory: PacketMemory
  readonly fd: number
  /** Among the sockets of its worker, and of all workers. */
  readonly index: number
  readonly socket: number
  /** Torrent and rank of each of its peers, in the order in which they announce. */
  readonly peers: Int32Array
  /** The next of them. */
  cursor = 0
  hasId = false
  id0 = 0
  id1 = 0
  /** When the id has to be renewed (ms). */
  renewAtMs = 0

  constructor(
    fd: number,
    memory: PacketMemory,
    trains: boolean,
    index: number,
    socket: number,
    peers: Int32Array,
  ) {
    this.batch = new ReceiveBatch(fd, memory)
    this.train = new PacketTrain(fd, memory, trains)
    this.memory = memory
    this.fd = fd
    this.index = index
    this.socket = socket
    this.peers = peers
  }
}
