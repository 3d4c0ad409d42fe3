// Several threads charge the same counters: what the limits promise holds for all of them together.
import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import { SOURCE_LIMIT_BYTES, type SourceRates } from '../../src/source-limits/source-limits.ts'
import { addressBytes } from '../support/packets.ts'
import { wordOf } from '../udp/harness.ts'
import {
  FLAGS,
  type LimitsStressReport,
  type LimitsStressTask,
} from './source-limits-stress-worker.ts'

const THREADS = 4
const RATES: SourceRates = {
  connects: 0,
  requests: 80,
  sustainedRequests: 0,
  newTorrents: 0,
  banSeconds: 0,
}
/** The burst is ten seconds of the rate. */
const BURST = RATES.requests * 10

const HEAVY = addresses('192.0.2', 20)
const FAIR = addresses('198.51.100', 10)

test('nobody gets more than his limit, and nobody within it is refused', async () => {
  for (const heavy of [HEAVY, HEAVY.slice(0, 1)]) {
    const seconds = 60
    const reports = await stress({ rates: RATES, seconds, heavy, fair: FAIR })
    expect(reports.map(({ refusedFair }) => refusedFair)).toEqual([0, 0, 0, 0])
    const allowed = BURST + RATES.requests * seconds
    for (let which = 0; which < heavy.length; which++) {
      const admitted = reports.reduce((sum, report) => sum + report.admitted[which], 0)
      // A request costs a whole number of 2^18ths of a second, here the fraction above.
      expect(admitted).toBeLessThanOrEqual(Math.ceil(allowed * 1.0005))
      expect(admitted).toBeGreaterThan(allowed * 0.95)
    }
  }
}, 180_000)

test('a sustained limit, and that of an IPv6 /48, hold for all threads together', async () => {
  const seconds = 60
  const sum = (reports: LimitsStressReport[], which: number) =>
    reports.reduce((total, { admitted }) => total + admitted[which], 0)
  const sustained = { ...RATES, requests: 0, sustainedRequests: 4 }
  const long = await stress({ rates: sustained, seconds, heavy: HEAVY, fair: [] })
  for (let which = 0; which < HEAVY.length; which++) {
    expect(sum(long, which)).toBeLessThanOrEqual(4 * (1200 + seconds) + THREADS)
    expect(sum(long, which)).toBeGreaterThanOrEqual(4 * 1200)
  }
  // Twenty networks of one /48, none of which reaches its own limit.
  const heavy = Array.from({ length: 20 }, (_, i) => 0x0a00 | (i << 16))
  const fair = Array.from({ length: 10 }, (_, i) => 0x0b00 | i)
  const reports = await stress({ rates: RATES, seconds, heavy, fair, ipv6: true })
  const all = heavy.reduce((total, _, which) => total + sum(reports, which), 0)
  const allowed = 4 * (BURST + RATES.requests * seconds)
  expect(all).toBeLessThanOrEqual(Math.ceil(allowed * 1.001))
  expect(all).toBeGreaterThan(allowed * 0.95)
  expect(reports.map(({ refusedFair }) => refusedFair)).toEqual([0, 0, 0, 0])
}, 180_000)

test('a ban is seen by all threads, and counted once', async () => {
  const rates = { ...RATES, banSeconds: 1000 }
  const reports = await stress({ rates, seconds: 60, heavy: HEAVY, fair: FAIR })
  expect(reports.map(({ missedBans }) => missedBans)).toEqual([0, 0, 0, 0])
  expect(reports.map(({ refusedFair }) => refusedFair)).toEqual([0, 0, 0, 0])
  expect(reports.reduce((sum, { bans }) => sum + bans, 0)).toBe(HEAVY.length)
}, 180_000)

function stress(
  task: Pick<LimitsStressTask, 'rates' | 'seconds' | 'heavy' | 'fair'> & { ipv6?: boolean },
): Promise<LimitsStressReport[]> {
  const words = new SharedArrayBuffer(SOURCE_LIMIT_BYTES)
  const data = { words, key0: 0x1234567, key1: 0x89abcde }
  const shared = new SharedArrayBuffer((FLAGS + task.heavy.length) * 4)
  return Promise.all(
    Array.from({ length: THREADS }, (_, thread) =>
      runThread({ ipv6: false, ...task, data, shared, thread, threads: THREADS }),
    ),
  )
}

function runThread(task: LimitsStressTask): Promise<LimitsStressReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('source-limits-stress-worker.ts', import.meta.url), {
      workerData: { limitsStress: task },
    })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a stress thread ended with ${code}`)))
  })
}

function addresses(network: string, count: number): number[] {
  return Array.from({ length: count }, (_, i) => wordOf(addressBytes(`${network}.${i}`), 0))
}
