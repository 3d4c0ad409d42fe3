// Typographic quotes, into which word processors and web pages turn plain ones. TOML does not know them,
// but the line that was meant is easy to guess. Used by read-file.ts.
import { parse } from 'smol-toml'
import type { TomlValue } from './setting.ts'
import { tomlText } from './toml-text.ts'

const DOUBLE = '“”„‟«»″'
const SINGLE = '‘’‚‛‹›′`´'

export const SMART_QUOTES = DOUBLE + SINGLE

const ANY = new RegExp(`[${SMART_QUOTES}]`)

/** Whether a setting of this name takes the value. */
export type Accepts = (key: string, value: TomlValue) => boolean

export function hasSmartQuotes(text: string): boolean {
  return ANY.test(text)
}

/**
 * The line with plain quotes around text, and none around what is a number or true or false; null when no
 * such line is found that the setting takes.
 */
export function withPlainQuotes(line: string, accepts: Accepts): string | null {
  const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
  if (value === undefined) return null
  const kinds = [DOUBLE, SINGLE].filter((marks) => new RegExp(`[${marks}]`).test(value))
  const lines = kinds.flatMap((marks) => {
    return [tomlText, (text: string) => text].map((quote) => {
      return `${key} = ${replaced(value, marks, quote)}`
    })
  })
  return lines.find((candidate) => isRight(candidate, key, accepts)) ?? null
}

function replaced(value: string, marks: string, quote: (text: string) => string): string {
  const pair = new RegExp(`[${marks}]([^${marks}]*)[${marks}]`, 'g')
  if (pair.test(value)) return value.replace(pair, (_, text: string) => quote(text))
  // One of the two is a plain quote, or is missing.
  const single = new RegExp(`^[${marks}'"]?([^${marks}'"#]*?)[${marks}'"]?\\s*(#.*)?$`)
  return value.replace(single, (_, text: string) => quote(text))
}

function isRight(line: string, key: string, accepts: Accepts): boolean {
  try {
    const table = parse(line, { integersAsBigInt: true }) as Record<string, TomlValue>
    return Object.hasOwn(table, key) && accepts(key, table[key])
  } catch {
    return false
  }
}
