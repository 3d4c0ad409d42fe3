// Which connections live: one word of shared memory per connection slot of each worker.
// Written by the worker that has the connection, read by all: swarm.ts asks whether a peer's owner
// still lives before another connection may take its peer id over. Owns the words.
//
//  bits 0–15 generation of the slot │ 16 open │ 17 has missed a ping │ 18 has a backlog
//
// A connection is named by two numbers: worker and slot (`connection`), and the generation, which
// grows each time the slot is used. So a name that outlived its connection is told from the next one.

export const SLOT_BITS = 24
export const SLOT_MASK = (1 << SLOT_BITS) - 1
export const WORKERS_MAX = 256
export const GENERATION_MASK = 0xffff

const OPEN = 1 << 16
const MISSED_PING = 1 << 17
const BACKLOG = 1 << 18

/** What all workers share. Address space only: a page costs memory once one of its slots is used. */
export interface ConnectionBuffers {
  readonly states: SharedArrayBuffer
  readonly slotsPerWorker: number
}

export function createConnectionStates(workers: number, slotsPerWorker: number): ConnectionBuffers {
  return { states: new SharedArrayBuffer(workers * slotsPerWorker * 4), slotsPerWorker }
}

export class ConnectionStates {
  private readonly states: Int32Array
  private readonly slotsPerWorker: number

  constructor(buffers: ConnectionBuffers) {
    this.states = new Int32Array(buffers.states)
    this.slotsPerWorker = buffers.slotsPerWorker
  }

  // HOT: no allocation below this line.

  /** Says what is true of an open connection. Called by its worker only. */
  set(connection: number, generation: number, missedPing: boolean, backlog: boolean): void {
    const state = generation | OPEN | (missedPing ? MISSED_PING : 0) | (backlog ? BACKLOG : 0)
    Atomics.store(this.states, this.at(connection), state)
  }

  close(connection: number, generation: number): void {
    Atomics.store(this.states, this.at(connection), generation)
  }

  /** True while the connection is open and answers pings. */
  lives(connection: number, generation: number): boolean {
    const state = Atomics.load(this.states, this.at(connection))
    return (state & ~BACKLOG) === (generation | OPEN)
  }

  /** True when the connection is open, answers pings, and has sent all it has to send. */
  takesOffers(connection: number, generation: number): boolean {
    return Atomics.load(this.states, this.at(connection)) === (generation | OPEN)
  }

  private at(connection: number): number {
    return (connection >>> SLOT_BITS) * this.slotsPerWorker + (connection & SLOT_MASK)
  }
}
