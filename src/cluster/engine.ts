// What the nodes of a cluster need of the engine that carries their messages. `nats.ts` is one; tests
// have a simulated one. Called by the link (link.ts), in the cluster's own thread.
//
// An engine may lose, delay, repeat and reorder messages, and be away for any time: the link finds out
// what it missed. It must never throw at its callers, block them, or store without bound.

export interface Engine {
  /** False when it is not connected or has no room. Afterwards the caller may change `bytes`. */
  publish(subject: string, bytes: Uint8Array): boolean
  /**
   * Also receives what comes after a reconnect. A token `*` of `subject` stands for any one token.
   * `bytes` are valid, and perhaps unaligned, during the call only. Own messages need not arrive.
   */
  subscribe(subject: string, receive: (bytes: Uint8Array, subject: string) => void): void
  isConnected(): boolean
  /** Called at each change, with a reason for the log. */
  onStatus(handler: (connected: boolean, reason: string) => void): void
  /** Called each time it refuses something of this node's and stays connected, such as a subject that its account may not use. */
  onRefusal(handler: (reason: string) => void): void
  /** Sends what is buffered, if that is possible soon, and ends. */
  close(): Promise<void>
}
