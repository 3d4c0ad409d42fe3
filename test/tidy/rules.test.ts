import { describe, expect, test } from 'bun:test'
import { DUPLICATE_LINES_MIN, duplicates } from './duplicates.ts'
import { hotCode, openLocks, staleAddresses } from './hot.ts'
import {
  fileCycles,
  foreignFunctions,
  importCycles,
  importDirection,
  mainInWorkers,
  unusedFiles,
} from './imports.ts'
import { openServers } from './servers.ts'
import { parseSource, type Source } from './source.ts'
import {
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  fileLength,
  fixedWaits,
  functionLength,
  headers,
  kernelNumbers,
  leftovers,
  lockfileGaps,
  machinePaths,
  orphanedComments,
  PARAMETERS_MAX,
  parameterCount,
} from './text.ts'

function source(path: string, text: string): Source {
  return parseSource({ path, text })
}

describe('imports', () => {
  const directions: [from: string, imports: string, allowed: boolean][] = [
    ['bin/a.ts', '../src/udp/main.ts', true],
    ['src/udp/a.ts', '../swarm/a.ts', true],
    ['src/udp/a.ts', './b.ts', true],
    ['src/swarm/a.ts', '../memory/a.ts', true],
    ['src/memory/a.ts', '../os/ffi.ts', true],
    ['src/os/a.ts', 'node:fs', true],
    ['src/config/a.ts', '../../package.json', true],
    ['test/udp/a.test.ts', '../../src/os/ffi.ts', true],
    ['src/udp/a.ts', '../ws/b.ts', false],
    ['src/swarm/a.ts', '../udp/b.ts', false],
    ['src/config/a.ts', '../os/b.ts', false],
    ['src/udp/a.ts', '../../bench/b.ts', false],
    ['src/udp/a.ts', '../../test/waits.ts', false],
    ['bench/a.ts', '../test/waits.ts', false],
  ]
  test.each(directions)('%s importing %s: allowed is %p', (path, from, allowed) => {
    for (const text of [
      `import { x } from '${from}'`,
      `export * from '${from}'`,
      `await import('${from}')`,
    ]) {
      expect(importDirection([source(path, text)]).length).toBe(allowed ? 0 : 1)
    }
  })

  test('a folder without a level is reported', () => {
    expect(importDirection([source('src/utils/a.ts', '')])).toHaveLength(1)
  })

  test.each([
    ['src/udp/worker/a.ts', '../main/b.ts', false],
    ['src/udp/wire/a.ts', '../main/b.ts', false],
    ['src/udp/pipeline/a.ts', '../main/b.ts', false],
    ['src/udp/worker/a.ts', '../wire/b.ts', true],
    ['src/udp/main/a.ts', './b.ts', true],
    ['test/udp/worker/a.test.ts', '../../../src/udp/main/b.ts', true],
  ])('%s importing %s: allowed is %p, whichever thread runs it', (path, from, allowed) => {
    const files = [source(path, `import type { X } from '${from}'`)]
    expect(mainInWorkers(files, [])).toHaveLength(allowed ? 0 : 1)
    expect(mainInWorkers(files, ['src/udp/main/b.ts'])).toHaveLength(allowed ? 1 : 0)
  })

  test('a circle of folders is reported, also around a corner', () => {
    const straight = [
      source('src/memory/a.ts', `import '../os/b.ts'`),
      source('src/os/b.ts', `import '../log/c.ts'`),
    ]
    expect(importCycles(straight)).toEqual([])
    const circle = [...straight, source('src/log/c.ts', `import '../memory/a.ts'`)]
    expect(importCycles(circle)).toHaveLength(3)
  })

  test('a circle of files is reported once, also around a corner and of types', () => {
    const files = [
      source('src/os/a.ts', `import './b.ts'`),
      source('src/os/b.ts', `import type { C } from './c.ts'`),
      source('src/os/c.ts', ''),
    ]
    const circle = 'src/os/a.ts ↔ src/os/b.ts ↔ src/os/c.ts'
    expect(fileCycles(files, [])).toEqual([])
    expect(fileCycles(files, [circle])).toHaveLength(1)
    const closed = [...files.slice(0, 2), source('src/os/c.ts', `export * from './a.ts'`)]
    expect(fileCycles(closed, [])).toEqual([expect.stringContaining(circle)])
    expect(fileCycles(closed, [circle])).toEqual([])
    const user = source('src/os/user.ts', `import './a.ts'`)
    expect(fileCycles([...closed, user], [circle])).toEqual([])
  })

  test('bun:ffi is for src/os alone', () => {
    const text = `import { ptr } from 'bun:ffi'`
    expect(foreignFunctions([source('src/os/ffi.ts', text)])).toEqual([])
    expect(foreignFunctions([source('src/memory/arena.ts', text)])).toHaveLength(1)
    expect(foreignFunctions([source('test/os/ffi.test.ts', text)])).toHaveLength(1)
  })

  test('a file that only tests import is unused', () => {
    const files = [
      source('bin/a.ts', `import '../src/udp/main.ts'`),
      source('src/udp/main.ts', `import './used.ts'`),
      source('src/udp/used.ts', ''),
      source('src/udp/left.ts', `import './used.ts'`),
      source('test/udp/left.test.ts', `import '../../src/udp/left.ts'`),
    ]
    expect(unusedFiles(files).map((text) => text.split(':')[0])).toEqual(['src/udp/left.ts'])
  })
})

describe('hot code', () => {
  const MARKER = '// HOT: no allocation below this line.\n'
  const check = (text: string) => hotCode([source('src/udp/a.ts', text)])

  test.each([
    'new Uint8Array(8)',
    '({ a: 1 })',
    '[1, 2]',
    'const [a] = x',
    'for (const a of x) f(a)',
    'f(...x)',
    '`text`',
    '1n',
    'BigInt(x)',
    'x.subarray(1)',
    'x.toString()',
    'x.map(f)',
    'try { f() } finally { g() }',
    'throw x',
    'f(() => x)',
    'function inner() {}',
  ])('%s is reported', (statement) => {
    expect(check(`${MARKER}function hot(x) { ${statement} }`)).toHaveLength(1)
    expect(check(`class A {\n${MARKER}hot(x) { ${statement} } }`)).toHaveLength(1)
    expect(check(`function cold(x) { ${statement} }\n${MARKER}`)).toEqual([])
    expect(check(`function unmarked(x) { ${statement} }`)).toEqual([])
  })

  test('an async function and a rest parameter are reported', () => {
    expect(check(`${MARKER}async function f() {}`)).toHaveLength(1)
    expect(check(`${MARKER}class A { m() { return async () => 1 } }`)).toHaveLength(1)
    expect(check(`${MARKER}function f(...rest) {}`)).toHaveLength(1)
  })

  test('what runs once, or ends the process, may allocate', () => {
    expect(check(`${MARKER}const TABLE = new Uint8Array(8)`)).toEqual([])
    expect(check(`${MARKER}class A { rows = new Uint8Array(8) }`)).toEqual([])
    expect(check(`${MARKER}class A { constructor() { this.rows = [1] } }`)).toEqual([])
    expect(check(`${MARKER}function bug(): never { throw new Error('x') }`)).toEqual([])
  })

  test('a header that says HOT needs the line from which it holds', () => {
    expect(check('// Picks peers. HOT.\nexport const A = 1')).toHaveLength(1)
  })

  test('a lock outside of it is reported, unless a failure under it ends the process', () => {
    const check = (text: string) => openLocks([source('src/swarm/a.ts', text)])
    for (const taken of ['table.lock()', 'this.lock()', 'lock(words, 0)']) {
      expect(check(`function f() { ${taken} }`)).toHaveLength(1)
      expect(check(`function f() { ${taken} }\n${MARKER}`)).toHaveLength(1)
      expect(check(`function underLock() { ${taken} }`)).toEqual([])
      expect(check(`class A { locked() { ${taken} } }`)).toEqual([])
      expect(check(`${MARKER}function f() { ${taken} }`)).toEqual([])
    }
    expect(check('readClock()')).toEqual([])
  })

  test('the address of a new array is reported', () => {
    const check = (text: string) => staleAddresses([source('src/os/a.ts', text)])
    expect(check('ptr(new Uint8Array(8))')).toHaveLength(1)
    expect(check('ptr(new Int32Array(buffers.words))')).toHaveLength(1)
    expect(check('addressOf(new Int32Array(8))')).toHaveLength(1)
    expect(check('addressOf(new Int32Array([1]))')).toHaveLength(1)
    expect(check('addressOf(new Int32Array(buffers.words))')).toEqual([])
    expect(check('ptr(words)')).toEqual([])
    expect(check('const words = nativeWords(4)')).toHaveLength(1)
    expect(check('function f() { return nativeWords(4) }')).toEqual([])
    expect(check('class A { words = nativeWords(4) }')).toEqual([])
    expect(check('const words = permanentWords(4)')).toEqual([])
  })
})

test('a server without its own way to fail is reported', () => {
  const check = (options: string) => {
    return openServers([source('src/a.ts', `Bun.serve({ fetch, ${options} })`)])
  }
  expect(check('development: false, error: (error) => answer(error)')).toEqual([])
  expect(check('development: true, error: (error) => answer(error)')).toHaveLength(1)
  expect(check('development: false')).toHaveLength(1)
  expect(check('error: (error) => answer(error)')).toHaveLength(1)
  expect(openServers([source('src/a.ts', 'Bun.serve(options)')])).toHaveLength(1)
  expect(openServers([source('test/a.ts', 'Bun.serve({ fetch })')])).toEqual([])
})

describe('size', () => {
  const lines = (count: number) => 'f()\n'.repeat(count)

  test('a file at the limit passes, one line more does not', () => {
    expect(fileLength([source('src/a.ts', lines(FILE_LINES_MAX))], {})).toEqual([])
    expect(fileLength([source('src/a.ts', lines(FILE_LINES_MAX + 1))], {})).toHaveLength(1)
  })

  test('a function at the limit passes, one line more does not', () => {
    const of = (count: number) => source('src/a.ts', `function f() {\n${lines(count - 2)}}`)
    expect(functionLength([of(FUNCTION_LINES_MAX)], {})).toEqual([])
    expect(functionLength([of(FUNCTION_LINES_MAX + 1)], {})).toHaveLength(1)
  })

  test('methods and arrow functions are measured, describe blocks are not', () => {
    const long = lines(FUNCTION_LINES_MAX)
    expect(functionLength([source('a.ts', `class A { m() {\n${long}} }`)], {})[0]).toContain(
      'a.ts#m',
    )
    expect(functionLength([source('a.ts', `const g = () => {\n${long}}`)], {})[0]).toContain(
      'a.ts#g',
    )
    expect(
      functionLength([source('a.ts', `describe.each([1])('a', () => {\n${long}})`)], {}),
    ).toEqual([])
    expect(functionLength([source('a.ts', `describe('a', () => {\n${long}})`)], {})).toEqual([])
  })

  test.each([
    (list: string) => `function f(${list}) {}`,
    (list: string) => `export function f(${list}): void {}`,
    (list: string) => `const f = (${list}) => {}`,
    (list: string) => `const f = function (${list}) {}`,
    (list: string) => `const f = { m(${list}) {} }`,
    (list: string) => `class A { constructor(${list}) {} }`,
    (list: string) => `class A { private m(${list}) {} }`,
    (list: string) => `class A { #m(${list}) {} }`,
    (list: string) => `interface A { m(${list}): void }`,
    (list: string) => `type A = (${list}) => void`,
    (list: string) => `declare function f(${list}): void`,
  ])('%p takes so many parameters and no more', (text) => {
    const of = (count: number) => {
      const list = Array.from({ length: count }, (_, i) => `a${i}: number`).join(', ')
      return parameterCount([source('src/a.ts', text(list))], {})
    }
    expect(of(PARAMETERS_MAX)).toEqual([])
    expect(of(PARAMETERS_MAX + 1)).toHaveLength(1)
    expect(of(PARAMETERS_MAX + 1)[0]).toContain('has 7 parameters of 6')
  })

  test('an exception may shrink but not grow, and ends when it is not needed', () => {
    const file = source('src/a.ts', lines(FILE_LINES_MAX + 5))
    const check = (allowed: number) => fileLength([file], { 'src/a.ts': allowed })
    expect(check(FILE_LINES_MAX + 5)).toEqual([])
    expect(check(FILE_LINES_MAX + 4)).toHaveLength(1)
    expect(check(FILE_LINES_MAX + 6)).toHaveLength(1)
    expect(fileLength([source('src/a.ts', '')], { 'src/a.ts': 500 })).toHaveLength(1)
  })
})

describe('text', () => {
  test('code before the header comment is reported', () => {
    expect(headers([source('src/a.ts', '// What it does.\nf()')])).toEqual([])
    expect(headers([source('bin/a.ts', '#!/usr/bin/env bun\n// What it does.\nf()')])).toEqual([])
    expect(headers([source('src/a.ts', 'f() // What it does.')])).toHaveLength(1)
  })

  test('a note to fix something is reported, a task only without an issue', () => {
    const check = (text: string) => leftovers([{ path: 'a.md', text }]).length
    expect(check(`// ${'FIX'}ME later`)).toBe(1)
    expect(check(`// ${'TO'}DO: faster`)).toBe(1)
    expect(check(`// ${'TO'}DO(#12): faster`)).toBe(0)
  })

  test.each([
    ['see /home/ann/aquatic', 1],
    ["'/root/x'", 1],
    ['(../shared/design.md)', 1],
    ['"resolved": "https://example.org/x.tgz"', 1],
    ['https://registry.example.org/x', 1],
    ['../shared-memory/x and https://example.org/home/x', 0],
    ['/etc/aquatic/udp.toml', 0],
  ])('%p names %d machines', (text, count) => {
    expect(machinePaths([{ path: 'docs/a.md', text }])).toHaveLength(count)
  })

  test('a package that is needed but not locked is reported', () => {
    const lock = (packages: object) => ({
      path: 'package-lock.json',
      text: JSON.stringify({ packages }),
    })
    const project = { '': { devDependencies: { a: '1' } } }
    const a = { 'node_modules/a': { optionalDependencies: { b: '1' } } }
    expect(lockfileGaps(lock({ ...project, ...a, 'node_modules/b': {} }))).toEqual([])
    expect(lockfileGaps(lock({ ...project, ...a, 'node_modules/a/node_modules/b': {} }))).toEqual(
      [],
    )
    expect(lockfileGaps(lock({ ...project, ...a }))).toHaveLength(1)
    expect(lockfileGaps(lock(project))).toHaveLength(1)
  })
})

describe('waits', () => {
  const check = (text: string, path = 'test/a.test.ts') => fixedWaits([source(path, text)]).length

  test.each([
    'await Bun.sleep(5)',
    'Bun.sleepSync(5)',
    'await setTimeout(5)',
    'await new Promise((resolve) => setTimeout(resolve, 5))',
    'await new Promise((r) => { setTimeout(() => r(1), 5) })',
  ])('%s is a fixed wait', (text) => {
    expect(check(text)).toBe(1)
    expect(check(text, 'src/a.ts')).toBe(0)
    expect(check(`async function waitFor() { for (;;) { ${text} } }`)).toBe(0)
    expect(check(`async function other() { ${text} }`)).toBe(1)
  })

  test('a deadline is not', () => {
    expect(check('new Promise((resolve, reject) => setTimeout(() => reject(late), 5))')).toBe(0)
    expect(check('const timer = setTimeout(stop, 5)')).toBe(0)
  })
})

describe('what stands in two protocols', () => {
  const lines = (count: number, from = 0) =>
    Array.from({ length: count }, (_, i) => `call(${from + i})`).join('\n')
  const check = (udp: string, ws: string, wsPath = 'src/ws/worker/b.ts') =>
    duplicates([source('src/udp/main/a.ts', udp), source(wsPath, ws)], ['src/udp', 'src/ws'])

  test('is reported once, by where it begins in both', () => {
    const found = check(`first()\n${lines(20)}`, `other()\nmore()\n${lines(20)}\nlast()`)
    expect(found).toHaveLength(1)
    expect(found[0]).toStartWith(
      'src/udp/main/a.ts:2: call(0) … stands in src/ws/worker/b.ts:3 too.',
    )
  })

  test('each time', () => {
    const [one, other] = [lines(7), lines(7, 100)]
    expect(check(`${one}\na()\n${other}`, `${other}\nb()\n${one}`)).toHaveLength(2)
  })

  test('is found beyond brackets, indents and comments', () => {
    const udp = `if (a) {\n  if (b) {\n    c()\n  }\n}\n${lines(4)}`
    const ws = `if (a) {\n// Why.\nif (b) {\n/** How. */\nc()\n}}\n\n${lines(4)}`
    expect(check(udp, ws)).toHaveLength(1)
  })

  test('may be short, an import, or below the protocols', () => {
    expect(check(lines(DUPLICATE_LINES_MIN - 1), lines(DUPLICATE_LINES_MIN - 1))).toEqual([])
    const names = Array.from({ length: 9 }, (_, i) => `  name${i},`).join('\n')
    const imported = `import {\n${names}\n} from '../../tracker/a.ts'`
    expect(check(imported, imported)).toEqual([])
    expect(check(lines(9), lines(9), 'src/tracker/b.ts')).toEqual([])
    expect(check(`${lines(9)}\n${lines(9)}`, '')).toEqual([])
  })
})

test('a number of the kernel is reported outside of its file', () => {
  const kernel = source('src/os/kernel.ts', 'export const EAGAIN = 11\nexport const AF_INET = 2\n')
  const check = (text: string) => kernelNumbers([kernel, source('load/a.ts', text)])
  expect(check('const EAGAIN = 11')).toHaveLength(1)
  expect(check('export const SO_LINGER = 13')).toHaveLength(1)
  expect(check('const MSG_NOSIGNAL = 0x4000')).toHaveLength(1)
  expect(check('const ENTRIES = 11')).toEqual([])
  expect(check('const AF_TEXT = String(2)')).toEqual([])
})

test.each([
  ['/** What it is. */\nconst a = 1', 0],
  ['/**\n * What it is.\n */\nconst a = 1', 0],
  ['/** What it was. */\n\nconst a = 1', 1],
  ['/**\n * What it was.\n */\n\nconst a = 1', 1],
  ['/** What it was. */\n/** What it is. */\nconst a = 1', 1],
  ['class A {\n  /** What it was. */\n}', 1],
  ['const a = b /* c */\n\nconst d = 1', 0],
])('a doc comment of nothing is reported: %j', (text, count) => {
  expect(orphanedComments([source('src/os/a.ts', text)])).toHaveLength(count)
})
