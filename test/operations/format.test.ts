import { expect, test } from 'bun:test'
import { agoText, valueText } from '../../src/operations/format.ts'
import type { Unit } from '../../src/operations/view.ts'

const texts: [value: number, unit: Unit, text: string][] = [
  [Number.NaN, 'count', '–'],
  [1234567, 'count', '1,234,567'],
  [0, 'per second', '0'],
  [0.25, 'per second', '0.3'],
  [12.4, 'per second', '12'],
  [0.0000123, 'seconds', '12.3 µs'],
  [999, 'bytes', '999 B'],
  [999.6, 'bytes', '1 kB'],
  [92_400_000, 'bytes', '92.4 MB'],
  [1500, 'bytes per second', '1.5 kB/s'],
  [0, 'percent of one core', '0 %'],
  [0.0345, 'percent of one core', '0.035 %'],
  [3.14, 'percent of one core', '3.1 %'],
  [9.97, 'percent of one core', '10 %'],
  [187.4, 'percent of one core', '187 %'],
]
test.each(texts)('%d %s is shown as %s', (value, unit, text) =>
  expect(valueText(value, unit)).toBe(text),
)

test.each([
  [59_000, '59 s'],
  [61_000, '1 min 1 s'],
  [3_660_000, '1 h 1 min'],
  [90_000_000, '1 d 1 h'],
])('%d ms are %s', (milliseconds, text) => expect(agoText(milliseconds)).toBe(text))
