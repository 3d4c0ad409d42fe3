// A second protocol on the connections of a worker: its host serves the connections, and gives those whose request asks
// for the guest's protocol (Upgrade) to the guest's handler, for good. The host's loop calls the guest in each turn.
// Implemented by the guest's protocol (ws/worker/guest.ts); hosts know this interface only.
import type { WorkerStart } from '../process/workers.ts'
import type { Blocks } from './blocks.ts'
import type { Connection } from './connection.ts'
import type { TcpConnections } from './connections.ts'
import type { Output } from './output.ts'
import type { NativeMemory } from './tls-server.ts'
import type { Transfer } from './transfer.ts'

/** What a guest gets of its host. */
export interface GuestHost {
  readonly output: Output
  readonly blocks: Blocks
  /** The bytes of `blocks` that are the host's own; the guest adds what it needs. */
  readonly blockBytes: number
  /** On an event loop: has something done at the end of the turn. Null: the host calls `endTurn`. */
  readonly plan: ((task: () => void) => void) | null
}

export interface Guest {
  /** What it sends from. */
  readonly memory: NativeMemory
  /** An eventfd that ends the host's wait; −1 on an event loop. */
  readonly wakeEvent: number
  /** Who has the connections. */
  connect(server: TcpConnections, transfer: Transfer): void
  /** Its share of a stop of the process: tells its connections. */
  sayGoodbyeToAll(): void
  /** Another process serves in this one's place: its connections end one after the other. */
  beginDrain(): void
  /** Takes the next step of that; true once none is left. */
  drainOn(): boolean
  /** Shows its counters, for the last time. */
  report(): void

  /** Takes a whole request that asks for its protocol, as a handler does; if it refuses, the connection ends with its answer. */
  consume(connection: Connection, input: Uint8Array, from: number, to: number): number

  // In each turn of the host's loop.
  /** A loop that blocks may wait now. */
  maySleep(): boolean
  /** The same after the wait. */
  awake(): void
  /** Reads the clock; before connections are served. */
  setTime(): void
  /** Connections have been served: what was put off until now, and what is due. */
  endTurn(): void
  /** A slice of cleaning; true if there is more to do. */
  clean(): boolean
}

/** Makes the guest of a worker from its part of the worker's start data; `start`: of the worker. */
export type OpenGuest = (start: WorkerStart, own: object, host: GuestHost) => Guest
