// Where a socket worker's packets come from and answers go, batch by batch: the kernel's sockets
// (os/packet-batch.ts), or the queues of network cards (xdp-source.ts). Used by receive.ts, which sees nothing else of either.
export interface PacketSource {
  /** Received packets lie here, */
  readonly words: Int32Array
  /** and their senders, as socket addresses: of packet i from word i × NAME_WORDS on. */
  readonly names: Int32Array
  /** Where answers are written to. */
  readonly out: Int32Array
  /** The received packet being handled; set by the user. */
  current: number
  /** Receives up to `max` packets without waiting; returns how many. */
  receive(max: number): number
  /** The first word of received packet i. */
  wordOf(i: number): number
  length(i: number): number
  /** The first word of an answer to packet i, with room for the longest. It may remain unused. */
  answerWord(i: number): number
  /** Queues the `bytes` at `answerWord` as the answer to packet i: to where it came from, from where it went to. */
  queue(i: number, bytes: number): void
  /** Packet i is done with. */
  release(i: number): void
  /** Sends all queued answers without waiting; returns how many were lost. */
  flush(): number
}
