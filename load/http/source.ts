// An address that connections of a worker come from, and the peers that announce from it. Made by
// worker.ts; generate.ts moves its cursor.

export class Source {
  /** Among the sources of all workers. */
  readonly index: number
  /** Torrent and rank of each of its peers, in the order in which they announce. */
  readonly peers: Int32Array
  /** The next of them. */
  cursor = 0

  constructor(index: number, peers: Int32Array) {
    this.index = index
    this.peers = peers
  }
}
