import { describe, expect, test } from 'bun:test'
import { Distribution } from '../../load/histogram.ts'
import { between, type Period, type Snapshot } from '../../load/measure.ts'
import { missingOf } from '../../load/missing.ts'
import { TICKS_PER_SECOND } from '../../load/proc.ts'
import { disturbance, verdictSection } from '../../load/verdict.ts'

describe('what is missing', () => {
  const of = (owed: number, came: number, mayLack = 0.1) =>
    missingOf([{ kind: 'scrape', text: 'answers', owed, came, mayLack }]).map(({ count }) => count)

  test('is more than what may be', () => {
    expect(of(1000, 901)).toEqual([])
    expect(of(1000, 900)).toEqual([])
    expect(of(1000, 899)).toEqual([101])
    expect(of(1000, 0, 1)).toEqual([])
    expect(of(1000, 1200)).toEqual([])
  })

  test('is not told from a few', () => {
    expect(of(9, 0)).toEqual([])
    expect(of(10, 0)).toEqual([10])
  })
})

/** One second on a machine of two cores; times in seconds. */
function second(times: {
  own: number
  tracker: number | null
  all: number
  stolen?: number
}): Period {
  const { own, tracker, all, stolen = 0 } = times
  const ticks = (sec: number) => sec * TICKS_PER_SECOND
  const at = (share: number): Snapshot => ({
    atMs: share * 1000,
    counts: {},
    latencies: [],
    ownCpuSec: own * share,
    tracker:
      tracker === null ? null : { cpuSec: tracker * share, rssKb: 1, peakKb: 1, openFiles: 1 },
    machine: {
      used: ticks(all * share),
      stolen: ticks(stolen * share),
      all: ticks(2 * share),
      cores: 2,
    },
  })
  return between(at(0), at(1))
}

describe('that others used the machine', () => {
  test.each([
    ['nobody did', { own: 1, tracker: 0.9, all: 1.95 }, true, false],
    ['a program did', { own: 1, tracker: 0.5, all: 1.95 }, true, true],
    ['the hypervisor did', { own: 0.5, tracker: 0.4, all: 0.9, stolen: 0.1 }, true, true],
    ['it may be the tracker', { own: 1, tracker: null, all: 1.95 }, true, false],
    ['the tracker is elsewhere', { own: 1, tracker: null, all: 1.95 }, false, true],
  ])('%s: it is told, or not', (_, times, isLocal, told) => {
    expect(disturbance(second(times), isLocal) !== '').toBe(told)
  })

  test('says by how much', () => {
    const text = disturbance(second({ own: 1, tracker: 0.5, all: 1.9, stolen: 0.05 }), true)
    expect(text).toContain('other programs used 0.400 of its 2 cores')
    expect(text).toContain('the hypervisor took 2.50 % of its time')
  })
})

test('the verdict names what was wrong, lost, slow, and what an answer cost', () => {
  const period = second({ own: 1, tracker: 0.5, all: 1.5 })
  const gist = {
    asked: 200,
    lost: 20,
    errors: 0,
    latency: Distribution.empty(),
    responses: 100_000,
    per: 'response',
  }
  const missing = missingOf([
    { kind: 'scrape', text: 'answers to scrapes', owed: 20, came: 0, mayLack: 0 },
  ])
  const verdict = (wrong: number, lacks: typeof missing, errors = 0) => {
    const input = { answers: 'answers', wrong, missing: lacks, period, warning: '' }
    return verdictSection({ ...input, gist: { ...gist, errors } })
  }
  expect(verdict(0, []).title).toBe('verdict: right')
  expect(verdict(0, []).rows).toEqual([
    ['wrong answers', '0'],
    ['missing answers', '0'],
    ['lost', '20 (10.00 %)'],
    ['latency p99', '– ms'],
    ['CPU per response', '5.00 µs'],
  ])
  expect(verdict(0, []).notes).toEqual([])
  expect(verdict(0, [], 2).notes).toEqual([])
  expect(verdict(0, [], 3).notes?.join()).toContain('1.50 % of the requests were answered with an')
  expect(verdict(1, []).title).toBe('verdict: WRONG')
  expect(verdict(0, missing).title).toBe('verdict: WRONG')
  expect(verdict(0, missing).rows[1]).toEqual(['missing answers to scrapes', '20 of 20'])
})
