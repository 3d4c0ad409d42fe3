// Builders for one setting each: default value, limits, explanation, and the check that follows from
// them. Schemas (src/udp/settings/config.ts and its siblings) are made of these; everything else about a
// setting, from its TOML comment to its environment variable, is derived. Runs at start-up only.

import { parse } from 'smol-toml'
import { nearest } from './suggest.ts'
import { COUNT_UNITS, numberMeant, SECOND_UNITS, SIZE_UNITS, type Units } from './units.ts'

/** What a TOML file can hold. Integers arrive as bigint, so that 4 and 4.0 stay different. */
export type TomlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | TomlValue[]
  | { [key: string]: TomlValue }

/** `fault` continues the sentence «key = value …»; `remedy` is a sentence without its full stop. */
export interface Fault {
  fault: string
  remedy: string
}
export type Verdict<T> = { value: T } | Fault

export interface Setting<T> {
  readonly defaultValue: T
  /** Completes «allowed is …». */
  readonly allowed: string
  /** Plain text: paragraphs separated by blank lines; one that starts with «$ » is a shell command. */
  readonly explanation: string
  /** Its value never appears in messages or in printed settings. */
  readonly secret: boolean
  readonly check: (value: TomlValue) => Verdict<T>
  /** From the text of an environment variable to what the file would hold. */
  readonly fromText: (text: string) => Verdict<TomlValue>
}

export interface Range {
  min: number
  max: number
}

export function integer(defaultValue: number, range: Range, explanation: string): Setting<number> {
  return wholeNumber(defaultValue, range, 'a whole number', COUNT_UNITS, explanation)
}

/** An integer that counts seconds. */
export function seconds(defaultValue: number, range: Range, explanation: string): Setting<number> {
  return wholeNumber(defaultValue, range, 'a whole number of seconds', SECOND_UNITS, explanation)
}

/** An integer that counts bytes. */
export function bytes(defaultValue: number, range: Range, explanation: string): Setting<number> {
  return wholeNumber(defaultValue, range, 'a whole number of bytes', SIZE_UNITS, explanation)
}

/** A number that need not be whole. */
export function decimal(defaultValue: number, range: Range, explanation: string): Setting<number> {
  return {
    defaultValue,
    allowed: `a number from ${range.min} to ${range.max}`,
    explanation,
    secret: false,
    check: (value) => {
      if (typeof value !== 'number' && typeof value !== 'bigint') {
        return { fault: isA(value), remedy: unquoted(value, 'Write a number') }
      }
      const number = Number(value)
      if (Number.isNaN(number)) return { fault: 'is not a number', remedy: 'Write it in digits' }
      if (number < range.min) return { fault: 'is too small', remedy: 'Raise it' }
      if (number > range.max) return { fault: 'is too large', remedy: 'Lower it' }
      return { value: number }
    },
    fromText: (text) => {
      const digits = text.trim()
      if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(digits)) return { value: Number(digits) }
      return { fault: 'is not a number', remedy: 'Write it in digits' }
    },
  }
}

export function boolean(defaultValue: boolean, explanation: string): Setting<boolean> {
  const remedy = 'Write true or false'
  return {
    defaultValue,
    allowed: 'true or false',
    explanation,
    secret: false,
    check: (value) =>
      typeof value === 'boolean'
        ? { value }
        : { fault: isA(value), remedy: unquoted(value, remedy) },
    fromText: (text) => {
      const word = text.trim()
      if (word === 'true' || word === 'false') return { value: word === 'true' }
      return { fault: 'is neither true nor false', remedy }
    },
  }
}

export function choice<const T extends readonly string[]>(
  defaultValue: T[number],
  options: T,
  explanation: string,
): Setting<T[number]> {
  const allowed = `one of ${options.map((option) => `'${option}'`).join(', ')}`
  return {
    defaultValue,
    allowed,
    explanation,
    secret: false,
    check: (value) => {
      if (typeof value !== 'string') {
        return { fault: isA(value), remedy: 'Write one of these words in quotes' }
      }
      if (options.includes(value)) return { value }
      const near = nearest(value.trim(), options)
      const remedy = near === null ? 'Choose one of them' : `Write '${near}'`
      return { fault: 'is not known', remedy }
    },
    fromText: (text) => ({ value: text }),
  }
}

export interface StringRules {
  allowed?: string
  secret?: boolean
  /** Says what is wrong with a string, or null. */
  check?: (text: string) => Fault | null
}

export function string(
  defaultValue: string,
  rules: StringRules,
  explanation: string,
): Setting<string> {
  return {
    defaultValue,
    allowed: rules.allowed ?? 'a string',
    explanation,
    secret: rules.secret ?? false,
    check: (value) => {
      if (typeof value !== 'string') return { fault: isA(value), remedy: 'Write text in quotes' }
      return rules.check?.(value) ?? { value }
    },
    fromText: (text) => ({ value: text }),
  }
}

/** A `check` of `string`, for names passed to the system, which would end at such a character. */
export function refuseNul(text: string): Fault | null {
  return text.includes('\u0000') ? { fault: 'holds a NUL character', remedy: 'Delete that' } : null
}

/** Of a setting that takes one or a list; '' is none. */
export function listOf(setting: string | readonly string[]): string[] {
  return [setting].flat().filter((text) => text !== '')
}

/**
 * One string or a list of them. In the environment, commas separate the items of a list, or it is
 * written as in the file: [] for an empty one.
 */
export function stringOrList(
  defaultValue: string | string[],
  rules: StringRules,
  explanation: string,
): Setting<string | string[]> {
  const single = string('', rules, explanation)
  return {
    ...single,
    defaultValue,
    allowed: `${single.allowed}, or a list of them`,
    check: (value) => (Array.isArray(value) ? checkList(value, single) : single.check(value)),
    fromText: (text) => {
      const list = listIn(text)
      if (list !== null) return { value: list }
      if (!text.includes(',')) return { value: text.trim() }
      return { value: text.split(',').map((item) => item.trim()) }
    },
  }
}

/** A list as TOML has it; null for any other text, such as «[::]:3000». */
function listIn(text: string): TomlValue[] | null {
  if (!/^\s*\[.*\]\s*$/.test(text)) return null
  try {
    const { list } = parse(`list = ${text}`, { integersAsBigInt: true }) as { list: TomlValue }
    return Array.isArray(list) ? list : null
  } catch {
    return null
  }
}

function checkList(items: TomlValue[], single: Setting<string>): Verdict<string[]> {
  const value: string[] = []
  for (const [index, item] of items.entries()) {
    const verdict = single.check(item)
    if ('fault' in verdict) {
      return {
        fault: `has an item (number ${index + 1}) that ${verdict.fault}`,
        remedy: verdict.remedy,
      }
    }
    value.push(verdict.value)
  }
  return { value }
}

function wholeNumber(
  defaultValue: number,
  range: Range,
  noun: string,
  units: Units,
  explanation: string,
): Setting<number> {
  const remedyFor = (text: string, otherwise: string) => {
    const number = numberMeant(text, units)
    return number >= range.min && number <= range.max ? `Write ${number}` : otherwise
  }
  return {
    defaultValue,
    allowed: `${noun} from ${range.min} to ${range.max}`,
    explanation,
    secret: false,
    check: (value) => {
      if (typeof value === 'number') {
        const remedy = remedyFor(String(value), 'Write it without a decimal point or exponent')
        return { fault: 'is not whole', remedy }
      }
      if (typeof value !== 'bigint') {
        const remedy =
          typeof value === 'string' ? remedyFor(value, 'Write a number') : 'Write a number'
        return { fault: isA(value), remedy: unquoted(value, remedy) }
      }
      if (value < BigInt(range.min)) return { fault: 'is too small', remedy: 'Raise it' }
      if (value > BigInt(range.max)) return { fault: 'is too large', remedy: 'Lower it' }
      return { value: Number(value) }
    },
    fromText: (text) => {
      const digits = text.trim()
      if (/^[+-]?\d(_?\d)*$/.test(digits)) return { value: BigInt(digits.replace(/[+_]/g, '')) }
      return { fault: 'is not a whole number', remedy: remedyFor(digits, 'Write it in digits') }
    },
  }
}

/** «is a string», «is a list», …: the kind of a value of the wrong kind. */
export function isA(value: TomlValue): string {
  if (typeof value === 'string') return 'is a string'
  if (typeof value === 'boolean') return 'is a boolean'
  if (typeof value === 'bigint' || typeof value === 'number') return 'is a number'
  if (value instanceof Date) return 'is a date'
  return Array.isArray(value) ? 'is a list' : 'is a table'
}

function unquoted(value: TomlValue, remedy: string): string {
  return typeof value === 'string' ? `${remedy} without quotes` : remedy
}
