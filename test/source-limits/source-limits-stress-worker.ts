// One thread of the stress test of the limits per source: asks for addresses together with others, and
// reports which were let through. The clock is what all of them have done; each reads it once per batch,
// as workers do, so a thread that was interrupted lags behind.

import { parentPort, workerData } from 'node:worker_threads'
import type { SourceCounterData } from '../../src/source-limits/source-counters.ts'
import {
  ADMITTED,
  BANNED,
  SourceLimits,
  type SourceRates,
} from '../../src/source-limits/source-limits.ts'
import { BANS, COUNTER_WORDS } from '../../src/udp/worker/counters.ts'
import { randomFrom, sourceOf } from '../swarm/harness.ts'

export interface LimitsStressTask {
  readonly data: SourceCounterData
  readonly rates: SourceRates
  readonly thread: number
  readonly threads: number
  /** The last second is this many after START_SECOND. */
  readonly seconds: number
  /** Addresses are of IPv6: the second word of a /64, in a network that is the same for all. */
  readonly ipv6: boolean
  /** Asked for far beyond the rate by all threads. */
  readonly heavy: readonly number[]
  /** Asked for by all threads together exactly as often as the rate allows. */
  readonly fair: readonly number[]
  /**
   * 0 threads that are ready │ 1 batches done by all │ 2… each thread's second │ FLAGS… per heavy address,
   * 1 = a thread saw it banned.
   */
  readonly shared: SharedArrayBuffer
}

export interface LimitsStressReport {
  /** Of each heavy address. */
  readonly admitted: readonly number[]
  /** Requests of fair addresses that were not admitted. */
  readonly refusedFair: number
  /** Requests of addresses that were not banned here although somebody had seen them banned. */
  readonly missedBans: number
  readonly bans: number
}

export const START_SECOND = 100_000
/** The first word of all IPv6 addresses, 2001:db8. */
const NETWORK = 0xb80d0120 | 0
const READY = 0
const BATCHES = 1
const SECONDS = 2
export const THREADS_MAX = 16
export const FLAGS = SECONDS + THREADS_MAX
const BATCH = 64
/** Of all threads together. */
const BATCHES_PER_SECOND = 1000
/**
 * A thread that was interrupted is waited for when it lags by so many seconds: by a burst, and a source within its
 * limit is full for it, since the others' charges lie ahead of its clock.
 */
const LAG_SEC_MAX = 6

function run(task: LimitsStressTask): LimitsStressReport {
  const shared = new Int32Array(task.shared)
  const counts = new Int32Array(COUNTER_WORDS)
  const limits = new SourceLimits(task.data, task.rates, { counts, place: BANS, writer: null })
  const random = randomFrom(task.thread + 1)
  const admitted = task.heavy.map(() => 0)
  let refusedFair = 0
  let missedBans = 0
  let fairSecond = START_SECOND
  Atomics.store(shared, SECONDS + task.thread, START_SECOND)
  waitForAll(shared, task.threads)
  for (;;) {
    const done = Atomics.add(shared, BATCHES, 1)
    const second = START_SECOND + Math.floor(done / BATCHES_PER_SECOND)
    if (second > START_SECOND + task.seconds) break
    keepClose(shared, task, second)
    limits.setTime(second)
    for (let i = 0; i < BATCH; i++) {
      const which = Math.floor(random() * task.heavy.length)
      const isBanned = Atomics.load(shared, FLAGS + which) === 1
      const status = request(limits, task.heavy[which], task.ipv6)
      if (status === ADMITTED) admitted[which]++
      if (status === BANNED) Atomics.store(shared, FLAGS + which, 1)
      else if (isBanned) missedBans++
    }
    if (second === fairSecond) continue
    fairSecond = second
    for (const address of task.fair) {
      for (let i = 0; i < task.rates.requests / task.threads; i++) {
        if (request(limits, address, task.ipv6) !== ADMITTED) refusedFair++
      }
    }
  }
  Atomics.store(shared, SECONDS + task.thread, 2 ** 31 - 1)
  return { admitted, refusedFair, missedBans, bans: counts[BANS] }
}

function request(limits: SourceLimits, address: number, ipv6: boolean): number {
  return ipv6
    ? limits.request(sourceOf(false, NETWORK, address))
    : limits.request(sourceOf(true, address, 0))
}

/** Shows the second that this thread is in, and waits as long as another is too far behind. */
function keepClose(
  shared: Int32Array,
  { thread, threads }: LimitsStressTask,
  second: number,
): void {
  Atomics.store(shared, SECONDS + thread, second)
  for (let other = 0; other < threads; other++) {
    for (;;) {
      const behind = Atomics.load(shared, SECONDS + other)
      if (behind >= second - LAG_SEC_MAX) break
      // Its next batch is the next thing that it does.
      Atomics.wait(shared, SECONDS + other, behind, 1)
    }
  }
}

function waitForAll(shared: Int32Array, threads: number): void {
  Atomics.add(shared, READY, 1)
  Atomics.notify(shared, READY)
  for (;;) {
    const ready = Atomics.load(shared, READY)
    if (ready >= threads) return
    Atomics.wait(shared, READY, ready)
  }
}

// Imported for its types and constants by the test, which has a parent thread for no message.
if (parentPort !== null && workerData?.limitsStress !== undefined) {
  parentPort.postMessage(run(workerData.limitsStress as LimitsStressTask))
}
