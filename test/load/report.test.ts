import { describe, expect, test } from 'bun:test'
import { Distribution, recordMs } from '../../load/histogram.ts'
import { figure, lostShare, percent, sectionsText } from '../../load/report.ts'
import { htmlReport } from '../../load/report-html.ts'
import { chartOver, latencyChart } from '../../load/report-parts.ts'
import { barChart, standalone } from '../../load/svg.ts'
import { bytesText } from '../../src/config/quantities.ts'
import { grouped } from '../../src/metrics/text-table.ts'
import { PLOT_SCRIPT, policyHash } from '../../src/plot/plot.ts'
import { plotsIn } from '../plot/plots-in.ts'

describe('figures', () => {
  test.each([
    [0, '0'],
    [0.0314, '0.031'],
    [1.234, '1.23'],
    [12.34, '12.3'],
    [123.4, '123'],
    [1234567, '1,234,567'],
    [Number.NaN, '–'],
  ])('%f is written %s', (value, text) => expect(figure(value)).toBe(text))

  test('counts, shares and bytes', () => {
    expect(grouped(999)).toBe('999')
    expect(grouped(1000000)).toBe('1,000,000')
    expect(percent(0, 10)).toBe('0 %')
    expect(percent(1, 3)).toBe('33.33 %')
    expect(percent(1, 1e6)).toBe('1.0e-4 %')
    expect(lostShare(0, 0)).toBe(0)
    expect(lostShare(1, 4)).toBe(0.25)
    // A period in which more got lost than was asked, and one in which nothing was asked.
    expect([lostShare(8, 7), lostShare(1, 0)]).toEqual([1, 1])
    expect(bytesText(999)).toBe('999 B')
    expect(bytesText(13_600_000)).toBe('13.6 MB')
  })
})

test('a table is aligned, its first column to the left', () => {
  const rows = [
    ['connect', '1', '22'],
    ['all', '333', '4'],
  ]
  expect(
    sectionsText([{ title: 'per second', head: ['', 'sent', 'got'], rows, notes: ['n'] }]),
  ).toBe(
    'per second  sent  got\n' +
      '─────────────────────\n' +
      'connect        1   22\n' +
      'all          333    4\n' +
      'n\n',
  )
})

describe('charts', () => {
  const bars = barChart([{ name: 'a<b', value: 3, from: 2, to: 4 }], 'µs')

  test('a bar chart is well-formed and finite', () => {
    expect(bars).not.toMatch(/NaN|Infinity|undefined/)
    expect(bars).not.toContain('a<b')
    let depth = 0
    for (const [, slash, , closed] of bars.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (closed === '/') continue
      depth += slash === '/' ? -1 : 1
      expect(depth).toBeGreaterThanOrEqual(0)
    }
    expect(depth).toBe(0)
  })

  test('a chart of its own brings its colours', () => {
    expect(standalone(bars)).toContain('prefers-color-scheme:dark')
    expect(standalone(bars)).toStartWith('<svg xmlns="http://www.w3.org/2000/svg" ')
  })

  /** Of three values: one of 1 ms, two of 100 ms. */
  function latencies(): Distribution {
    const { counts } = Distribution.empty()
    for (const milliseconds of [1, 100, 100]) recordMs(counts, 0, milliseconds)
    return new Distribution(counts)
  }

  test('a histogram has the share of each bar, an end, and marks', () => {
    const { at, lines, marks, kind, measured } = latencyChart('Latency', latencies())
    const [{ values }] = lines
    expect([kind, measured]).toEqual(['spread', 'ms'])
    expect(at).toHaveLength(values.length)
    expect(at.every((value, i) => value > (at[i - 1] ?? 0))).toBe(true)
    expect(values[0]).toBeCloseTo(100 / 3)
    expect(values.at(-2)).toBeCloseTo(200 / 3)
    expect(values.at(-1)).toBe(0)
    expect(at[0]).toBeLessThanOrEqual(1)
    expect(at.at(-1)).toBeGreaterThan(100)
    expect(marks?.map(([name]) => name)).toEqual(['p50', 'p90', 'p99', 'p99.9'])
  })

  test('the scale of a histogram begins above 0, and one without values has neither bars nor marks', () => {
    const { counts } = Distribution.empty()
    recordMs(counts, 0, 0)
    expect(latencyChart('Latency', new Distribution(counts)).at[0]).toBeGreaterThan(0)
    const none = latencyChart('Latency', Distribution.empty())
    expect([none.at, none.lines[0].values, none.marks]).toEqual([[], [], []])
  })

  test('the times of a chart are the ends of its periods', () => {
    const periods = [1, 1.5, 1].map((seconds) => ({ seconds }))
    const { at, lines } = chartOver('x', periods, 's', { a: ({ seconds }) => seconds })
    expect(at).toEqual([1, 2.5, 3.5])
    expect(lines[0].values).toEqual([1, 1.5, 1])
  })

  test('a page needs nothing from elsewhere and runs no program but that of its charts', () => {
    const html = htmlReport({
      title: 'a <b>',
      subtitle: 's',
      alarm: 'wrong & bad',
      charts: [latencyChart('<c>', latencies())],
      sections: [{ title: 't', head: ['', 'x'], rows: [['r', '1']] }],
      settings: "a = '<script>'",
      machine: ['m'],
    })
    const rest = html.replace(`<script>${PLOT_SCRIPT}</script>`, '')
    expect(rest.length).toBe(html.length - PLOT_SCRIPT.length - 17)
    expect(rest).not.toMatch(/<script|src=|href=|@import|url\(/)
    expect(html).toContain(`default-src 'none'; script-src ${policyHash(PLOT_SCRIPT)}; style-src `)
    expect(html).toContain('wrong &amp; bad')
    expect(html).toContain('prefers-color-scheme:dark')
    expect(plotsIn(html).map(({ title }) => title)).toEqual(['<c>'])
  })
})
