import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parse, stringify } from 'smol-toml'
import { locateKeys } from '../../src/config/toml-locate.ts'
import { keyText } from '../../src/config/toml-text.ts'

/** Checks that the document is TOML, so that a slip in a test cannot pass unseen. */
function linesOf(text: string) {
  parse(text)
  return locateKeys(text)
}

describe('the line of a key is found', () => {
  test('at the top and below a section header', () => {
    const lines = linesOf('a = 1\n\n# b = 2\n[s]\nb = 2\r\n\tc = 3\n[ t . u ] # x\nd=4')
    expect(lines.find(['a'])).toBe(1)
    expect(lines.find(['s'])).toBe(4)
    expect(lines.find(['s', 'b'])).toBe(5)
    expect(lines.find(['s', 'c'])).toBe(6)
    expect(lines.find(['t'])).toBe(7)
    expect(lines.find(['t', 'u', 'd'])).toBe(8)
  })

  test('with dots and with quotes', () => {
    const text = `s.a = 1\ns . "b" = 2\n'c.d' = 3\n"e\\"\\u0041" = 4\n["x y".'z']\n"" = 5`
    const lines = linesOf(text)
    expect(lines.find(['s', 'a'])).toBe(1)
    expect(lines.find(['s', 'b'])).toBe(2)
    expect(lines.find(['c.d'])).toBe(3)
    expect(lines.find(['e"A'])).toBe(4)
    expect(lines.find(['x y', 'z', ''])).toBe(6)
  })

  test('inside inline tables', () => {
    const lines = linesOf('s = { a = 1, b.c = { d = "}" }, e = [ { f = 1 } ] }\ng = {}\nh = 1')
    expect(lines.find(['s', 'b', 'c', 'd'])).toBe(1)
    expect(lines.find(['s', 'e', 'f'])).toBe(1)
    expect(lines.find(['h'])).toBe(3)
  })

  test('after strings and comments that look like keys', () => {
    const text = [
      'a = "b = 1 # \\" [x]"',
      `c = '[y] \\'`,
      'd = """',
      'e = 1',
      '[z]',
      '\\""" still',
      '""""" # two quotes belong to the text',
      "f = '''",
      'g = 1',
      "''''",
      'h = "" # """',
      `i = ''`,
      'j = 1',
    ].join('\n')
    const lines = linesOf(text)
    expect(lines.find(['f'])).toBe(8)
    expect(lines.find(['h'])).toBe(11)
    expect(lines.find(['i'])).toBe(12)
    expect(lines.find(['j'])).toBe(13)
    for (const key of ['b', 'e', 'g', 'x', 'y', 'z']) expect(lines.find([key])).toBe(0)
  })

  test('after lists over several lines', () => {
    const text =
      'a = [\n  "x]", # ]\n  [1, 2],\n  { b = 1 },\n]\nc = 1979-05-27 07:32:00Z # d = 1\ne = 1'
    const lines = linesOf(text)
    expect(lines.find(['a'])).toBe(1)
    expect(lines.find(['a', 'b'])).toBe(4)
    expect(lines.find(['c'])).toBe(6)
    expect(lines.find(['d'])).toBe(0)
    expect(lines.find(['e'])).toBe(7)
  })

  test('as that of the first one in an array of tables', () => {
    const lines = linesOf('[[s]]\na = 1\n[[s]]\na = 2\nb = 3')
    expect(lines.find(['s'])).toBe(1)
    expect(lines.find(['s', 'a'])).toBe(2)
    expect(lines.find(['s', 'b'])).toBe(5)
  })

  test('as that of the table around it when the key is unknown', () => {
    expect(linesOf('\n[s]\na = 1').find(['s', 'x', 'y'])).toBe(2)
    expect(linesOf('').find(['s'])).toBe(0)
  })
})

test('every key of a generated document is found on a line that names it', () => {
  const key = fc.oneof(fc.constantFrom('a', 'b', 'c d', 'é', '"', "'", '='), fc.string())
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string()),
  )
  const { table } = fc.letrec<{ table: object; node: unknown }>((tie) => ({
    table: fc.dictionary(key, tie('node'), { maxKeys: 5, noNullPrototype: true }),
    node: fc.oneof({ maxDepth: 3, withCrossShrink: true }, value, tie('table')),
  }))
  fc.assert(
    fc.property(table, (document) => {
      const text = stringify(document)
      const rows = text.split('\n')
      const lines = locateKeys(text)
      for (const path of pathsOf(document, [])) {
        const row = rows[lines.find(path) - 1]
        const name = path.at(-1) ?? ''
        expect(row.includes(keyText(name)) || row.includes(JSON.stringify(name))).toBe(true)
      }
    }),
  )
})

test('text that is not TOML ends the search too', () => {
  const piece = fc.constantFrom(...'[]{}=.,"\'#\n\r\t \\ab1', '"""', "'''", '[[', 'a = ')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      locateKeys(pieces.join(''))
    }),
    { numRuns: 2000 },
  )
  locateKeys('['.repeat(100000))
  locateKeys(`a = ${'['.repeat(100000)}`)
  locateKeys(`a = ${'{ a = '.repeat(100000)}`)
  locateKeys('"'.repeat(100001))
})

function pathsOf(node: object, path: string[]): string[][] {
  const paths: string[][] = []
  for (const [key, value] of Object.entries(node)) {
    const inner = [...path, key]
    paths.push(inner)
    if (typeof value === 'object' && !Array.isArray(value)) paths.push(...pathsOf(value, inner))
  }
  return paths
}
