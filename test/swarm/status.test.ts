import { expect, test } from 'bun:test'
import * as status from '../../src/swarm/status.ts'

test('what becomes of an announce has a number of its own', () => {
  const numbers = Object.values(status)
  expect(new Set(numbers).size).toBe(numbers.length)
})
