import { describe, expect, test } from 'bun:test'
import {
  boolean,
  bytes,
  choice,
  integer,
  type Setting,
  seconds,
  string,
  stringOrList,
  type TomlValue,
} from '../../src/config/setting.ts'

const WRONG_FOR_ALL: TomlValue[] = [new Date(0), { a: 1n }]

function faultOf(setting: Setting<unknown>, value: TomlValue): string {
  const verdict = setting.check(value)
  return 'fault' in verdict ? `${verdict.fault}. ${verdict.remedy}` : 'accepted'
}

describe('whole numbers', () => {
  const workers = integer(1, { min: 0, max: 256 }, 'Threads.')

  test('both ends of the range are accepted', () => {
    expect(workers.check(0n)).toEqual({ value: 0 })
    expect(workers.check(256n)).toEqual({ value: 256 })
  })

  test('values just beyond the range are refused, also those that a double cannot hold', () => {
    expect(faultOf(workers, -1n)).toStartWith('is too small')
    expect(faultOf(workers, 257n)).toStartWith('is too large')
    expect(faultOf(workers, 2n ** 80n)).toStartWith('is too large')
  })

  test('floats, even whole ones, are refused', () => {
    for (const float of [4, 4.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(faultOf(workers, float)).toStartWith('is not whole')
    }
  })

  test('a number in quotes is refused with the advice to drop the quotes', () => {
    expect(faultOf(workers, '4')).toBe('is a string. Write 4 without quotes')
    expect(faultOf(workers, 'four')).toBe('is a string. Write a number without quotes')
  })

  test('a number with a unit, or beyond what is whole, is told in digits', () => {
    const age = seconds(5, { min: 1, max: 9000 }, '')
    expect(faultOf(age, '20m')).toBe('is a string. Write 1200 without quotes')
    expect(faultOf(age, '20d')).toBe('is a string. Write a number without quotes')
    expect(faultOf(age, 1200.5)).toBe('is not whole. Write 1201')
    const size = bytes(5, { min: 1, max: 2 ** 20 }, '')
    expect(size.fromText('512k')).toHaveProperty('remedy', 'Write 524288')
    expect(size.fromText('2m')).toHaveProperty('remedy', 'Write it in digits')
  })

  test('other types are refused by name', () => {
    expect(faultOf(workers, true)).toStartWith('is a boolean')
    expect(faultOf(workers, [1n])).toStartWith('is a list')
    expect(faultOf(workers, new Date(0))).toStartWith('is a date')
    expect(faultOf(workers, {})).toStartWith('is a table')
  })

  test('in the environment, signs, underscores and spaces around are read as TOML reads them', () => {
    expect(workers.fromText(' 20_000_000 ')).toEqual({ value: 20000000n })
    expect(workers.fromText('+7')).toEqual({ value: 7n })
    expect(workers.fromText('-7')).toEqual({ value: -7n })
    for (const text of ['', 'x', '1.0', '1e3', '0x10', '_1', '1_', '1__0', '٣', '1 2']) {
      expect(workers.fromText(text)).toHaveProperty('fault')
    }
  })

  test('the text about allowed values names unit and range', () => {
    expect(seconds(5, { min: 1, max: 9 }, '').allowed).toBe('a whole number of seconds from 1 to 9')
    expect(bytes(5, { min: 0, max: 9 }, '').allowed).toBe('a whole number of bytes from 0 to 9')
  })
})

describe('booleans', () => {
  const flag = boolean(false, 'A flag.')

  test('only true and false are accepted', () => {
    expect(flag.check(true)).toEqual({ value: true })
    expect(flag.check(false)).toEqual({ value: false })
    expect(faultOf(flag, 'true')).toBe('is a string. Write true or false without quotes')
    expect(faultOf(flag, 1n)).toBe('is a number. Write true or false')
    for (const value of WRONG_FOR_ALL) expect(flag.check(value)).toHaveProperty('fault')
  })

  test('in the environment too', () => {
    expect(flag.fromText(' true ')).toEqual({ value: true })
    expect(flag.fromText('false')).toEqual({ value: false })
    for (const text of ['', 'TRUE', '1', 'yes']) expect(flag.fromText(text)).toHaveProperty('fault')
  })
})

describe('choices', () => {
  const level = choice('error', ['off', 'error', 'warn'], 'A level.')

  test('the options are accepted, and nothing else', () => {
    for (const option of ['off', 'error', 'warn']) {
      expect(level.check(option)).toEqual({ value: option as 'off' })
    }
    for (const value of [...WRONG_FOR_ALL, 'toString', '', 1n, false]) {
      expect(level.check(value)).toHaveProperty('fault')
    }
  })

  test('a near miss gets the right word as a suggestion', () => {
    expect(faultOf(level, 'Error')).toEndWith("Write 'error'")
    expect(faultOf(level, 'warning')).toEndWith("Write 'warn'")
    expect(faultOf(level, 'loud')).toEndWith('Choose one of them')
  })

  test('the text about allowed values lists the options', () => {
    expect(level.allowed).toBe("one of 'off', 'error', 'warn'")
  })
})

describe('strings and lists', () => {
  const rules = {
    allowed: 'a lower-case word',
    check: (text: string) =>
      /^[a-z]*$/.test(text) ? null : { fault: 'is not lower case', remedy: 'Write it small' },
  }
  const word = string('a', rules, 'A word.')
  const words = stringOrList('a', rules, 'Words.')

  test('a string is checked by its rule', () => {
    expect(word.check('abc')).toEqual({ value: 'abc' })
    expect(faultOf(word, 'ABC')).toBe('is not lower case. Write it small')
    expect(faultOf(word, 3n)).toBe('is a number. Write text in quotes')
    for (const value of WRONG_FOR_ALL) expect(word.check(value)).toHaveProperty('fault')
  })

  test('a list keeps its order and names the item that is wrong', () => {
    expect(words.check('abc')).toEqual({ value: 'abc' })
    expect(words.check(['b', 'a'])).toEqual({ value: ['b', 'a'] })
    expect(words.check([])).toEqual({ value: [] })
    expect(faultOf(words, ['a', 'B'])).toStartWith('has an item (number 2) that is not lower case')
    expect(faultOf(words, ['a', ['b']])).toStartWith('has an item (number 2) that is a list')
    expect(words.allowed).toBe('a lower-case word, or a list of them')
  })

  test('in the environment, commas make a list', () => {
    expect(words.fromText(' a ')).toEqual({ value: 'a' })
    expect(words.fromText('a, b,c')).toEqual({ value: ['a', 'b', 'c'] })
    expect(words.fromText('a,')).toEqual({ value: ['a', ''] })
  })

  test('in the environment, a list may be written as in the file, and be empty', () => {
    expect(words.fromText('[]')).toEqual({ value: [] })
    expect(words.fromText(` ['a', "b"] `)).toEqual({ value: ['a', 'b'] })
    expect(words.fromText('[::]')).toEqual({ value: '[::]' })
    expect(words.fromText('[a], [b]')).toEqual({ value: ['[a]', '[b]'] })
  })
})
