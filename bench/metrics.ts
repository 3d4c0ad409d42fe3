// What counting costs: a worker's counters per packet, its histograms per batch, and the publishing.
// Run: bun bench/metrics.ts [--smoke]. Prints nanoseconds per packet as minimum and median over rounds,
// for the same loop without any counting, with it, and the difference; then what a publish costs, and
// what aquatic_ws takes to time its messages, by how many come in one turn of the event loop.
//
// The loop stands for a busy socket worker: batches of 20 packets, per packet four counters (bytes in,
// bytes out, request, response), per batch one more reading of the clock and two histograms.

import { publish, slotWords } from '../src/metrics/counters.ts'
import { histogramCounters, histogramShape, observe } from '../src/metrics/histogram.ts'
import { clockNanoseconds, readClock } from '../src/os/clock.ts'
import { COUNTER_COUNT } from '../src/ws/worker/counters.ts'
import { TurnTimes } from '../src/ws/worker/turn-times.ts'

const smoke = process.argv.includes('--smoke')
const BATCH = 20
const BATCHES = smoke ? 100 : 200_000
const ROUNDS = smoke ? 2 : 15

const TIMES = histogramShape(10, 30, 10)
const SIZES = histogramShape(0, 8, 0)
const COUNTERS = 40
const TIMES_AT = COUNTERS
const SIZES_AT = TIMES_AT + histogramCounters(TIMES)
const WORDS = slotWords(SIZES_AT + histogramCounters(SIZES))

const counts = new Int32Array(WORDS)
const shared = new Int32Array(new SharedArrayBuffer(WORDS * 4))
const lengths = Int32Array.from({ length: 4096 }, (_, i) => 16 + ((i * 2654435761) >>> 25))
let checksum = 0

/** What a packet does without counting: the rest of the loop, so that only the difference remains. */
function packet(i: number): number {
  const bytes = lengths[i & 4095]
  checksum = (checksum * 31 + bytes) | 0
  return bytes
}

function plain(): void {
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < BATCH; i++) packet(batch + i)
  }
}

function counting(): void {
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < BATCH; i++) {
      const bytes = packet(batch + i)
      const family = (bytes & 1) * 19
      counts[family]++
      counts[family + 3]++
      counts[family + 7] += bytes
      counts[family + 8] += bytes + 40
    }
    readClock()
    const took = 4000 + (clockNanoseconds() & 0xffff)
    observe(counts, TIMES_AT, TIMES, took, BATCH)
    observe(counts, SIZES_AT, SIZES, BATCH, 1)
  }
}

function nanosecondsOf(work: () => void, steps: number): number {
  const start = Bun.nanoseconds()
  work()
  return (Bun.nanoseconds() - start) / steps
}

function report(name: string, unit: string, times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[sorted.length >> 1]
  console.log(`${name.padEnd(24)} min ${sorted[0].toFixed(2)}, median ${median.toFixed(2)} ${unit}`)
  return median
}

const turnTimes = new TurnTimes(new Int32Array(COUNTER_COUNT))
const TURN_SIZES = [1, 2, 5, 10, 20, 64] as const

/** The same plain loop, in turns of a size, timed as aquatic_ws does. */
function timing(size: number, times: TurnTimes | null): void {
  for (let i = 0; i < BATCHES * BATCH; ) {
    for (let left = size; left > 0; left--) {
      times?.received()
      packet(i++)
    }
    times?.sent()
  }
}

const without: number[] = []
const withCounting: number[] = []
const publishing: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  without.push(nanosecondsOf(plain, BATCHES * BATCH))
  withCounting.push(nanosecondsOf(counting, BATCHES * BATCH))
  const repeat = () => {
    for (let i = 0; i < BATCHES / 10; i++) publish(counts, shared, 0)
  }
  publishing.push(nanosecondsOf(repeat, BATCHES / 10))
}
const base = report('loop without counting', 'ns per packet', without)
const all = report('loop with counting', 'ns per packet', withCounting)
console.log(`counting                 ${(all - base).toFixed(2)} ns per packet`)
report(`publish of ${WORDS} words`, 'ns, 15 times a second', publishing)
for (const size of TURN_SIZES) {
  const steps = BATCHES * BATCH
  const rounds = Array.from({ length: ROUNDS }, () => {
    const untimed = nanosecondsOf(() => timing(size, null), steps)
    return nanosecondsOf(() => timing(size, turnTimes), steps) - untimed
  })
  report(`times, ${size} per turn`, 'ns per message', rounds)
}
console.log(`checksum ${checksum}`)
