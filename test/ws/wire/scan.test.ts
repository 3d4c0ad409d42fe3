import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { NESTING_MAX } from '../../../src/ws/wire/scan.ts'
import { scannerOn } from './text.ts'

/** Whether the scanner takes the whole text for one value. */
function accepts(text: string): boolean {
  const { scanner } = scannerOn(text)
  return scanner.skipValue() && scanner.atEnd()
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the scanner accepts what JSON.parse does', () => {
  test.each([
    '',
    ' ',
    'null',
    ' true\n',
    '\tfalse\r',
    'nul',
    'nulll',
    'True',
    '0',
    '-0',
    '-',
    '01',
    '00',
    '1.',
    '.5',
    '1.5',
    '1e',
    '1e5',
    '1E+05',
    '1e-',
    '-1.50e-10',
    '1e400',
    '+1',
    '0x10',
    '1_000',
    'NaN',
    'Infinity',
    '99999999999999999999999999',
    '""',
    '"',
    '"a',
    '"\\',
    '"\\"',
    '"\\""',
    '"\\u12"',
    '"\\u123"',
    '"\\u12g4"',
    '"\\uD800"',
    '"\\uABcd\\n\\/\\\\\\b\\f\\r\\t"',
    '"\\x41"',
    '"\\0"',
    '"\n"',
    '"\u0000"',
    '"\u001f"',
    '"\u007f\u0080\u00ff\u2028\ud83d\ude00"',
    "'a'",
    '[]',
    '[ ]',
    '[',
    ']',
    '[,]',
    '[1,]',
    '[1 2]',
    '[1,2',
    '[[],[[]]]',
    '[1,[2,{"a":[3]}]]',
    '{}',
    '{ }',
    '{',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{a:1}',
    '{"a":1 "b":2}',
    '{"a":1,"a":2}',
    '{"a" : [ 1 , {"b" : null } ] }',
    '{"a":1]',
    '[1}',
    '1 2',
    '{} {}',
    '// a\n1',
    '\ufeff1',
    '\u00a01',
  ])('%p', (text) => {
    expect(accepts(text)).toBe(isJson(text))
  })

  test('and any value that JSON.stringify makes, with any spaces', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom('', ' ', '\n\t'), (json, space) => {
        expect(accepts(space + json + space)).toBe(true)
        expect(accepts(JSON.stringify(JSON.parse(json), null, 2))).toBe(true)
      }),
      { seed: 1 },
    )
  })

  test('and with one character changed, removed or added', () => {
    const signs = [...'{}[],:"\\0123456789.eE+-truefalsn \n\u0000\u0007\u00e9x']
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 3 }),
        fc.nat(),
        fc.constantFrom(...signs),
        fc.constantFrom(0, 1),
        (json, position, sign, removed) => {
          const at = position % (json.length + 1)
          const text = json.slice(0, at) + sign + json.slice(at + removed)
          expect(accepts(text)).toBe(isJson(text))
          const shorter = json.slice(0, at) + json.slice(at + 1)
          expect(accepts(shorter)).toBe(isJson(shorter))
        },
      ),
      { seed: 2, numRuns: 5000 },
    )
  })

  test('with every character at every place of a string, behind every kind of character', () => {
    for (const before of [
      '',
      ' ',
      '#',
      '\\n',
      '\\u0041',
      ']',
      '\u007f',
      '\u00e9',
      '\u4e2d',
      '\ud83d\ude00',
    ]) {
      for (let code = 0; code < 0x180; code++) {
        const character = String.fromCharCode(code)
        for (let place = 0; place < 5; place++) {
          const text = `"${'x'.repeat(place)}${before}${character}yz"`
          if (accepts(text) !== isJson(text)) throw new Error(`wrong about ${JSON.stringify(text)}`)
        }
      }
    }
  })

  test('and says where in the message it is, whatever the characters', () => {
    const string = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(string, string, fc.nat(5), (first, second, spaces) => {
        const one = JSON.stringify(first)
        const text = ' '.repeat(spaces) + one + JSON.stringify(second)
        const { scanner, from } = scannerOn(text)
        expect(scanner.skipValue()).toBe(true)
        expect(scanner.at).toBe(from + spaces + Buffer.byteLength(one))
        expect(scanner.readShortString(new Int32Array(5), 0) || scanner.skipValue()).toBe(true)
        expect(scanner.at).toBe(from + Buffer.byteLength(text))
        expect(scanner.atEnd()).toBe(true)
      }),
      { seed: 4, numRuns: 2000 },
    )
  })

  test('also of a text that is longer than all before it, and of a short one after that', () => {
    for (const text of [
      `"${'\u4e2d'.repeat(50_000)}"`,
      '"',
      `"${'x'.repeat(300_000)}"`,
      '"\\u00',
    ]) {
      const { scanner } = scannerOn(text)
      expect(scanner.skipValue()).toBe(isJson(text))
    }
  })

  test('except what is nested deeper than any client nests', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(accepts(nested(NESTING_MAX))).toBe(true)
    // The innermost is empty, so it takes no level.
    expect(accepts(nested(NESTING_MAX + 1))).toBe(true)
    expect(accepts(nested(NESTING_MAX + 2))).toBe(false)
    expect(accepts('[{"a":'.repeat(40_000))).toBe(false)
    expect(accepts(`${'{"a":'.repeat(NESTING_MAX + 1)}1${'}'.repeat(NESTING_MAX + 1)}`)).toBe(false)
  })
})

describe('an id of 20 bytes', () => {
  const words = new Int32Array(5)

  function read(text: string): number[] | null {
    const { scanner, from } = scannerOn(text)
    if (!scanner.readId(words, 0)) {
      expect(scanner.at).toBe(from)
      return null
    }
    expect(scanner.at).toBe(from + Buffer.byteLength(text))
    return [...new Uint8Array(words.buffer)]
  }

  const byte = fc.integer({ min: 0, max: 255 })
  const bytes = fc.array(byte, { minLength: 20, maxLength: 20 })

  /** A character in one of the ways that JSON has for it. */
  function spelled(code: number, way: number): string {
    const hex = code.toString(16).padStart(4, '0')
    const short = JSON.stringify(String.fromCharCode(code)).slice(1, -1)
    if (way === 0) return `\\u${hex}`
    if (way === 1) return `\\u${hex.toUpperCase()}`
    return code === 0x2f && way === 2 ? '\\/' : short
  }

  test('is read in every spelling', () => {
    fc.assert(
      fc.property(bytes, fc.infiniteStream(fc.nat(3)), (values, ways) => {
        const text = values.map((code) => spelled(code, ways.next().value as number)).join('')
        expect(read(`"${text}"`)).toEqual(values)
      }),
      { seed: 3 },
    )
  })

  test('is nothing shorter or longer', () => {
    for (let length = 0; length < 45; length++) {
      expect(read(`"${'a'.repeat(length)}"`) !== null).toBe(length === 20)
      expect(read(`"${'\\u00ff'.repeat(length)}"`) !== null).toBe(length === 20)
    }
  })

  test.each([
    '"aaaaaaaaaaaaaaaaaaa\u0100"',
    '"aaaaaaaaaaaaaaaaaaa\\u0100"',
    '"aaaaaaaaaaaaaaaaaa\ud83d\ude00"',
    '"aaaaaaaaaaaaaaaaaaa\n"',
    '"aaaaaaaaaaaaaaaaaaa\\x"',
    '"aaaaaaaaaaaaaaaaaaa\\"',
    '"aaaaaaaaaaaaaaaaaaaa',
    '"aaaaaaaaaaaaaaaaaaa',
  ])('is not %p', (text) => {
    expect(read(text)).toBeNull()
  })
})

describe('a short string', () => {
  const WORDS = 5

  function read(text: string): number[] | null {
    const words = new Int32Array(3 * WORDS)
    const { scanner, from } = scannerOn(text)
    if (!scanner.readShortString(words, WORDS)) return null
    expect(scanner.at).toBe(from + Buffer.byteLength(text))
    const found = [...words.subarray(WORDS, 2 * WORDS)]
    expect([...words]).toEqual([...Array(WORDS).fill(0), ...found, ...Array(WORDS).fill(0)])
    return found
  }

  test('is five words in their place, each of which tells it from others', () => {
    const texts = [
      '""',
      '"a"',
      '"b"',
      '"ab"',
      '"ba"',
      '"\u0000"',
      '"\u4e2d"',
      `"${'x'.repeat(64)}"`,
    ]
    const found = texts.map((text) => read(text) ?? [])
    for (let word = 0; word < WORDS; word++) {
      expect(new Set(found.map((words) => words[word])).size).toBe(texts.length)
    }
  })

  test('is the same however it is spelled', () => {
    expect(read('"\\u0061\\/\\n"')).toEqual(read('"a/\\u000A"'))
    const escaped = '"\\u00e9\\u4E2d\\ud83d\\ude00\\uffff\\ud83d"'
    expect(read('"\u00e9\u4e2d\ud83d\ude00\uffff\\ud83d"')).toEqual(read(escaped))
  })

  test.each(['"', '"a', '"a\n"', `"${'x'.repeat(65)}"`, `"${'\ud83d\ude00'.repeat(33)}"`, '"\\x"'])(
    'is not %p',
    (text) => {
      expect(read(text)).toBeNull()
    },
  )
})
