import { describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { countReport, judge, secondsFor, selectFiles } from '../../scripts/run-tests.ts'
import { folderOfFile } from '../support/folder.ts'

const SCRIPT = join(import.meta.dir, '../../scripts/run-tests.ts')
const HEAD = `import { expect, test } from 'bun:test'\n`

const folder = folderOfFile()

/** Runs the wrapper over test files of these contents; returns its closing line and exit code. */
function runOver(files: Record<string, string>, ...args: string[]): [string, number | null] {
  rmSync(join(folder, 'test'), { recursive: true, force: true })
  mkdirSync(join(folder, 'test'))
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, 'test', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, HEAD + text)
  }
  const options = { cwd: folder, encoding: 'utf8' } as const
  const { stdout, status } = spawnSync(process.execPath, [SCRIPT, ...args], options)
  return [stdout.trimEnd().split('\n').at(-1) ?? '', status]
}

const GOOD = `test('good', () => {})\n`

test.each(['test.sh', 'test-clients.sh'])(
  '%s says with --help how it is used, and runs nothing',
  (name) => {
    for (const flag of ['--help', '-h']) {
      const options = { encoding: 'utf8' } as const
      const { stdout, status } = spawnSync(join(dirname(SCRIPT), name), [flag], options)
      expect(status).toBe(0)
      expect(stdout).toContain(`\nUsage: ${name} [part of a file name…]`)
      expect(stdout).not.toContain('0 passed')
    }
  },
)

describe('a run', () => {
  test('counts passed, failed and skipped tests of all files', () => {
    const bad = `test('bad', () => expect(1).toBe(2)); test.skip('later', () => {})`
    const result = runOver({ 'a.test.ts': GOOD, 'deep/er/b.test.ts': GOOD + bad })
    expect(result).toEqual(['2 passed, 1 failed, 1 skipped', 1])
    expect(runOver({ 'a.test.ts': GOOD })).toEqual(['1 passed, 0 failed', 0])
  })

  test.each([
    ['a test that ends the process', `test('exits', () => process.exit(0))`],
    ['a file that does not load', `import './missing.ts'\n${GOOD}`],
    ['a file without tests', ''],
    [
      'an error outside of tests',
      `${GOOD} setTimeout(() => { throw new Error('late') }, 0)
      test('slow', (done) => { setTimeout(done, 50) })`,
    ],
    ['a process that is killed', `test('killed', () => process.kill(process.pid, 'SIGKILL'))`],
  ])('fails for %s', (_, text) => {
    const [closing, code] = runOver({ 'a.test.ts': GOOD, 'bad.test.ts': text })
    expect(closing).toMatch(/^[12] passed, 1 failed$/)
    expect(code).toBe(1)
  })

  test('fails for an unknown flag, which bun would pass over', () => {
    expect(runOver({ 'a.test.ts': GOOD }, '--job=2')).toEqual(['0 passed, 1 failed', 1])
    expect(runOver({ 'a.test.ts': GOOD }, 'a', '--bail', '-t', 'good')[1]).toBe(0)
  })

  test('fails when no test ran', () => {
    expect(runOver({})).toEqual(['0 passed, 1 failed', 1])
    expect(runOver({ 'a.test.ts': GOOD }, 'unknown')).toEqual(['0 passed, 1 failed', 1])
    expect(runOver({ 'a.test.ts': GOOD }, '-t', 'unknown')[1]).toBe(1)
  })

  test('of skipped tests alone ends well when each says why', () => {
    const because = `test.skip('a (skipped: no nginx)', () => {})
      describe.skip('Caddy (skipped: not installed)', () => { test('b', () => {}) })`
    const head = "import { describe } from 'bun:test'\n"
    const silent = `test.skip('later', () => {})`
    expect(runOver({ 'a.test.ts': head + because })).toEqual(['0 passed, 0 failed, 2 skipped', 0])
    const some = runOver({ 'a.test.ts': `${head}${silent}\n${because}` })
    expect(some).toEqual(['0 passed, 1 failed, 3 skipped', 1])
    // Tests that a flag leaves out are skipped as well.
    expect(runOver({ 'a.test.ts': head + because }, '-t', 'unknown')[1]).toBe(1)
  })

  test('ends a file that hangs, after the time that it asks for', () => {
    const hang = `test('hangs', () => { for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100) })`
    const [closing, code] = runOver({ 'a.test.ts': `// Takes up to 1 seconds.\n${hang}` })
    expect(closing).toBe('0 passed, 1 failed')
    expect(code).toBe(1)
  })

  test('takes parts of file names, then flags', () => {
    const files = { 'a.test.ts': `${GOOD} test('other', () => {})`, 'b.test.ts': GOOD }
    expect(runOver(files, 'b.test')).toEqual(['1 passed, 0 failed', 0])
    expect(runOver(files, './test/a.test.ts', '-t', 'other')[0]).toStartWith('1 passed, 0 failed')
    expect(runOver(files, '-t', 'other')[0]).toStartWith('1 passed, 0 failed')
  })

  test('leaves out the tests with real clients, unless asked for them', () => {
    const files = { 'a.test.ts': GOOD, 'clients/b.test.ts': GOOD + GOOD }
    expect(runOver(files)).toEqual(['1 passed, 0 failed', 0])
    expect(runOver(files, '--clients')).toEqual(['2 passed, 0 failed', 0])
  })
})

describe('a verdict', () => {
  const run = { exitCode: 0, signal: null, timedOut: null, output: '' }
  const passed = '<testsuite><testcase name="&lt;failure&gt;" /></testsuite>'

  test('counts each test once', () => {
    const report = `${passed}<testcase><failure>a</failure></testcase>
      <testcase><error/></testcase><testcase><skipped /></testcase>`
    expect(countReport(report)).toEqual({ passed: 1, failed: 2, skipped: 1, unexplained: 1 })
  })

  test('is bad for a bad exit code without a failure', () => {
    expect(judge({ ...run, report: passed }, false).failed).toBe(0)
    expect(judge({ ...run, exitCode: 1, report: passed }, false).failed).toBe(1)
    expect(judge({ ...run, exitCode: 1, report: passed }, true).failed).toBe(1)
  })

  test('is bad without a report, and for a file that hung', () => {
    expect(judge({ ...run, report: undefined }, true).failed).toBe(1)
    expect(judge({ ...run, timedOut: 180, report: passed }, false).failed).toBe(1)
  })

  test('is given after ten minutes, twenty for clients, or what the file says', () => {
    expect(secondsFor('test/udp/a.test.ts', '// A test.\n')).toBe(600)
    expect(secondsFor('test/clients/a.test.ts', '')).toBe(1200)
    expect(secondsFor('test/a.test.ts', '// A test.\n// Takes up to 400 seconds.\n')).toBe(400)
    expect(judge({ ...run, timedOut: 180, report: passed }, false).faults).toEqual([
      'ran longer than 180 s and was killed',
    ])
  })

  test('lets a flag leave a file without tests', () => {
    expect(judge({ ...run, exitCode: 1, report: '' }, true).failed).toBe(0)
    expect(judge({ ...run, exitCode: 0, report: '' }, false).failed).toBe(1)
  })

  test('files are selected by any part of their path', () => {
    expect(selectFiles(['test/a.test.ts', 'test/udp/b.test.ts'], ['udp/'])).toHaveLength(1)
    expect(selectFiles(['test/a.test.ts'], [])).toHaveLength(1)
  })
})
