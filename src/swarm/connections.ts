// Which connections live: one word of shared memory per connection slot of each worker.
// Written by the worker that has the connection, read by all: swarm.ts asks whether a peer's owner
// still lives before another connection may take its peer id over. Owns the words.
//
//  bits 0–15 generation of the slot │ 16 open │ 17 has missed a ping │ 18 has a backlog
//
// Beside it, the address that each connection comes from, in two words: a peer id may be taken over from a
// connection that seems to live by another one of the same address.
//
// And the second at which it last showed life, by a message, a ping or an answer to one: clean.ts asks before
// it forgets a peer that has not announced for a long time.
//
// A connection is named by two numbers: worker and slot (`connection`), and the generation, which
// grows each time the slot is used. So the name of a closed connection differs from that of the next one.
import { isKeyOfThisMachine } from './address.ts'

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
  readonly addresses: SharedArrayBuffer
  readonly life: SharedArrayBuffer
  readonly slotsPerWorker: number
}

/** `more`: slots of one more worker, the last. */
export function createConnectionStates(
  workers: number,
  slotsPerWorker: number,
  more = 0,
): ConnectionBuffers {
  const slots = workers * slotsPerWorker + more
  return {
    states: new SharedArrayBuffer(slots * 4),
    addresses: new SharedArrayBuffer(slots * 8),
    life: new SharedArrayBuffer(slots * 4),
    slotsPerWorker,
  }
}

export class ConnectionStates {
  private readonly states: Int32Array
  private readonly addresses: Int32Array
  private readonly life: Int32Array
  private readonly slotsPerWorker: number

  constructor(buffers: ConnectionBuffers) {
    this.states = new Int32Array(buffers.states)
    this.addresses = new Int32Array(buffers.addresses)
    this.life = new Int32Array(buffers.life)
    this.slotsPerWorker = buffers.slotsPerWorker
  }

  // HOT: no allocation below this line.

  /** Where a connection comes from (tcp/client-address.ts). Called by its worker only, before it is open. */
  setAddress(connection: number, high: number, low: number): void {
    const at = this.at(connection) * 2
    Atomics.store(this.addresses, at, high)
    Atomics.store(this.addresses, at + 1, low)
  }

  /**
   * True when two open connections come from one address. Not for those of this machine: they come through a
   * proxy, from anywhere.
   */
  haveSameAddress(one: number, other: number): boolean {
    const { addresses } = this
    const at = this.at(one) * 2
    const bt = this.at(other) * 2
    const high = Atomics.load(addresses, at)
    const low = Atomics.load(addresses, at + 1)
    if (isKeyOfThisMachine(high, low)) return false
    return high === Atomics.load(addresses, bt) && low === Atomics.load(addresses, bt + 1)
  }

  /** Sets the state of an open connection. Called by its worker only. */
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

  /** It showed life at this second. Called by its worker only, and before it is open. */
  setLife(connection: number, now: number): void {
    Atomics.store(this.life, this.at(connection), now)
  }

  /** When the connection last showed life; −1 when it is not open any more. */
  lifeOf(connection: number, generation: number): number {
    const at = this.at(connection)
    // In this order: a later connection in the slot would show in the state.
    const life = Atomics.load(this.life, at)
    const state = Atomics.load(this.states, at)
    return (state & (OPEN | GENERATION_MASK)) === (generation | OPEN) ? life : -1
  }

  /** True when the connection is open, answers pings, and has sent all it has to send. */
  takesOffers(connection: number, generation: number): boolean {
    return Atomics.load(this.states, this.at(connection)) === (generation | OPEN)
  }

  private at(connection: number): number {
    return (connection >>> SLOT_BITS) * this.slotsPerWorker + (connection & SLOT_MASK)
  }
}
