import { describe, expect, test } from 'bun:test'
import { byteText, figure, grouped, lostShare, percent, sectionsText } from '../../load/report.ts'
import { htmlReport } from '../../load/report-html.ts'
import { barChart, histogramChart, lineChart, standalone } from '../../load/svg.ts'

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
    expect(byteText(999)).toBe('999 B')
    expect(byteText(13_600_000)).toBe('13.6 MB')
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
  const charts = {
    line: lineChart([1, 2, 3], [{ name: 'a<b', values: [1, Number.NaN, 3] }], 'ms'),
    flat: lineChart([], [], 'ms'),
    histogram: histogramChart(
      [
        [1, 2, 5],
        [2, 4, 10],
      ],
      'ms',
      [['p50', 2.5]],
    ),
    none: histogramChart([], 'ms', []),
    bars: barChart([{ name: 'ours', value: 3, from: 2, to: 4 }], 'µs'),
  }

  test.each(Object.entries(charts))('%s is well-formed and finite', (_, chart) => {
    expect(chart).not.toMatch(/NaN|Infinity|undefined/)
    expect(chart).not.toContain('a<b')
    let depth = 0
    for (const [, slash, , closed] of chart.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (closed === '/') continue
      depth += slash === '/' ? -1 : 1
      expect(depth).toBeGreaterThanOrEqual(0)
    }
    expect(depth).toBe(0)
  })

  test('names of marks do not touch, and the unit stands behind a number', () => {
    const bars = [
      [0.1, 0.2, 5],
      [50, 100, 5],
    ] as const
    const marks = [
      ['p50', 1],
      ['p90', 1.1],
      ['p99', 1.2],
      ['p99.9', 99],
    ] as const
    const chart = histogramChart(bars, 'ms', marks)
    const names = [...chart.matchAll(/class="name on" x="([\d.]+)" y="(\d+)">(p[\d.]+)</g)]
    const boxes = names.map(([, x, y, name]) => ({
      row: Number(y),
      from: Number(x),
      to: Number(x) + name.length * 7,
    }))
    expect(boxes).toHaveLength(4)
    for (const a of boxes) {
      expect(a.to).toBeLessThanOrEqual(760)
      for (const b of boxes) {
        if (a !== b && a.row === b.row) expect(a.to < b.from || b.to < a.from).toBe(true)
        if (a.row !== b.row) expect(Math.abs(a.row - b.row)).toBeGreaterThan(12)
      }
    }
    expect(chart).toMatch(/>100 ms<\/text>/)
    expect(chart).not.toMatch(/>ms<\/text>/)
    expect(lineChart([1, 2], [{ name: 'a', values: [1, 2] }], '%')).not.toMatch(/>s<\/text>/)
  })

  test('a gap in the values is a gap in the line', () => {
    expect(charts.line.match(/class="line[^"]*" d="(M[^"]*)"/)?.[1].match(/M/g)).toHaveLength(2)
  })

  test('a chart of its own brings its colours', () => {
    expect(standalone(charts.bars)).toContain('prefers-color-scheme:dark')
    expect(standalone(charts.bars)).toStartWith('<svg xmlns="http://www.w3.org/2000/svg" ')
  })

  test('a page needs nothing from elsewhere and runs no program', () => {
    const html = htmlReport({
      title: 'a <b>',
      subtitle: 's',
      alarm: 'wrong & bad',
      charts: [{ title: 'c', svg: charts.line }],
      sections: [{ title: 't', head: ['', 'x'], rows: [['r', '1']] }],
      settings: "a = '<script>'",
      machine: ['m'],
    })
    expect(html).not.toMatch(/<script|src=|href=|@import|url\(/)
    expect(html).toContain('wrong &#38; bad')
    expect(html).toContain('prefers-color-scheme:dark')
  })
})
