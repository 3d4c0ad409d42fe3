// Workers of HTTP and UDP in four threads on the same swarms, and their connections in one table: afterwards every
// invariant holds, every peer that was announced over either protocol and has not stopped is there, and no connection.

import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { ConnectionLimits, createConnectionLimits } from '../../src/tcp/connection-limits.ts'
import { testBuffers } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { connectionsOf } from '../tcp/connections-of.ts'
import { announceTarget, HttpHarness } from './harness.ts'
import {
  addressOf,
  infoHash,
  MAX_AGE,
  MAX_CONNECTIONS,
  MAX_PER_ADDRESS,
  NOW,
  type StressReport,
  type StressTask,
  TORRENTS,
} from './stress-worker.ts'

const OPERATIONS = Number(process.env.TEST_OPERATIONS ?? 12_000)

test.each([
  ['two of each', ['http', 'udp', 'http', 'udp']],
  ['four of HTTP', ['http', 'http', 'http', 'http']],
] as const)(
  'four threads, %s, damage nothing and lose nobody',
  async (_, protocols) => {
    const buffers = testBuffers()
    const connections = createConnectionLimits(MAX_CONNECTIONS)
    const gate = new SharedArrayBuffer(4)
    const threads = protocols.length
    const reports = await Promise.all(
      protocols.map((protocol, thread) =>
        runThread({
          protocol,
          thread,
          threads,
          operations: OPERATIONS,
          buffers,
          connections,
          gate,
        }),
      ),
    )
    const harness = new HttpHarness({ buffers, seed: 99 })
    harness.setTime(NOW)
    const census = checkInvariants(harness.swarm)
    const members = new Map(reports.flatMap((report) => [...report.members]))
    expect(members.size).toBeGreaterThan(3000)
    expect(census.seeders + census.leechers).toBe(members.size)
    for (let torrent = 0; torrent < TORRENTS; torrent++) {
      for (const ipv4 of [true, false]) expectCounts(harness, members, torrent, ipv4)
    }
    harness.swarm.clean(NOW + 10_000, MAX_AGE, 1000)
    expect(checkInvariants(harness.swarm).torrents).toBe(0)

    const limits = new ConnectionLimits(connections, MAX_CONNECTIONS, MAX_PER_ADDRESS)
    expect(limits.total()).toBe(0)
    for (let number = 0; number < 100; number++)
      expect(connectionsOf(connections, number, ~number)).toBe(0)
    expect(reports.reduce((sum, report) => sum + report.refusedConnections, 0)).toBeGreaterThan(100)
  },
  180_000,
)

/** As somebody who asks over HTTP sees them. */
function expectCounts(
  harness: HttpHarness,
  members: ReadonlyMap<string, boolean>,
  torrent: number,
  ipv4: boolean,
): void {
  const roles = [...members].filter(
    ([name]) => name.startsWith(`${torrent} `) && name.includes(ipv4 ? '.' : ':'),
  )
  const seeders = roles.filter(([, seeder]) => seeder).length
  const answer = harness.ask(
    announceTarget({ infoHash: infoHash(torrent), port: 1, more: '&event=stopped' }),
    addressOf(200, ipv4),
  )
  expect(answer).toMatchObject({ complete: seeders, incomplete: roles.length - seeders })
}

function runThread(task: StressTask): Promise<StressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('stress-worker.ts', import.meta.url), {
      workerData: { httpStress: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a stress thread ended with ${code}`)))
  })
}
