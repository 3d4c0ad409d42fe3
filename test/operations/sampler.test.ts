import { describe, expect, setSystemTime, test } from 'bun:test'
import { liveHtml } from '../../src/operations/page.ts'
import { HISTORY_TICKS, Sampler, TICK_SECONDS } from '../../src/operations/sampler.ts'
import { statsOf } from '../../src/operations/stats.ts'
import { FakeView } from './fake-view.ts'

/** A sampler whose ticks come when told, exactly TICK_SECONDS apart. */
function sampled() {
  const view = new FakeView()
  let now = 1_000_000
  const sampler = new Sampler(view, () => now)
  const tick = () => {
    now += TICK_SECONDS * 1000
    sampler.tick()
  }
  const [requests, torrents, time] = view.charts.map(({ series }) => series[0])
  return { view, sampler, tick, requests, torrents, time, all: view.charts[0].series[1] }
}

describe('the sampler', () => {
  test('tells the growth of counters per second, by label and in all', () => {
    const { view, sampler, tick, requests, all } = sampled()
    expect(sampler.newestOf(requests)).toBeNaN()
    view.requests = 500
    view.errors = 50
    tick()
    expect(sampler.newestOf(requests)).toBe(100)
    expect(sampler.newestOf(all)).toBe(110)
    tick()
    expect(sampler.newestOf(all)).toBe(0)
  })

  test('tells in the unit of the chart', () => {
    const view = new FakeView()
    const [{ series }] = view.charts
    Object.assign(view.charts[0], { series: [{ ...series[0], factor: 100 }] })
    let now = 0
    const sampler = new Sampler(view, () => now)
    view.requests = 1
    now += TICK_SECONDS * 1000
    sampler.tick()
    const [spec] = view.charts[0].series
    expect(sampler.newestOf(spec)).toBe(20)
    expect(sampler.historyOf(spec).at(-1)).toBe(20)
  })

  test('tells quantiles of what was seen since the tick before, and none of nothing', () => {
    const { view, sampler, tick, time } = sampled()
    view.fast = 100
    tick()
    expect(sampler.newestOf(time)).toBeCloseTo(1152e-9, 12)
    tick()
    expect(sampler.newestOf(time)).toBeNaN()
  })

  test('remembers the last hour, oldest first', () => {
    const { view, sampler, tick, torrents } = sampled()
    for (view.torrents = 1; view.torrents <= HISTORY_TICKS + 10; view.torrents++) tick()
    const history = sampler.historyOf(torrents)
    expect(history).toHaveLength(HISTORY_TICKS)
    expect(history[0]).toBe(11)
    expect(history.at(-1)).toBe(HISTORY_TICKS + 10)
  })

  test('has no values from before its start', () => {
    const { view, sampler, tick, torrents } = sampled()
    view.torrents = 3
    tick()
    const history = sampler.historyOf(torrents)
    expect(history.filter(Number.isFinite)).toEqual([3])
    expect(history.at(-1)).toBe(3)
  })
})

test('stats.json tells totals, rates, quantiles and the values of the charts', () => {
  const { view, sampler, tick } = sampled()
  view.requests = 500
  view.fast = 8
  view.torrents = 2
  tick()
  const stats = JSON.parse(JSON.stringify(statsOf(view, sampler, 0)))
  expect(stats).toMatchObject({
    name: 'aquatic_test',
    ready: true,
    tick: 1,
    rates_over_seconds: TICK_SECONDS,
    charts: [
      {
        title: 'Requests',
        series: [
          { title: 'good', value: 100 },
          { title: 'all', value: 100 },
        ],
      },
      { series: [{ value: 2 }] },
      { unit: 'seconds' },
    ],
    metrics: {
      test_total: { samples: [{ labels: { type: 'good' }, value: 500, per_second: 100 }, {}] },
      test_torrents: { samples: [{ value: 2 }] },
      test_seconds: { samples: [{ count: 8 }] },
    },
  })
  tick()
  const later = JSON.parse(JSON.stringify(statsOf(view, sampler, 0)))
  expect(later.charts[2].series[0].value).toBeNull()
  expect(later.metrics.test_seconds.samples[0].recent).toBeNull()
})

describe.each([-3_600_000, 3_600_000])('when the wall clock is set by %d ms', (step) => {
  test('nothing has lasted longer or shorter for it, and times are those of the clock as it goes', () => {
    const view = new FakeView()
    const sampler = new Sampler(view)
    const startedAt = sampler.now.at
    try {
      const wall = Date.now() + step
      setSystemTime(wall)
      sampler.tick()
      const stats = JSON.parse(JSON.stringify(statsOf(view, sampler, startedAt)))
      expect(liveHtml(view, sampler, startedAt)).toContain('serving for 0 s')
      expect(stats.rates_over_seconds).toBeGreaterThanOrEqual(0)
      expect(stats.rates_over_seconds).toBeLessThan(60)
      for (const time of [stats.started, stats.time]) {
        expect(Math.abs(Date.parse(time) - wall)).toBeLessThan(60_000)
      }
    } finally {
      setSystemTime()
    }
  })
})
