import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { FirstValue, takeFirst } from '../../src/process/first-value.ts'

test('a value that a worker starts with stays in no start data, and the worker has it', () => {
  const program = join(import.meta.dir, 'first-value-program.ts')
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, program])
  expect([exitCode, String(stderr)]).toEqual([0, ''])
  expect(JSON.parse(String(stdout))).toEqual({ main: null, worker: { taken: 77, left: null } })
})

test('it is taken once', () => {
  const first = new FirstValue(5)
  expect(takeFirst(first)).toBe(5)
  expect(() => takeFirst(first)).toThrow('taken once')
})
