import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parse } from 'smol-toml'
import { defaultsOf, section } from '../../src/config/schema.ts'
import { integer, string } from '../../src/config/setting.ts'
import {
  defaultFile,
  effectiveFile,
  keyText,
  paragraphsOf,
  shortFile,
  tomlText,
  wrap,
} from '../../src/config/toml-text.ts'

const schema = {
  network: section('Where it listens.', {
    address: string("it's", {}, 'The address.\n\n$ ip -4 address show\n\nLast words.'),
  }),
  workers: integer(3, { min: 0, max: 9 }, 'Threads. '.repeat(30)),
  password: string('', { secret: true }, 'A secret.'),
}

describe('a value as TOML', () => {
  test('is read back as it was, whatever a string holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(parse(`x = ${tomlText(text)}`)).toEqual({ x: text })
      }),
    )
    for (const text of [
      '',
      "'",
      '"',
      '\\',
      '\u0000\u001f\u007f\u0080',
      'a\r\nb',
      '\u2028',
      '# no',
    ]) {
      expect(parse(`x = ${tomlText(text)}`)).toEqual({ x: text })
    }
  })

  test('is written on one line, in the plainest form', () => {
    expect(tomlText('a "b" \\')).toBe(`'a "b" \\'`)
    expect(tomlText("it's")).toBe(`"it's"`)
    expect(tomlText(['a', 'b'])).toBe("['a', 'b']")
    expect(tomlText([])).toBe('[]')
    expect(tomlText(true)).toBe('true')
    expect(tomlText(12n)).toBe('12')
    expect(tomlText({ 'a b': { c: 1 }, d: {} })).toBe("{ 'a b' = { c = 1 }, d = {} }")
  })
})

test('a key is bare where TOML allows it', () => {
  expect(keyText('max-age_2')).toBe('max-age_2')
  expect(keyText('a.b')).toBe("'a.b'")
  expect(keyText('')).toBe("''")
  expect(keyText('a\nb')).toBe('"a\\nb"')
})

describe('the default file', () => {
  const text = defaultFile('demo', schema)

  test('holds the defaults', () => {
    expect(parse(text) as object).toEqual(defaultsOf(schema))
  })

  test('explains variables with settings of its own', () => {
    const words = text.replaceAll('\n# ', ' ')
    expect(words).toContain('such as AQUATIC_NETWORK_ADDRESS for address in section [network], or ')
    expect(words).toContain('AQUATIC_WORKERS for workers, which is in no section.')
  })

  test('has each key under its explanation', () => {
    const lines = text.split('\n')
    const at = lines.indexOf(`address = "it's"`)
    expect(lines.slice(at - 6, at)).toEqual([
      '# The address.',
      '#',
      '# $ ip -4 address show',
      '#',
      '# Last words.',
      '# Allowed: a string.',
    ])
    expect(lines[at - 8]).toBe('[network]')
    expect(lines[at - 9]).toBe('# Where it listens.')
  })

  test('is 80 columns wide at most', () => {
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('the effective settings', () => {
  const config = { ...defaultsOf(schema), workers: 4, password: 'hunter2' }
  const note = ({ path }: { path: string }) =>
    path === 'workers' || path === 'password' ? `from x.toml:1` : ''
  const text = effectiveFile(schema, config, note)

  test('say where a value comes from, and nothing about defaults', () => {
    expect(text).toContain('\nworkers = 4 # from x.toml:1\n'.trimStart())
    expect(text).toContain(`address = "it's"\n`)
  })

  test('never show a secret', () => {
    expect(text).not.toContain('hunter2')
    expect(text).toContain('# password is secret: from x.toml:1\n')
  })

  test('are read back as they were, but for secrets', () => {
    expect(parse(text) as object).toEqual({ workers: 4, network: { address: "it's" } })
  })
})

test('text is wrapped between words, and a word too long stands alone', () => {
  expect(wrap('aa bb cc', 5)).toEqual(['aa bb', 'cc'])
  expect(wrap('a abcdefgh b', 5)).toEqual(['a', 'abcdefgh', 'b'])
  expect(wrap('', 5)).toEqual([])
})

test('paragraphs lose their line breaks', () => {
  expect(paragraphsOf('\n a\n   b\n\n  \n c ')).toEqual(['a b', 'c'])
})

describe('the short file', () => {
  const text = shortFile('demo', { schema, common: ['network.address', 'workers'] })

  test('has the settings that most users change, and their default values', () => {
    expect(parse(text)).toEqual({ workers: 3, network: { address: "it's" } })
  })

  test('has the beginning of each explanation', () => {
    expect(text).toContain('# The address.\n# Allowed:')
    expect(text).not.toContain('Last words.')
  })

  test('of a program that names none has all', () => {
    expect(parse(shortFile('demo', { schema }))).toEqual(parse(defaultFile('demo', schema)))
  })
})
