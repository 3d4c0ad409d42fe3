import { expect, test } from 'bun:test'
import { duration, grouped, rateText, textTable } from '../../src/metrics/text-table.ts'

test('columns are aligned, the first to the left, and no line ends with spaces', () => {
  const rows = [
    ['', 'connect', 'scrape'],
    ['IPv4 requests/s', '12,345', '1'],
    ['IPv6', '', ''],
    ['x'],
  ]
  expect(textTable(rows).split('\n')).toEqual([
    '                 connect  scrape',
    'IPv4 requests/s   12,345       1',
    'IPv6',
    'x',
    '',
  ])
})

test.each([
  [0, '0'],
  [999.4, '999'],
  [1000, '1,000'],
  [1234567.6, '1,234,568'],
])('%d is written as %s', (value, text) => expect(grouped(value)).toBe(text))

test.each([
  [0, '0'],
  [0.2, '0.2'],
  [1, '1.0'],
  [9.94, '9.9'],
  [9.96, '10'],
  [1234.5, '1,235'],
])('a rate of %d is written as %s', (value, text) => expect(rateText(value)).toBe(text))

test.each([
  [0, '0 µs'],
  [1234, '1.23 µs'],
  [56_789, '56.8 µs'],
  [999_400, '999 µs'],
  [999_600, '1 ms'],
  [12_345_678, '12.3 ms'],
  [1_500_000_000, '1.5 s'],
])('%d ns are written as %s', (nanoseconds, text) => expect(duration(nanoseconds)).toBe(text))
