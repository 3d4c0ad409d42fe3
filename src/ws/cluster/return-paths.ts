// The way back of offers that came from other nodes: to the worker that passes one on its offerer is a connection like any other,
// which is an entry here. Used by relay.ts. Bounded: the oldest entries make room, whose answers then are for a connection that
// has gone.
import { GENERATION_MASK, SLOT_BITS, SLOT_MASK } from '../../swarm/connections.ts'
import { ID_WORDS } from '../wire/request.ts'

/** Offers from other nodes that are unanswered and can still be answered: 1,000 a second for two minutes. 5 MB. */
const PATHS = 2 ** 17

//  an entry: 0 number of the node │ 1 its start │ 2, 3 the offerer's connection there and its generation │ 4 seal │ 5…9 its peer id
const START = 1
const CONNECTION = 2
const GENERATION = 3
const SEAL = 4
const PEER_ID = 5
const PATH_WORDS = PEER_ID + ID_WORDS

export interface ReturnPath {
  /** 0: unknown. */
  node: number
  start: number
  connection: number
  generation: number
  seal: number
}

export class ReturnPaths {
  readonly words: Int32Array
  /** Where the peer id of the path that was found last is. */
  peerIdAt = PEER_ID
  /** How a worker knows the path that was added last. */
  readonly name = { id: 0, generation: 0 }
  readonly found: ReturnPath = { node: 0, start: 0, connection: 0, generation: 0, seal: 0 }
  private readonly paths: number
  private readonly worker: number
  private next = 0
  private round = 0

  constructor(worker: number, paths = PATHS) {
    this.worker = worker
    this.paths = paths
    // An explicit buffer, whose memory the system provides as it is touched.
    this.words = new Int32Array(new SharedArrayBuffer(paths * PATH_WORDS * 4))
  }

  // HOT: no allocation below this line.

  /** Fills `name`. The peer id is at `ids[at]`. */
  add(path: ReturnPath, ids: Int32Array, at: number): void {
    const { words, name } = this
    const to = this.next * PATH_WORDS
    words[to] = path.node
    words[to + START] = path.start
    words[to + CONNECTION] = path.connection
    words[to + GENERATION] = path.generation
    words[to + SEAL] = path.seal
    for (let i = 0; i < ID_WORDS; i++) words[to + PEER_ID + i] = ids[at + i]
    name.id = (this.worker << SLOT_BITS) | this.next
    name.generation = this.round
    this.next++
    if (this.next < this.paths) return
    this.next = 0
    this.round = (this.round + 1) & GENERATION_MASK
  }

  /** Fills `found`; false if there is no such path any more. Each leads back once. */
  take(id: number, generation: number): boolean {
    const { words, found } = this
    const slot = id & SLOT_MASK
    if (slot >= this.paths) return false
    const round = slot < this.next ? this.round : (this.round - 1) & GENERATION_MASK
    const at = slot * PATH_WORDS
    if (generation !== round || words[at] === 0) return false
    found.node = words[at]
    found.start = words[at + START]
    found.connection = words[at + CONNECTION]
    found.generation = words[at + GENERATION]
    found.seal = words[at + SEAL]
    this.peerIdAt = at + PEER_ID
    words[at] = 0
    return true
  }
}
