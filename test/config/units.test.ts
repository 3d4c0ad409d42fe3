import { expect, test } from 'bun:test'
import { COUNT_UNITS, numberMeant, SECOND_UNITS, SIZE_UNITS } from '../../src/config/units.ts'

test.each([
  ['20m', SECOND_UNITS, 1200],
  [' 1.5 h', SECOND_UNITS, 5400],
  ['2 Days', SECOND_UNITS, 172_800],
  ['1_000', SECOND_UNITS, 1000],
  ['10M', COUNT_UNITS, 10_000_000],
  ['1e6', COUNT_UNITS, 1_000_000],
  ['512 KiB', SIZE_UNITS, 524_288],
  ['-5', SIZE_UNITS, -5],
  ['1200.5', SECOND_UNITS, 1201],
])('%p means a number', (text, units, number) => {
  expect(numberMeant(text, units)).toBe(number)
})

test.each([
  ['', SECOND_UNITS],
  ['m', SECOND_UNITS],
  ['20x', SECOND_UNITS],
  ['20m', { h: 1 }],
  ['1 2', COUNT_UNITS],
  ['3 constructor', COUNT_UNITS],
  ['.', COUNT_UNITS],
])('%p means none', (text, units) => {
  expect(numberMeant(text, units)).toBeNaN()
})
