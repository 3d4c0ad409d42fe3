import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Checkout } from './checkout.ts'

let checkout: Checkout
beforeAll(() => {
  checkout = new Checkout()
  mkdirSync(join(checkout.root, 'node_modules/.bin'), { recursive: true })
})
afterAll(() => checkout.remove())

/** The last line and the exit code of .ci/run when its four parts behave like this. */
function runWith(parts: { test: string; types: string; lint: string; clients: string }) {
  const write = (path: string, body: string) =>
    checkout.write(path, `#!/bin/sh\n${body}\n`, { executable: true })
  write('scripts/test.sh', parts.test)
  write('node_modules/.bin/tsc', parts.types)
  write('node_modules/.bin/biome', parts.lint)
  write('scripts/test-clients.sh', parts.clients)
  const { stdout, status } = checkout.run('.ci/run', [])
  return [stdout.trimEnd().split('\n').at(-1), status]
}

const GOOD = {
  test: 'echo 5 passed, 0 failed',
  types: '',
  lint: '',
  clients: 'echo 2 passed, 0 failed',
}

test('adds up the parts; types and lint count as one each', () => {
  expect(runWith(GOOD)).toEqual(['9 passed, 0 failed', 0])
})

test('passes on what was skipped', () => {
  const skipping = { ...GOOD, clients: 'echo 2 passed, 0 failed, 3 skipped' }
  expect(runWith(skipping)).toEqual(['9 passed, 0 failed, 3 skipped', 0])
})

test('finds the closing line among later output', () => {
  const noisy = { ...GOOD, test: 'echo 1 passed, 9 failed; echo 5 passed, 0 failed; echo bye >&2' }
  expect(runWith(noisy)).toEqual(['9 passed, 0 failed', 0])
})

test.each([
  ['failed tests', { test: 'echo 4 passed, 1 failed; exit 1' }, '8 passed, 1 failed'],
  ['wrong types', { types: 'exit 2' }, '8 passed, 1 failed'],
  ['lint', { lint: 'exit 1' }, '8 passed, 1 failed'],
  ['a missing closing line', { clients: 'echo bye' }, '7 passed, 1 failed'],
  ['a bad exit code', { clients: 'echo 2 passed, 0 failed; exit 3' }, '9 passed, 1 failed'],
  ['a part without tests', { clients: 'echo 0 passed, 0 failed' }, '7 passed, 1 failed'],
])('fails for %s', (_, parts, closing) => {
  expect(runWith({ ...GOOD, ...parts })).toEqual([closing, 1])
})
