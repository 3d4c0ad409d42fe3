// Other nodes in place of connections: in the swarms a node's peers belong to a slot, as a client's belong to its connection
// (swarm/connections.ts). So workers see by the slot's state whether offers may go there, and cleaning whether its peers stay. A
// node takes a new slot for each of its runs and each time that it tells all its peers: who is left with the old one is gone.
// Used by web-nodes.ts. Owns which slots are free.
import { type ConnectionStates, GENERATION_MASK, SLOT_BITS } from '../../swarm/connections.ts'
import { MASK_WORDS, NODE_SLOTS } from '../worker/other-nodes.ts'

export interface NodeSlot {
  readonly slot: number
  /** As a peer's row has it in place of a connection. */
  readonly connection: number
  readonly generation: number
}

/** What a node keeps over all its slots. */
export interface NodeIdentity {
  /** What its peers' ids are combined with. */
  readonly mask: Int32Array
  /** In place of an address: its slots may take peers over from each other. */
  readonly address: readonly [high: number, low: number]
}

export class NodeSlots {
  private readonly states: ConnectionStates
  private readonly masks: Int32Array
  private readonly worker: number
  private readonly generations = new Int32Array(NODE_SLOTS)
  private readonly isOpen = new Uint8Array(NODE_SLOTS)
  /** Closed, but rows may still name them. */
  private dirty: number[] = []
  private readonly free: number[] = Array.from({ length: NODE_SLOTS }, (_, slot) => slot)

  constructor(states: ConnectionStates, masks: SharedArrayBuffer, worker: number) {
    this.states = states
    this.masks = new Int32Array(masks)
    this.worker = worker
  }

  /** Null if all are in use: then nodes come and go faster than their peers are removed. */
  open({ mask, address }: NodeIdentity, now: number): NodeSlot | null {
    const slot = this.free.shift()
    if (slot === undefined) return null
    const connection = (this.worker << SLOT_BITS) | slot
    for (let i = 0; i < MASK_WORDS; i++) {
      Atomics.store(this.masks, slot * MASK_WORDS + i, mask[i])
    }
    this.states.setAddress(connection, address[0], address[1])
    this.states.setLife(connection, now)
    this.isOpen[slot] = 1
    const opened = { slot, connection, generation: this.generations[slot] }
    // Something has just come of it.
    this.set(opened, true)
    return opened
  }

  /** Whether offers may go there. */
  set({ connection, generation }: NodeSlot, takesOffers: boolean): void {
    this.states.set(connection, generation, false, !takesOffers)
  }

  showLife({ connection }: NodeSlot, now: number): void {
    this.states.setLife(connection, now)
  }

  close({ slot, connection, generation }: NodeSlot): void {
    this.states.close(connection, generation)
    this.isOpen[slot] = 0
    this.dirty.push(slot)
  }

  /** Those that were closed until now, for a walk that begins. */
  takeDirty(): number[] {
    const taken = this.dirty
    this.dirty = []
    return taken
  }

  get hasDirty(): boolean {
    return this.dirty.length > 0
  }

  /** No row names them any more. */
  cleaned(slots: readonly number[]): void {
    for (const slot of slots) {
      this.generations[slot] = (this.generations[slot] + 1) & GENERATION_MASK
      this.free.push(slot)
    }
  }

  /** Whether a row's owner is a node that is there. */
  isGone(slot: number, generation: number): boolean {
    return this.isOpen[slot] === 0 || this.generations[slot] !== generation
  }
}
