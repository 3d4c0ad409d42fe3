// The other nodes of a cluster as a worker knows them: it notes for them which of its clients' peers have come, changed or left,
// and offers may go to peers of theirs. Called by handle.ts; the cluster's thread (ws/cluster/) reads the notes and puts the
// others' peers into the swarms. Owns its end of a ring.
//
// A note says only which peer: what has become of it, the cluster's thread sees in the swarm, as notes of several workers come in
// any order. A note that finds no room is counted, and everything is told again.
//
// The row of another node's peer has that node in place of a connection. Its peer id is not as it came: words of it are combined
// with a secret of that node, so that the same client at two nodes is two peers, neither of which can take the other's place.
import { createRing, RingWriter } from '../../channel/ring.ts'
import type { Announce } from '../../swarm/announce.ts'
import { type ConnectionStates, SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import { PEER_CONNECTION } from '../../swarm/layout.ts'
import { generationAt } from '../../swarm/owner.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Table } from '../../swarm/table/table.ts'
import { ID_WORDS, INFO_HASH, PEER_ID } from '../wire/request.ts'
import { copyReceiver, RECEIVER_WORDS } from './receivers.ts'

// A note: 0…4 info hash │ 5…9 peer id │ 10 it has just completed its download
export const NOTE_PEER_ID = ID_WORDS
export const NOTE_COMPLETED = 2 * ID_WORDS
export const NOTE_WORDS = NOTE_COMPLETED + 1

/** 256 KiB: what 5,000 peers do at once. */
const NOTES_RING_WORDS = 2 ** 16

/** Slots of nodes: each of them takes one for each of its runs, and for each time that it tells everything. */
export const NODE_SLOTS = 1024
/** Words of a peer id that stay as they are: the client's name and version, by which clients are counted. */
export const PLAIN_WORDS = 2
export const MASK_WORDS = ID_WORDS - PLAIN_WORDS

/** What a worker shares with the cluster's thread. */
export interface OtherNodesData {
  readonly notes: SharedArrayBuffer
  /** How many notes of all workers have found no room; wraps. */
  readonly lost: SharedArrayBuffer
  /** By slot of a node: what its peers' ids are combined with. */
  readonly masks: SharedArrayBuffer
  /** In place of a worker, in the names of connections. */
  readonly worker: number
}

export function createOtherNodes(workers: number): OtherNodesData[] {
  const lost = new SharedArrayBuffer(4)
  const masks = new SharedArrayBuffer(NODE_SLOTS * MASK_WORDS * 4)
  return Array.from({ length: workers }, () => {
    return { notes: createRing(NOTES_RING_WORDS), lost, masks, worker: workers }
  })
}

export interface OtherNodesParts {
  readonly data: OtherNodesData
  readonly swarms: Swarms
  readonly states: ConnectionStates
  /** Where receivers are written (receivers.ts). */
  readonly receivers: Int32Array
}

export class OtherNodes {
  private readonly ring: RingWriter
  private readonly lost: Int32Array
  private readonly masks: Int32Array
  private readonly worker: number
  private readonly swarms: Swarms
  private readonly states: ConnectionStates
  private readonly receivers: Int32Array
  /** Of the choice under way: the table, the ids of the request, how many receivers there are, and are wanted. */
  private table: Table | null = null
  private ids: Int32Array
  private count = 0
  private wanted = 0

  constructor({ data, swarms, states, receivers }: OtherNodesParts) {
    this.ring = new RingWriter(data.notes, NOTE_WORDS)
    this.lost = new Int32Array(data.lost)
    this.masks = new Int32Array(data.masks)
    this.worker = data.worker
    this.swarms = swarms
    this.states = states
    this.receivers = receivers
    this.ids = receivers
  }

  // HOT: no allocation below this line.

  /** After an announce of the peer of these ids (request.ts): others are told if it has come, or has changed its role. */
  entered(ids: Int32Array, { joined, before, seeder, counted }: Announce): void {
    if (!joined && (before === 0 || before < 0 === seeder)) return
    this.note(ids, INFO_HASH, PEER_ID, counted)
  }

  /** After a change of the peer whose ids are at these positions of `words`. */
  note(words: Int32Array, infoHash: number, peerId: number, hasCompleted: boolean): void {
    const { ring } = this
    const at = ring.room(NOTE_WORDS)
    if (at === 0) {
      Atomics.add(this.lost, 0, 1)
      return
    }
    for (let i = 0; i < ID_WORDS; i++) {
      ring.words[at + i] = words[infoHash + i]
      ring.words[at + NOTE_PEER_ID + i] = words[peerId + i]
    }
    ring.words[at + NOTE_COMPLETED] = hasCompleted ? 1 : 0
    ring.append(at, NOTE_WORDS)
    ring.publish()
  }

  /**
   * As chooseReceivers does: peers of this node first, and those of others where there are fewer of them than offers. One of
   * several offers goes to another node in any case: else clients of a large swarm at one node would find each other only, and
   * never the seeder at another. `ids`: of the request. Called under the table's lock.
   */
  choose(table: Table, ids: Int32Array, wanted: number): number {
    this.table = table
    this.ids = ids
    this.count = 0
    this.wanted = wanted
    this.add(false, false)
    this.add(false, true)
    const isFull = this.count === wanted
    if (isFull && wanted > 1) this.count--
    this.add(true, false)
    this.add(true, true)
    // If there is nobody, the last of the own is still in its place.
    if (isFull) this.count = wanted
    return this.count
  }

  /** Adds receivers of one sort. */
  private add(ofOthers: boolean, seeders: boolean): void {
    const { choice } = this.swarms
    const { runs, runCount } = choice
    // From any place on: there are more candidates than offers, and offers are for all of them.
    const first = (choice.random() * runCount) | 0
    for (let i = 0; i < runCount; i++) {
      const run = first + i < runCount ? first + i : first + i - runCount
      this.addFrom(runs[run * 2], runs[run * 2 + 1], ofOthers, seeders)
    }
  }
  /** Of a run of candidates. */
  private addFrom(base: number, peers: number, ofOthers: boolean, seeders: boolean): void {
    const { states, receivers, wanted, ids, table } = this
    if (table === null) return
    const { words, stride } = table
    const skip = (this.swarms.choice.random() * peers) | 0
    for (let i = 0; i < peers && this.count < wanted; i++) {
      const at = base + (skip + i < peers ? skip + i : skip + i - peers) * stride
      if (words[at + stride - 1] < 0 !== seeders) continue
      const connection = words[at + PEER_CONNECTION]
      if ((connection >>> SLOT_BITS === this.worker) !== ofOthers) continue
      if (!states.takesOffers(connection, generationAt(words, at))) continue
      if (ofOthers && this.isAsking(words, at, connection & SLOT_MASK, ids)) continue
      copyReceiver(words, at, receivers, this.count * RECEIVER_WORDS)
      this.count++
    }
  }

  /** It is the asking peer itself, at another node. */
  private isAsking(words: Int32Array, at: number, slot: number, ids: Int32Array): boolean {
    const { masks } = this
    const mask = slot * MASK_WORDS - PLAIN_WORDS
    for (let i = 0; i < ID_WORDS; i++) {
      const plain = i < PLAIN_WORDS ? words[at + i] : words[at + i] ^ masks[mask + i]
      if (plain !== ids[PEER_ID + i]) return false
    }
    return true
  }
}
