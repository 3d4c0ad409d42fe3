import { describe, expect, test } from 'bun:test'
import { parseSource, readRepository } from '../tidy/source.ts'
import { readEquivalents } from './equivalent.ts'
import { applied, mutationsOf } from './mutations.ts'

function changed(text: string): string[] {
  const source = parseSource({ path: 'src/a.ts', text })
  return mutationsOf(source).map((mutation) => applied(text, mutation))
}

describe('mutations', () => {
  test.each([
    ['const c = a < b', ['const c = a <= b']],
    ['const d = (a + b) | c', ['const d = (a + b) & c', 'const d = (a - b) | c']],
    ['const c = a === b', ['const c = a !== b']],
    ['const c = a && !b', ['const c = a || !b', 'const c = a && b']],
    ['const a = b << 1', ['const a = b >>> 1', 'const a = b << 2']],
    ['const a = 0.5', ['const a = 1']],
    ['const a = true', ['const a = false']],
    ['const a = Math.min(b, c)', ['const a = Math.max(b, c)']],
    ['const a = f(b, c, d)', ['const a = f(c, b, d)', 'const a = f(b, d, c)']],
    ['const a = b ? c : d', ['const a = true ? c : d', 'const a = false ? c : d']],
    ['f()', [';']],
    ['a += b', ['a -= b', ';']],
    ['for (; ; ) i++', ['for (; ; ) {}', 'for (; ; ) i--']],
    [
      'function f() { if (a) return }',
      ['true', 'false']
        .map((v) => `function f() { if (${v}) return }`)
        .concat(['function f() { if (a) {} }']),
    ],
    ['function f(): void { g }', ['function f(): void {}', 'function f(): void { ; }']],
  ])('of %s', (text, expected) => {
    expect(changed(text).toSorted()).toEqual(expected.filter((other) => other !== text).toSorted())
  })

  test.each([
    "import a from 'b'",
    'type A = 1 | 2',
    "const a = 'b' + c",
    'const a = f(...b, c)',
    'if (a) throw f(1, 2)',
    'function bug(): never { f(1) }',
    'const a = process.kill(b, 0)',
  ])('of %s there are none but of its condition', (text) => {
    const rest = changed(text).filter((other) => !/^if \((true|false)\)/.test(other))
    expect(rest).toEqual([])
  })

  test('each is other syntax of the same language, with a key of its own', () => {
    const files = readRepository().filter(({ path }) =>
      /^src\/(channel|memory)\/.*\.ts$/.test(path),
    )
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      const all = mutationsOf(parseSource(file))
      for (const mutation of all) {
        parseSource({ path: mutation.key, text: applied(file.text, mutation) })
      }
      expect(new Set(all.map(({ key }) => key)).size).toBe(all.length)
    }
  })
})

test('the same change to two equal lines is distinguished', () => {
  const keys = mutationsOf(parseSource({ path: 'a.ts', text: 'f(a < b)\ng()\nf(a < b)' })).map(
    ({ key }) => key,
  )
  expect(keys).toContain('a.ts\n- f(a < b)\n+ f(a <= b)')
  expect(keys).toContain('a.ts (2)\n- f(a < b)\n+ f(a <= b)')
})

describe('the list of those that change nothing', () => {
  test('gives the reason of each', () => {
    const text = '# a comment\n\na.ts\n- f(a < b)\n+ f(a <= b)\n  a is never b\n'
    expect([...readEquivalents(text)]).toEqual([['a.ts\n- f(a < b)\n+ f(a <= b)', 'a is never b']])
  })

  test('needs a reason', () => {
    expect(() => readEquivalents('a.ts\n- f(a < b)\n+ f(a <= b)\n\n')).toThrow('equivalent.txt:1')
  })
})
