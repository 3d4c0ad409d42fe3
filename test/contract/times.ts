// A running tracker reports how long requests take and how many it takes at once, not only how many there
// were. Used by the tests of each protocol.
import { expect } from 'bun:test'
import type { Tracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

const REQUESTS = 200
/** One of them has to find all requests waiting. */
const ROUNDS_MAX = 10
/** Serving a packet or message takes longer, on any machine. */
const LEAST_SECONDS = 0.25e-6 * REQUESTS

interface Histogram {
  readonly count: number
  readonly sum: number
  /** Values up to the bound of a bucket. */
  upTo(bound: string): number
}

function histogramIn(metrics: string, name: string): Histogram {
  const value = (suffix: string) => {
    const line = metrics.split('\n').find((each) => each.startsWith(`${name}_${suffix} `))
    return Number(line?.split(' ')[1] ?? Number.NaN)
  }
  return { count: value('count'), sum: value('sum'), upTo: (le) => value(`bucket{le="${le}"}`) }
}

/**
 * `ask` sends one request and waits for the answer; `askAll` sends so many at once, without waiting, and
 * returns what waits for all answers. `time`, `size`: names of the histograms. `repeated`: how many requests
 * were sent again, because the machine was busy.
 */
export async function timesContract(
  tracker: Tracker,
  names: { readonly time: string; readonly size: string },
  ask: () => Promise<unknown>,
  askAll: (count: number) => () => Promise<unknown>,
  repeated: () => number = () => 0,
): Promise<void> {
  const url = await tracker.operationsUrl()
  const read = async () => {
    const metrics = await (await fetch(`${url}metrics`)).text()
    return { time: histogramIn(metrics, names.time), size: histogramIn(metrics, names.size) }
  }
  const told = async (requests: number) => {
    await waitUntil('all are told', async () => (await read()).time.count >= requests)
    return read()
  }
  let began = performance.now()
  for (let i = 0; i < 20; i++) await ask()
  const first = 20 + repeated()
  const single = await told(first)
  // A turn ends after its answers are sent, so the clients may have them before its time is over.
  const oneByOne = (performance.now() - began) / 1000
  expect(single.time.count).toBe(first)
  expect(single.time.sum).toBeGreaterThan(0)
  expect(single.time.sum).toBeLessThanOrEqual(oneByOne)
  expect([single.size.count, single.size.sum, single.size.upTo('1')]).toEqual([first, first, first])

  let [before, known, round] = [single, first, 0]
  for (;;) {
    round++
    await tracker.pause()
    began = performance.now()
    const answered = askAll(REQUESTS)
    tracker.signal('SIGCONT')
    await answered()
    const whole = 20 + round * REQUESTS + repeated()
    const all = await told(whole)
    const together = (performance.now() - began) / 1000
    expect(all.time.count).toBe(whole)
    const sum = all.time.sum - before.time.sum
    expect(sum).toBeGreaterThan(LEAST_SECONDS * REQUESTS)
    expect(sum).toBeLessThanOrEqual(together * (whole - known))
    expect(all.size.sum).toBe(whole)
    expect(all.size.upTo('256')).toBe(all.size.count)
    // All of them waited, so one batch or turn took most; unless they had not all left the client by then.
    if (all.size.upTo('+Inf') - all.size.upTo('128') === 1) return
    expect(round).toBeLessThan(ROUNDS_MAX)
    ;[before, known] = [all, whole]
  }
}
