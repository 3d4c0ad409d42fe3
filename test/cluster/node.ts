// A node of a cluster for tests, without an engine: swarms, a worker that announces, and what the cluster's thread has.
// What one sends is given to others by the test, in any order. Its clock has a phase of its own.
import { createRing } from '../../src/channel/ring.ts'
import { Applier } from '../../src/cluster/apply.ts'
import { CatchUp } from '../../src/cluster/catch-up.ts'
import { ClusterClock } from '../../src/cluster/cluster-clock.ts'
import { Graves } from '../../src/cluster/graves.ts'
import {
  BATCH_AGE_UNIT,
  BATCH_CLOCK,
  BATCH_HEAD_WORDS,
  BATCH_MAGIC_VERSION,
  BATCH_OFFSET,
  BATCH_PURPOSE,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  BATCH_RECORDS_MAX,
  BATCH_SENT_LOW,
  BATCH_START,
  BATCH_WORDS_MAX,
  MAGIC_AND_VERSION,
  PURPOSE_CATCH_UP,
  PURPOSE_LOG,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from '../../src/cluster/layout.ts'
import {
  ClusterNotes,
  createNoteState,
  NOTE_RING_WORDS,
  type NoteData,
} from '../../src/cluster/note.ts'
import { Packer } from '../../src/cluster/pack.ts'
import { BATCH_GOOD, checkBatch } from '../../src/cluster/unpack.ts'
import type { PeerAddresses } from '../../src/peer-addresses/peer-addresses.ts'
import { type AnnounceRequest, SwarmResponder } from '../../src/requests/responder.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { findTorrent, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import {
  address,
  FAMILIES,
  type Family,
  Harness,
  peerAt,
  portOf,
  setPeer,
} from '../swarm/harness.ts'
import { peersOfRow } from '../swarm/invariants.ts'

export const MAX_PEER_AGE = 1800

export interface NodeOptions {
  readonly harness?: Harness
  /** Seconds between this node's clock and the test's. */
  readonly phase?: number
  readonly workers?: number
  /** Without it, the clock of the test. */
  readonly clock?: ClusterClock
  readonly waitingMax?: number
  readonly gravesMax?: number
  readonly ringWords?: number
  readonly maxPeerAge?: number
  /** Which peers are stored; all without it. */
  readonly addresses?: PeerAddresses
}

function clockOf(phase: number): ClusterClock {
  return Object.assign(new ClusterClock(), { id: 1, offset: -Math.floor(phase) })
}

export type Event = 'started' | 'completed' | 'stopped' | 'again'

/** Its answers are the statuses. */
export class Responder extends SwarmResponder<AnnounceRequest> {
  protected override announced(_: AnnounceRequest, status: number): number {
    return status
  }
  protected override refused(_: AnnounceRequest, status: number): number {
    return status
  }
}

export class TestNode {
  readonly harness: Harness
  readonly graves: Graves
  readonly packer: Packer
  readonly clock: ClusterClock
  readonly applier: Applier
  /** Of the workers: for threads of a test, in place of `announce` here. */
  readonly noteData: readonly NoteData[]
  readonly notes: readonly ClusterNotes[]
  readonly state: Int32Array
  readonly maxPeerAge: number
  private readonly responders: readonly Responder[]
  private readonly phase: number
  private readonly announceObject = new Announce()
  private readonly infoHash = new Int32Array(INFO_HASH_WORDS)

  constructor(options: NodeOptions = {}) {
    const { harness = new Harness(), phase = 0, workers = 1 } = options
    this.clock = options.clock ?? clockOf(phase)
    const { addresses = null } = options
    const { ringWords = NOTE_RING_WORDS, waitingMax = 10_000, gravesMax = 10_000 } = options
    this.harness = harness
    this.phase = phase
    this.maxPeerAge = options.maxPeerAge ?? MAX_PEER_AGE
    this.graves = new Graves(gravesMax)
    const { swarms } = harness
    const state = createNoteState(workers)
    this.state = new Int32Array(state)
    const rings = Array.from({ length: workers }, () => createRing(ringWords))
    this.noteData = rings.map((ring, index) => ({ ring, state, index }))
    this.notes = this.noteData.map((data) => new ClusterNotes(data, this.maxPeerAge))
    this.responders = this.notes.map((notes) => {
      const responder = new Responder(swarms, new Int32Array(1))
      responder.notes = notes
      responder.addresses = addresses
      return responder
    })
    const { clock } = this
    this.packer = new Packer({ rings, state, swarms, graves: this.graves, clock, waitingMax })
    this.applier = new Applier({
      swarms,
      totals: new Int32Array(harness.buffers.control),
      graves: this.graves,
      packer: this.packer,
      clock,
      addresses,
      networks: null,
      maxPeerAge: this.maxPeerAge,
    })
  }

  /** This node's second at the time of the test's clock. */
  secondAt(time: number): number {
    return Math.floor(time + this.phase)
  }

  /** An announce that arrives here. Returns the status. */
  announce(
    time: number,
    torrent: number,
    peer: number,
    options: { seeder?: boolean; event?: Event; worker?: number; family?: Family } = {},
  ): number {
    const { seeder = false, event = 'again', worker = 0, family = 'ipv4' } = options
    const { announceObject: announce, infoHash } = this
    this.harness.writeInfoHash(torrent, infoHash)
    announce.source = infoHash
    announce.hash = this.harness.hashOf(torrent)
    announce.seeder = seeder
    announce.completed = event === 'completed'
    announce.stopped = event === 'stopped'
    announce.wanted = 0
    const words = [0, 1, 2, 3].map((index) => address(family, peer, index))
    setPeer(announce.peer, family, words, portOf(peer))
    this.responders[worker].setTime(this.secondAt(time))
    return this.responders[worker].announce({ announce })
  }

  /** The batches of everything that waits. */
  send(time: number): Int32Array[] {
    const now = this.secondAt(time)
    const when = () => ({ second: now, offset: this.clock.offset })
    this.packer.collect(now)
    const take = (out: Int32Array, recordWords: number) =>
      this.packer.take(out, BATCH_HEAD_WORDS, BATCH_RECORDS_MAX, recordWords, now)
    return [RECORD_WORDS_IPV4, RECORD_WORDS_IPV6].flatMap((recordWords) => [
      ...batchesOf(PURPOSE_LOG, () => ({ recordWords, ageUnit: 1, ...when() }), take),
    ])
  }

  /** The batches of an answer to who has heard nothing for so many seconds. */
  answer(time: number, seconds: number, between: () => void = () => {}): Int32Array[] {
    return [...this.answers(() => time, seconds, between)]
  }

  /** The same one after the other, while time goes on. */
  *answers(
    time: () => number,
    seconds: number,
    between: () => void = () => {},
  ): Generator<Int32Array> {
    const { clock, graves, harness } = this
    const parts = { swarms: harness.swarms, graves, clock }
    const catchUp = new CatchUp(parts)
    for (let segment = 0; segment < catchUp.segments; segment++) {
      catchUp.open(segment, seconds)
      const next = (out: Int32Array) => {
        for (;;) {
          between()
          const records = catchUp.next(
            out,
            BATCH_HEAD_WORDS,
            BATCH_RECORDS_MAX,
            this.secondAt(time()),
          )
          if (records > 0 || catchUp.hasEnded) return records
        }
      }
      const about = () => {
        const { recordWords, ageUnit } = catchUp
        return { recordWords, ageUnit, second: this.secondAt(time()), offset: clock.offset }
      }
      yield* batchesOf(PURPOSE_CATCH_UP, about, next)
    }
  }

  /** As of the link: whole seconds of both clocks, whose difference does not change. */
  receive(time: number, batch: Int32Array): void {
    const result = checkBatch(batch, batch.length)
    if (result !== BATCH_GOOD) throw new Error(`a node wrote a bad batch: ${result}`)
    const now = this.secondAt(time)
    const head = { clock: 1, offset: batch[BATCH_OFFSET], sent: batch[BATCH_SENT_LOW] * 1000 }
    this.applier.apply(batch, this.clock.addedAge(head, now), now)
  }

  /** Who is in some torrents: «family torrent:peer role» each, and the counts of completed downloads. */
  members(torrents: readonly number[]): string[] {
    const found: string[] = []
    for (const torrent of torrents) {
      for (const family of FAMILIES) {
        if (family === 'websocket') continue
        const table = this.harness.tableOf(family, torrent)
        this.harness.writeInfoHash(torrent, this.infoHash)
        const row = findTorrent(table, this.infoHash, 0, this.harness.hashOf(torrent))
        if (row === 0) continue
        for (const at of peersOfRow(table, row)) {
          const seeder = table.words[at + table.stride - 1] < 0
          const peer = peerAt(family, table.words, at)
          found.push(`${family} ${torrent}:${peer} ${seeder ? 'seeder' : 'leecher'}`)
        }
      }
    }
    return found.sort()
  }

  completedOf(torrent: number, family: Family = 'ipv4'): number {
    return this.harness.scrape(family, torrent).completed
  }
}

/** Gives everything that some nodes have to send to all others, in order. */
export function exchange(time: number, nodes: readonly TestNode[]): void {
  for (const node of nodes) {
    for (const bytes of node.send(time)) {
      for (const other of nodes) if (other !== node) other.receive(time, bytes)
    }
  }
}

/** One batch of records, as the head says; packed in `second`. */
export function batchOf(
  second: number,
  recordWords: number,
  records: readonly (readonly number[])[],
): Int32Array {
  const words = new Int32Array(BATCH_HEAD_WORDS + records.length * recordWords)
  records.forEach((record, index) => {
    words.set(record, BATCH_HEAD_WORDS + index * recordWords)
  })
  const about = { recordWords, ageUnit: 1, second, offset: 0 }
  writeHead(words, PURPOSE_LOG, records.length, about)
  return words
}

/** `second`: of the node's clock, in which it was packed; in a test's batches the head has that in place of milliseconds. */
interface BatchAbout {
  readonly recordWords: number
  readonly ageUnit: number
  readonly second: number
  readonly offset: number
}

function writeHead(words: Int32Array, purpose: number, records: number, about: BatchAbout): void {
  words[BATCH_MAGIC_VERSION] = MAGIC_AND_VERSION
  words[BATCH_RECORDS] = records
  words[BATCH_RECORD_WORDS] = about.recordWords
  words[BATCH_AGE_UNIT] = about.ageUnit
  words[BATCH_PURPOSE] = purpose
  words[BATCH_START] = 1
  words[BATCH_CLOCK] = 1
  words[BATCH_SENT_LOW] = about.second
  words[BATCH_OFFSET] = about.offset
}

function* batchesOf(
  purpose: number,
  about: () => BatchAbout,
  take: (out: Int32Array, recordWords: number) => number,
): Generator<Int32Array> {
  for (;;) {
    const words = new Int32Array(BATCH_WORDS_MAX)
    const records = take(words, about().recordWords)
    if (records === 0) return
    writeHead(words, purpose, records, about())
    yield words.slice(0, BATCH_HEAD_WORDS + records * about().recordWords)
  }
}
