// What carries bytes between a worker and the tracker: TCP by epoll (tcp-transport.ts) or the runtime's
// TLS sockets (tls-transport.ts). Both know slots, of which each has one connection at a time, and no HTTP.

export interface Transport {
  /** What is sent is written here first, from 0. */
  readonly output: Uint8Array
  /**
   * Starts a connection from a source's address, and sends so many bytes of the output once it is open.
   * False when it could not even be started.
   */
  connect(slot: number, source: number, length: number): boolean
  /** Sends on an open connection; what the system does not take at once follows later. */
  send(slot: number, length: number): void
  /** Ends the connection from our side. Nothing more is told of it, and the slot is free at once. */
  close(slot: number): void
}

/** Who is told of what happens on the connections: connections.ts. */
export interface TransportUser {
  opened(slot: number): void
  /** The bytes are valid during the call. */
  received(slot: number, bytes: Uint8Array, from: number, to: number): void
  /** The tracker has ended the connection, or it has failed. The slot is free. */
  ended(slot: number): void
}
