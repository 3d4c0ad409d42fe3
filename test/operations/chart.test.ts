import { expect, test } from 'bun:test'
import { chartHtml } from '../../src/operations/chart.ts'
import { Sampler } from '../../src/operations/sampler.ts'
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

const lineOf = (html: string) => html.match(/class="line s1" d="([^"]*)"/)?.[1]

test('a line starts with the tracker, ends now, and is scaled to a round number', () => {
  const html = chartOf([10, 40, 20])
  expect(lineOf(html)).toBe('M57 80H58L59 20L60 60')
  expect(html).toContain('<span class="top">50</span>')
  expect(html).toContain('<b data-series="Torrents/all" data-value="20">20</b>')
  expect(html).toContain('<title>5 s ago\nall 20</title>')
})

test('a value that is not there makes a gap', () => {
  expect(lineOf(chartOf([1, Number.NaN, 1]))).toBe('M57 0H58M59 0H60')
})

test.each([
  [60, 60, '5 min ago'],
  [61, 180, '15 min ago'],
  [181, 240, '60 min ago'],
  [2000, 240, '60 min ago'],
])('after %d ticks it has %d points and begins %s', (ticks, points, text) => {
  const html = chartOf(Array(ticks).fill(5))
  expect(html).toContain(`viewBox="0 0 ${points} 100"`)
  expect(html).toContain(text)
  const line = lineOf(html) as string
  expect(line.endsWith(`L${points} 0`)).toBe(true)
  expect(line.match(/[ML]/g)?.length).toBe(
    Math.min(points, Math.ceil(ticks / (points === 240 ? 3 : 1))),
  )
})

test('groups of ticks do not change while they move through the chart', () => {
  // Three ticks to a point: the sequence of points is the same a tick later, but for the newest.
  const values = Array.from({ length: 400 }, (_, i) => (i * 7919) % 100)
  const heights = (line = '') => [...line.matchAll(/[ML]\d+ ([\d.]+)/g)].map(([, y]) => y)
  const before = heights(lineOf(chartOf(values)))
  const after = heights(lineOf(chartOf([...values, 50])))
  expect(after.slice(0, -1)).toEqual(before.slice(0, after.length - 1))
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
})

test.each([
  ['per second', ' <small>per second</small>'],
  ['percent of one core', ' <small>percent of one core</small>'],
  ['bytes per second', ''],
  ['seconds', ''],
] as const)('the heading tells the unit %s where values do not', (unit, small) => {
  const view = new FakeView()
  expect(chartHtml({ ...view.charts[1], unit }, new Sampler(view))).toContain(
    `<h2>Torrents${small}</h2>`,
  )
})
