import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { LOG_LEVELS } from '../../src/log/log.ts'

const WRITER = join(import.meta.dir, 'fixtures/write-lines.ts')

const TABLE = ['a notice', 'a table', 'of two lines']

function linesAt(level: string, format = 'text'): string[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, WRITER, level, format])
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: '' })
  return stderr.toString().split('\n').slice(0, -1)
}

test('each level writes its own events and the graver ones, and off writes none', () => {
  expect(LOG_LEVELS.map((level) => linesAt(level).length - TABLE.length)).toEqual([
    0, 1, 2, 3, 4, 5,
  ])
})

test('a line has time, level, part and text', () => {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /
  const lines = linesAt('trace')
  expect(lines.splice(5)).toEqual(TABLE)
  for (const line of lines) expect(line).toMatch(time)
  expect(lines.map((line) => line.replace(time, ''))).toEqual([
    'error udp: e {braces} stay',
    'warn  udp: w',
    'info  udp: i',
    'debug udp: d',
    'trace udp: two | lines ?[31mred',
  ])
})

test('bytes that drive a terminal do not reach it', () => {
  expect(linesAt('trace').join('')).not.toContain('\u001b')
})

test('in JSON every line is an object, whatever it tells', () => {
  const lines = linesAt('trace', 'json').map((line) => JSON.parse(line))
  for (const { time } of lines) expect(new Date(time).toISOString()).toBe(time)
  expect(lines.map(({ time, ...rest }) => rest)).toEqual([
    { level: 'error', part: 'udp', message: 'e {braces} stay' },
    { level: 'warn', part: 'udp', message: 'w' },
    { level: 'info', part: 'udp', message: 'i' },
    { level: 'debug', part: 'udp', message: 'd' },
    { level: 'trace', part: 'udp', message: 'two\nlines \u001b[31mred' },
    { level: 'info', part: 'tracker', message: 'a notice' },
    { level: 'info', part: 'statistics', seconds: 10 },
  ])
})
