import { expect, test } from 'bun:test'
import { chartHtml } from '../../src/operations/chart.ts'
import { Sampler } from '../../src/operations/sampler.ts'
import { plotsIn } from '../plot/plots-in.ts'
import { FakeView } from './fake-view.ts'

/** The chart of torrents after a tick for each value; NaN leaves one out. */
function chartOf(values: readonly number[]): string {
  const view = new FakeView()
  const sampler = new Sampler(view)
  for (const value of values) {
    view.torrents = value
    sampler.tick()
  }
  return chartHtml(view.charts[1], sampler)
}

test('a line starts with the tracker, ends now, and its newest value stands beside its name', () => {
  const html = chartOf([10, 40, 20])
  const [plot] = plotsIn(html)
  expect(plot).toMatchObject({ title: 'Torrents', kind: 'clock', unit: '', step: 5 })
  expect(plot.lines).toEqual([[10, 40, 20]])
  expect(html).toContain('<b data-series="Torrents/all" data-value="20">20</b>')
  expect(html).toContain('aria-label="Torrents: all from 10 to 40, at last 20"')
})

test('a value that is not there makes a gap', () => {
  expect(plotsIn(chartOf([1, Number.NaN, 1]))[0].lines).toEqual([[1, null, 1]])
})

test.each([
  [1, 1],
  [720, 720],
  [721, 720],
  [2000, 720],
])('after %d ticks it has the last %d of them, each as it was', (ticks, points) => {
  const values = Array.from({ length: ticks }, (_, i) => (i * 7919) % 100)
  const [{ lines, at, step = 0 }] = plotsIn(chartOf(values))
  expect(lines).toEqual([values.slice(-points)])
  // The newest is of this moment, by the clock on the wall.
  expect(Math.abs(at[0] + (points - 1) * step - Date.now() / 1000)).toBeLessThan(5)
})

test('before the first tick there is nothing to draw', () => {
  const html = chartOf([])
  expect(plotsIn(html)[0].lines).toEqual([[]])
  expect(html).toContain('aria-label="Torrents: all without values"')
  expect(html).toContain('data-value="">–</b>')
})

test('titles are escaped', () => {
  const view = new FakeView()
  const chart = { ...view.charts[1], title: 'A <b> & "c"', series: [] }
  const sampler = new Sampler(view)
  const one = { ...chart, series: [{ ...view.charts[1].series[0], title: '<i>' }] }
  sampler.tick()
  const html = chartHtml(one, sampler)
  expect(html).toContain('<h2>A &lt;b&gt; &amp; &quot;c&quot;</h2>')
  expect(html).not.toContain('<i>')
  expect(plotsIn(html)[0].title).toBe('A <b> & "c"')
})

test.each([
  ['per second', ' <small>per second</small>'],
  ['percent of one core', ' <small>percent of one core</small>'],
  ['bytes per second', ' <small>bytes per second</small>'],
  ['seconds', ' <small>seconds</small>'],
  ['count', ''],
] as const)('the heading tells the unit, of %s too', (unit, small) => {
  const view = new FakeView()
  expect(chartHtml({ ...view.charts[1], unit }, new Sampler(view))).toContain(
    `<h2>Torrents${small}</h2>`,
  )
})
