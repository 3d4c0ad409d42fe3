// One port of a load worker and what belongs to it: its connection id, its peers, how it sends.
// Made by worker.ts; generate.ts and check.ts read and write its fields.

/** Where requests are written: the next one at word `end` of `answers`. */
export interface SendMemory {
  readonly answers: Int32Array
  end: number
}

/** Sends requests: a connected socket (packet-train.ts), or the queue of a network card (frame-train.ts). */
export interface Train {
  readonly memory: SendMemory
  /** Queues the `bytes` at `memory.end`. */
  queue(bytes: number): void
  /** Sends all that is queued without waiting; returns how many requests were not sent. */
  flush(): number
}

export class Conversation {
  readonly train: Train
  readonly memory: SendMemory
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

  constructor(train: Train, index: number, socket: number, peers: Int32Array) {
    this.train = train
    this.memory = train.memory
    this.index = index
    this.socket = socket
    this.peers = peers
  }
}
