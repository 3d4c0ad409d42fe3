// Workers that announce, and the cluster's thread beside them in the same tables: it packs what they note, applies what
// another node tells, and walks through everything for a third. Nobody who has left here is brought back by what is older,
// nothing is damaged, and who hears all that was sent has the same swarms.
//
// Time is a number that goes on when every worker has announced a while in the last second; so nothing depends on how fast
// a machine is, or whom it lets run.
import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import {
  KIND_LEFT,
  KIND_SEEN,
  RECORD_AGE_SHIFT,
  RECORD_KIND_SHIFT,
  RECORD_SEEDER_BIT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from '../../src/cluster/layout.ts'
import { packAge } from '../../src/cluster/pack.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { address, Harness, portOf, randomFrom } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { batchOf, TestNode } from './node.ts'
import {
  CLOCK,
  type ClusterStressReport,
  type ClusterStressTask,
  DONE_IN,
  FINISHED,
  isUsuallySeeder,
  STOPPED,
} from './stress-worker.ts'

const WORKERS = 3
/** AQUATIC_TEST_OPERATIONS=1000000 for a longer run: of each worker, in rounds. */
const OPERATIONS = Number(process.env.AQUATIC_TEST_OPERATIONS ?? 30_000)
const OPERATIONS_PER_ROUND = 10_000
const PEERS_PER_WORKER = 24
/** All in one table, and few, so that threads meet. */
const TORRENTS = 3
const START = 10_000
/** Of what the other node tells: before everything that happens here. */
const OLD = START - 10
/** Peers of these numbers announce to the other node only. */
const FOREIGN_FROM = 100_000
const FOREIGN_PEERS = 60
const RECORDS_PER_BATCH = 400
/** In one second: what is told again has to be so little that there is room for all of it. */
const FOREIGN_BATCHES_MAX = 8
const RING_WORDS = 16_384

for (let round = 0; round < OPERATIONS / OPERATIONS_PER_ROUND; round++) {
  test(`workers that note, beside the cluster's thread: round ${round}`, async () => {
    const harness = new Harness()
    const torrents = torrentsOfOneTable(harness)
    const node = new TestNode({ harness, workers: WORKERS, ringWords: RING_WORDS })
    const others = new Cluster(node, torrents, round)
    const operations = Math.min(OPERATIONS, OPERATIONS_PER_ROUND)
    const reports = await others.runBeside(operations)
    others.finish()

    checkInvariants(harness)
    expect(node.packer.lost).toBe(0)
    expect(node.packer.untold).toBe(0)
    const members = new Set(node.members(torrents))
    for (const report of reports) {
      expect(report.members.filter((member) => !members.has(member))).toEqual([])
      expect(report.left.filter((peer) => isThere(members, peer))).toEqual([])
      expect(report.members.length).toBeGreaterThan(20)
      expect(report.left.length).toBeGreaterThan(20)
    }
    expect(others.walks).toBeGreaterThan(0)
    expect(node.applier.counts.stale).toBeGreaterThan(1000)
    expect(node.applier.counts.joined).toBeGreaterThan(50)
    for (const listener of [others.listener, others.walked, others.newcomer()]) {
      expect(listener.members(torrents)).toEqual(node.members(torrents))
      checkInvariants(listener.harness)
    }
  }, 180_000)
}

function isThere(members: ReadonlySet<string>, peer: string): boolean {
  return members.has(`${peer}seeder`) || members.has(`${peer}leecher`)
}

/** The cluster's thread of a node, and those who hear it. */
class Cluster {
  walks = 0
  /** It hears all that the node sends, and what the other one does. */
  readonly listener = new TestNode()
  /** It is also told of walks while they go on. */
  readonly walked = new TestNode()
  private readonly node: TestNode
  private readonly torrents: readonly number[]
  private readonly random: () => number
  private readonly shared = new Int32Array(new SharedArrayBuffer((DONE_IN + WORKERS) * 4))
  private foreignBatches = 0
  private walk: Generator<Int32Array> | null = null

  constructor(node: TestNode, torrents: readonly number[], round: number) {
    this.node = node
    this.torrents = torrents
    this.random = randomFrom(round + 77)
    this.shared[CLOCK] = START
  }

  private get now(): number {
    return Atomics.load(this.shared, CLOCK)
  }

  async runBeside(operations: number): Promise<ClusterStressReport[]> {
    let running = true
    const work = Promise.all(
      this.node.noteData.map((notes, thread) =>
        runWorker({
          buffers: this.node.harness.buffers,
          ...{ notes, thread, threads: WORKERS, operations },
          peersPerThread: PEERS_PER_WORKER,
          torrents: this.torrents,
          shared: this.shared.buffer as SharedArrayBuffer,
        }),
      ),
    ).finally(() => {
      running = false
      Atomics.store(this.shared, STOPPED, 1)
    })
    while (running) {
      this.turn()
      if (this.hasEverybodyDone()) this.goOn(1)
      // The workers' reports come as messages.
      await new Promise(setImmediate)
    }
    return work
  }

  /** Until all is told. */
  finish(): void {
    for (const batch of this.walk ?? []) this.walked.receive(this.now, batch)
    for (let i = 0; i < 4; i++) {
      this.tell()
      this.goOn(6)
    }
  }

  /** Has heard nothing before. */
  newcomer(): TestNode {
    const newcomer = new TestNode()
    for (const batch of this.node.answer(this.now, 1500)) newcomer.receive(this.now, batch)
    return newcomer
  }

  private turn(): void {
    this.tell()
    if (this.foreignBatches++ < FOREIGN_BATCHES_MAX) {
      const foreign = this.foreignBatch()
      for (const node of [this.node, this.listener, this.walked]) node.receive(this.now, foreign)
    }
    this.walk ??= this.node.answers(() => this.now, 1500)
    const { done, value } = this.walk.next()
    if (done) {
      this.walk = null
      this.walks++
    } else this.walked.receive(this.now, value)
  }

  private tell(): void {
    for (const batch of this.node.send(this.now)) {
      this.listener.receive(this.now, batch)
      this.walked.receive(this.now, batch)
    }
  }

  private hasEverybodyDone(): boolean {
    const done = this.node.noteData.map((_, thread) => Atomics.load(this.shared, DONE_IN + thread))
    return done.every((second) => second >= this.now) && done.some((second) => second !== FINISHED)
  }

  private goOn(seconds: number): void {
    this.foreignBatches = 0
    Atomics.add(this.shared, CLOCK, seconds)
    Atomics.notify(this.shared, CLOCK)
  }

  /** What another node tells: old news of the workers' peers, and of its own. */
  private foreignBatch(): Int32Array {
    const { random } = this
    const ipv4 = random() < 0.7
    const records = Array.from({ length: RECORDS_PER_BATCH }, () => this.foreignRecord(ipv4))
    return batchOf(this.now, ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6, records)
  }

  private foreignRecord(ipv4: boolean): number[] {
    const pick = (below: number) => Math.floor(this.random() * below)
    const isForeign = pick(20) === 0
    const peer = isForeign ? FOREIGN_FROM + pick(FOREIGN_PEERS) : pick(WORKERS * PEERS_PER_WORKER)
    const infoHash = new Int32Array(INFO_HASH_WORDS)
    this.node.harness.writeInfoHash(this.torrents[pick(TORRENTS)], infoHash)
    const kind = pick(50) === 0 ? KIND_LEFT : KIND_SEEN
    const age = isForeign ? pick(5) : this.now - OLD + (kind === KIND_LEFT ? 5 : 0)
    const role = isForeign ? pick(2) === 0 : isUsuallySeeder(peer)
    const seeder = kind !== KIND_LEFT && role
    const last =
      portOf(peer) |
      (packAge(age) << RECORD_AGE_SHIFT) |
      (kind << RECORD_KIND_SHIFT) |
      (seeder ? RECORD_SEEDER_BIT : 0)
    const words = (ipv4 ? [0] : [0, 1, 2, 3]).map((i) => address(ipv4 ? 'ipv4' : 'ipv6', peer, i))
    return [...infoHash, ...words, last]
  }
}

/** Where threads meet. */
function torrentsOfOneTable(harness: Harness): number[] {
  const torrents: number[] = []
  for (let torrent = 0; torrents.length < TORRENTS; torrent++) {
    if (harness.tableOf('ipv4', torrent) === harness.swarms.ipv4[0]) torrents.push(torrent)
  }
  return torrents
}

function runWorker(task: ClusterStressTask): Promise<ClusterStressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('stress-worker.ts', import.meta.url), {
      workerData: { clusterStress: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a worker ended with ${code}`)))
  })
}
