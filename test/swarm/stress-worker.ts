// One thread of the stress test: announces, leaves, scrapes and cleans, together with others on the
// same few torrents. Checks what it can see under the lock, and reports what must be there at the end.
import { parentPort, workerData } from 'node:worker_threads'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { LookAhead } from '../../src/swarm/table/look-ahead.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { cleanSlice, startCleaning } from '../../src/swarm/walks/clean.ts'
import { FAMILIES, Harness, randomFrom } from './harness.ts'

/** Packets of a batch that is looked through ahead. */
const AHEAD = 16

export interface StressTask {
  readonly buffers: SwarmBuffers
  readonly thread: number
  readonly threads: number
  readonly operations: number
  /** Of each thread, by numbers: the same addresses for all threads, each with a port of its own. */
  readonly peersPerThread: number
  /** All of a few tables, the first of which are popular. */
  readonly torrents: readonly number[]
  /** One word: threads that are ready. None starts before all are. */
  readonly gate: SharedArrayBuffer
}

export interface StressReport {
  /** For each of the two families: «torrent:peer» of this thread's peers, with the role. */
  readonly members: readonly Map<string, boolean>[]
  readonly refused: number
}

export const STRESS_NOW = 100_000
export const STRESS_MAX_AGE = 1200
/** Peers of this many numbers and more are old when they are announced: any cleaning may remove them. */
export const OLD_PEERS_FROM = 1_000_000

function run(task: StressTask): StressReport {
  const harness = new Harness(task.buffers, task.thread + 1)
  const random = randomFrom(task.thread + 100)
  const pick = (below: number) => Math.floor(random() * below)
  const members = FAMILIES.map(() => new Map<string, boolean>())
  let refused = 0
  const tables = harness.tables
  const ahead = new LookAhead(harness.swarms, new Int32Array(task.buffers.control), AHEAD, 0)
  let cleaned = task.thread
  startCleaning(tables[cleaned])
  waitForAll(task)
  for (let i = 0; i < task.operations; i++) {
    harness.swarms.pressure.look()
    const which = pick(FAMILIES.length)
    const family = FAMILIES[which]
    const torrent = task.torrents[Math.floor(task.torrents.length * random() ** 3)]
    const own = pick(task.peersPerThread) * task.threads + task.thread
    if (i % AHEAD === 0) readAhead(harness, ahead, task.torrents, i)
    const kind = pick(100)
    if (kind < 55) {
      const seeder = pick(2) === 0
      const answer = harness.announce(family, torrent, own, {
        seeder,
        now: STRESS_NOW,
        wanted: pick(60),
      })
      if (answer.status === ANNOUNCED) members[which].set(`${torrent}:${own}`, seeder)
      else refused++
      checkAnswer(answer.peers, own)
    } else if (kind < 75) {
      harness.leave(family, torrent, own)
      members[which].delete(`${torrent}:${own}`)
    } else if (kind < 90) {
      // Old peers are the same for all threads, so that they contend for single rows too.
      const old = OLD_PEERS_FROM + pick(3000)
      const now = STRESS_NOW - STRESS_MAX_AGE - 1 - pick(5000)
      harness.announce(family, torrent, old, { seeder: pick(2) === 0, now, wanted: 5 })
    } else if (kind < 95) {
      harness.scrape(family, torrent)
    } else if (
      cleanSlice(harness.swarms, tables[cleaned], STRESS_NOW, STRESS_MAX_AGE, 1 + pick(500))
    ) {
      // Each table is cleaned by one thread.
      cleaned += task.threads
      if (cleaned >= tables.length) cleaned = task.thread
      startCleaning(tables[cleaned])
    }
  }
  return { members, refused }
}

/** Without the locks, while the other threads change the tables: it must do no harm, and hashes are right. */
function readAhead(
  harness: Harness,
  ahead: LookAhead,
  torrents: readonly number[],
  from: number,
): void {
  const source = new Int32Array(INFO_HASH_WORDS)
  for (let i = 0; i < AHEAD; i++) {
    harness.writeInfoHash(torrents[(from + i) % torrents.length], source)
    ahead.hash(i, i % 2 === 0, source, 0)
  }
  ahead.readAll(AHEAD)
  for (let i = 0; i < AHEAD; i++) {
    const hash = harness.hashOf(torrents[(from + i) % torrents.length])
    if (ahead.hashes[i] !== hash) throw new Error('a hash that was made ahead is wrong')
  }
}

function checkAnswer(peers: readonly number[], asker: number): void {
  for (const peer of peers) {
    if (peer < 0) throw new Error('an answer holds a peer that nobody announced')
    if (peer === asker) throw new Error('an answer holds the asking peer')
  }
  if (new Set(peers).size !== peers.length) throw new Error('an answer holds a peer twice')
}

function waitForAll(task: StressTask): void {
  const gate = new Int32Array(task.gate)
  Atomics.add(gate, 0, 1)
  Atomics.notify(gate, 0)
  for (;;) {
    const ready = Atomics.load(gate, 0)
    if (ready >= task.threads) return
    Atomics.wait(gate, 0, ready)
  }
}

// Imported for its types and constants by the test, which has a parent thread for no message.
if (parentPort !== null && workerData?.stress !== undefined) {
  parentPort.postMessage(run(workerData.stress as StressTask))
}
