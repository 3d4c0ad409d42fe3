// Several threads at work on the same tables: afterwards every invariant holds, and every peer that
// was announced and not withdrawn is there, once.
import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { setPeersPerAddress } from '../../src/swarm/memory.ts'
import { NO_PRESSURE, writePressure } from '../../src/swarm/pressure.ts'
import { findTorrent, INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { Exporter } from './exporter.ts'
import {
  FAMILIES,
  type Family,
  Harness,
  PORTS_PER_ADDRESS,
  peerAt,
  testBuffers,
} from './harness.ts'
import { checkInvariants, peersOfRow } from './invariants.ts'
import {
  OLD_PEERS_FROM,
  STRESS_MAX_AGE,
  STRESS_NOW,
  type StressReport,
  type StressTask,
} from './stress-worker.ts'

const THREADS = 4
/** AQUATIC_TEST_OPERATIONS=1000000 for a longer run. */
const OPERATIONS = Number(process.env.AQUATIC_TEST_OPERATIONS ?? 100_000)
const PEERS_PER_THREAD = 4000
/** No role of such a swarm has more than eight buckets. */
const EXACT_PEERS = 96

test('four threads on a few tables damage nothing and lose nobody', async () => {
  const harness = new Harness()
  let running = true
  const work = stress(harness, torrentsOfTables(harness, 3, 40), OPERATIONS).finally(() => {
    running = false
  })
  const walks = await walkUntil(harness, () => !running)
  const reports = await work
  expect(walks).toBeGreaterThan(3)
  checkInvariants(harness)
  harness.clean(STRESS_NOW, STRESS_MAX_AGE, 1000)
  expectMembers(harness, reports)
  harness.clean(STRESS_NOW + 10_000, STRESS_MAX_AGE, 1000)
  expect(checkInvariants(harness).torrents).toBe(0)
}, 180_000)

test('four threads on one full arena damage nothing', async () => {
  const harness = new Harness(testBuffers(undefined, 60))
  const reports = await stress(harness, torrentsOfTables(harness, 2, 3000), 60_000)
  expect(reports.reduce((sum, report) => sum + report.refused, 0)).toBeGreaterThan(1000)
  checkInvariants(harness)
  harness.clean(STRESS_NOW + 10_000, STRESS_MAX_AGE, 1000)
  expect(checkInvariants(harness).torrents).toBe(0)
}, 180_000)

test('four threads under pressure that comes and goes lose nobody, and keep nobody whom they turn away', async () => {
  const harness = new Harness()
  const totals = new Int32Array(harness.buffers.control)
  let running = true
  const work = stress(harness, torrentsOfTables(harness, 3, 40), OPERATIONS / 2).finally(() => {
    running = false
  })
  for (let i = 0; running; i++) {
    const [turnAwayFrom, refuses] = [
      [0, false] as const,
      [200, false] as const,
      [20, true] as const,
    ][i % 3]
    writePressure(totals, { ...NO_PRESSURE, turnAwayFrom, refuses, age: 1 + (i % 2) })
    await new Promise(setImmediate)
  }
  const reports = await work
  expect(reports.reduce((sum, report) => sum + report.refused, 0)).toBeGreaterThan(1000)
  checkInvariants(harness)
  harness.clean(STRESS_NOW, STRESS_MAX_AGE, 1000)
  expectMembers(harness, reports)
}, 180_000)

test('four threads at the same addresses get no more than their peers per torrent', async () => {
  const harness = new Harness()
  const most = 2
  setPeersPerAddress(harness.buffers, most)
  const torrents = torrentsOfTables(harness, 3, 500)
  const reports = await stress(harness, torrents, 40_000, 40)
  expect(reports.reduce((sum, report) => sum + report.refused, 0)).toBeGreaterThan(1000)
  checkInvariants(harness)
  let crowded = 0
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const torrent of torrents) {
      const members = membersOf(harness, family, torrent)
      // In larger ones an address is judged by a sample.
      if (members.size > EXACT_PEERS) continue
      const counts = new Map<number, number>()
      for (const peer of members.keys()) {
        const address = Math.floor(peer / PORTS_PER_ADDRESS)
        counts.set(address, (counts.get(address) ?? 0) + 1)
      }
      for (const count of counts.values()) {
        if (count > most) expect(count).toBeLessThanOrEqual(most)
        if (count === most) crowded++
      }
    }
  }
  expect(crowded).toBeGreaterThan(100)
  harness.clean(STRESS_NOW, STRESS_MAX_AGE, 1000)
  expectMembers(harness, reports)
}, 180_000)

/** Copies all swarms repeatedly while the threads work: no peer twice, and none that does not exist. */
async function walkUntil(harness: Harness, done: () => boolean): Promise<number> {
  let walks = 0
  while (!done()) {
    for (const family of FAMILIES) {
      const exporter = new Exporter(family, harness)
      const found = new Set<string>()
      for (let peers = exporter.slice(200); peers !== undefined; peers = exporter.slice(200)) {
        for (const { torrent, peer } of peers) {
          if (peer < 0) throw new Error('a walk copied a peer that nobody announced')
          const member = `${torrent}:${peer}`
          if (found.has(member)) throw new Error(`a walk copied ${family} peer ${member} twice`)
          found.add(member)
        }
      }
    }
    walks++
    // The threads' reports come as messages.
    await new Promise(setImmediate)
  }
  return walks
}

/** `count` torrents that lie in as few as `tables` tables of each family. */
function torrentsOfTables(harness: Harness, tables: number, count: number): number[] {
  const torrents: number[] = []
  for (let torrent = 0; torrents.length < count; torrent++) {
    const index = harness.swarms.ipv4.indexOf(harness.tableOf('ipv4', torrent))
    if (index < tables) torrents.push(torrent)
  }
  return torrents
}

function stress(
  harness: Harness,
  torrents: readonly number[],
  operations: number,
  peersPerThread = PEERS_PER_THREAD,
): Promise<StressReport[]> {
  const gate = new SharedArrayBuffer(4)
  return Promise.all(
    Array.from({ length: THREADS }, (_, thread) => {
      const { buffers } = harness
      const task = { buffers, thread, threads: THREADS, operations, peersPerThread, torrents, gate }
      return runThread(task)
    }),
  )
}

function runThread(task: StressTask): Promise<StressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('stress-worker.ts', import.meta.url), {
      workerData: { stress: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a stress thread ended with ${code}`)))
  })
}

function expectMembers(harness: Harness, reports: readonly StressReport[]): void {
  FAMILIES.forEach((family, which) => {
    const expected = new Map<string, boolean>()
    for (const report of reports) {
      for (const [member, seeder] of report.members[which]) expected.set(member, seeder)
    }
    const torrents = new Set([...expected.keys()].map((member) => Number(member.split(':')[0])))
    let found = 0
    for (const torrent of torrents) {
      for (const [peer, seeder] of membersOf(harness, family, torrent)) {
        expect(peer).toBeLessThan(OLD_PEERS_FROM)
        if (expected.get(`${torrent}:${peer}`) !== seeder) {
          throw new Error(`${family} peer ${peer} of torrent ${torrent} should not be there so`)
        }
        found++
      }
    }
    expect(found).toBe(expected.size)
    expect(found).toBeGreaterThan(1000)
  })
}

function membersOf(harness: Harness, family: Family, torrent: number): Map<number, boolean> {
  const table = harness.tableOf(family, torrent)
  const infoHash = new Int32Array(INFO_HASH_WORDS)
  harness.writeInfoHash(torrent, infoHash)
  const row = findTorrent(table, infoHash, 0, harness.hashOf(torrent))
  const addresses = row === 0 ? [] : peersOfRow(table, row)
  return new Map(
    addresses.map((at) => [
      peerAt(family, table.words, at),
      table.words[at + table.stride - 1] < 0,
    ]),
  )
}
