// One worker of the cluster's stress test: announces, renews, changes roles and leaves beside others in the same tables, and
// notes it. Nobody else announces its peers, and what other nodes tell of them is older: so it knows what it has to find.
import { parentPort, workerData } from 'node:worker_threads'
import { ringFill } from '../../src/channel/ring.ts'
import { ClusterNotes, type NoteData } from '../../src/cluster/note.ts'
import { Announce } from '../../src/swarm/announce.ts'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import type { Table } from '../../src/swarm/table/table.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { address, Harness, portOf, randomFrom, setPeer } from '../swarm/harness.ts'
import { MAX_PEER_AGE, Responder } from './node.ts'

// Words that all threads share.
export const CLOCK = 0
/** Not 0: something is wrong, and nobody has to go on. */
export const STOPPED = 1
/** Workers that are ready. None starts before all are. */
export const READY = 2
/** Per worker: the youngest second in which it has done enough for the clock to go on. */
export const DONE_IN = 3
export const FINISHED = 2 ** 30

/** Of one worker, in each second of the test's clock. */
const OPERATIONS_MIN = 100
const OPERATIONS_MAX = 200
/** The cluster's thread is late: real workers would lose what they note, but here all has to be told. */
const FILL_MAX = 0.5
const WAIT_MILLISECONDS = 20
/** Some microseconds. */
const TARRY_LOADS = 5000

export interface ClusterStressTask {
  readonly buffers: SwarmBuffers
  readonly notes: NoteData
  readonly thread: number
  readonly threads: number
  readonly operations: number
  readonly peersPerThread: number
  readonly torrents: readonly number[]
  readonly shared: SharedArrayBuffer
}

export interface ClusterStressReport {
  /** «family torrent:peer role» of who is there now. */
  readonly members: readonly string[]
  /** «family torrent:peer » of who has left. */
  readonly left: readonly string[]
}

/** Who is a seeder, mostly. */
export function isUsuallySeeder(peer: number): boolean {
  return peer % 3 === 0
}

class StressWorker {
  private readonly task: ClusterStressTask
  private readonly shared: Int32Array
  private readonly harness: Harness
  private readonly responder: Responder
  private readonly random: () => number
  private readonly announce = new Announce()
  /** «family torrent:peer »: in which role, or null after a leave. */
  private readonly known = new Map<string, 'seeder' | 'leecher' | null>()
  private second = 0
  private inSecond = 0

  constructor(task: ClusterStressTask) {
    this.task = task
    this.shared = new Int32Array(task.shared)
    this.harness = new Harness(task.buffers, task.thread + 1)
    this.random = randomFrom(task.thread + 500)
    this.responder = new Responder(this.harness.swarms, new Int32Array(1))
    this.responder.notes = new ClusterNotes(task.notes, MAX_PEER_AGE)
    this.announce.source = new Int32Array(INFO_HASH_WORDS)
    for (const table of this.harness.tables) this.tarryAfter(table)
  }

  run(): ClusterStressReport {
    const { shared, task } = this
    this.waitForAll()
    for (let i = 0; i < task.operations && Atomics.load(shared, STOPPED) === 0; i++) {
      if (this.isInTime()) this.operate()
      else i--
    }
    // The last turn of a worker shows what it has noted.
    this.responder.setTime(Atomics.load(shared, CLOCK))
    Atomics.store(shared, DONE_IN + task.thread, FINISHED)
    const known = [...this.known]
    return {
      members: known.filter(([, role]) => role !== null).map(([peer, role]) => `${peer}${role}`),
      left: known.filter(([, role]) => role === null).map(([peer]) => peer),
    }
  }

  /** Whether the worker may go on; false after a short wait. */
  private isInTime(): boolean {
    const { shared, task } = this
    const now = Atomics.load(shared, CLOCK)
    if (now !== this.second) {
      this.second = now
      this.inSecond = 0
      this.responder.setTime(now)
    }
    if (this.inSecond < OPERATIONS_MAX && ringFill(task.notes.ring) < FILL_MAX) return true
    // What is noted in a turn is shown at the start of the next.
    this.responder.setTime(now)
    Atomics.store(shared, DONE_IN + task.thread, now)
    Atomics.wait(shared, CLOCK, now, WAIT_MILLISECONDS)
    return false
  }

  private operate(): void {
    const { announce, harness, random, responder, shared, task } = this
    const pick = (below: number) => Math.floor(random() * below)
    const family = pick(3) === 0 ? 'ipv6' : 'ipv4'
    const torrent = task.torrents[Math.floor(task.torrents.length * random() ** 2)]
    const peer = pick(task.peersPerThread) * task.threads + task.thread
    harness.writeInfoHash(torrent, announce.source)
    announce.hash = harness.hashOf(torrent)
    announce.wanted = pick(10)
    announce.stopped = pick(100) < 45
    announce.seeder = isUsuallySeeder(peer) !== pick(20) < 1
    announce.completed = announce.seeder && pick(4) === 0
    const words = [0, 1, 2, 3].map((index) => address(family, peer, index))
    setPeer(announce.peer, family, words, portOf(peer))
    // Now and then a turn of the worker begins.
    if (pick(16) === 0) responder.setTime(this.second)
    const status = responder.announce({ announce })
    if (status !== ANNOUNCED) throw new Error(`an announce was refused: ${status}`)
    this.check(`${family} ${torrent}:${peer} `)
    if (++this.inSecond === OPERATIONS_MIN) {
      responder.setTime(this.second)
      Atomics.store(shared, DONE_IN + task.thread, this.second)
    }
  }

  /** A thread may be stopped anywhere. Here that happens where it matters: when it has just given a lock back. */
  private tarryAfter(table: Table): void {
    const unlock = table.unlock.bind(table)
    let left = 0
    table.unlock = () => {
      unlock()
      if (left-- > 0) return
      left = Math.floor(this.random() * 8)
      for (let i = 0; i < TARRY_LOADS; i++) Atomics.load(this.shared, CLOCK)
    }
  }

  /** What was found of the peer has to be what this worker has left there. */
  private check(peer: string): void {
    const { announce, known } = this
    const role = announce.before === 0 ? null : roleOf(announce.before < 0)
    const expected = known.get(peer)
    if (expected !== undefined && role !== expected) {
      throw new Error(`${peer}is ${role}, and ought to be ${expected}`)
    }
    known.set(peer, announce.stopped ? null : roleOf(announce.seeder))
  }

  private waitForAll(): void {
    const { shared, task } = this
    Atomics.add(shared, READY, 1)
    while (Atomics.load(shared, READY) < task.threads && Atomics.load(shared, STOPPED) === 0) {
      Atomics.wait(shared, STOPPED, 0, 1)
    }
  }
}

function roleOf(seeder: boolean): 'seeder' | 'leecher' {
  return seeder ? 'seeder' : 'leecher'
}

// Imported for its types and constants by the test, which has a parent thread for no message.
if (parentPort !== null && workerData?.clusterStress !== undefined) {
  parentPort.postMessage(new StressWorker(workerData.clusterStress as ClusterStressTask).run())
}
