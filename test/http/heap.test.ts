// That requests cost no memory of the JavaScript heap (support/collections.ts).
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { collectionsDuring } from '../support/collections.ts'

setDefaultTimeout(180_000)

const LOOP = join(import.meta.dir, 'heap-loop.ts')

test('the handler allocates nothing in two million requests of all kinds', async () => {
  expect(await collectionsDuring(LOOP, 2_000_000, 0)).toBe(0)
})

test('would be caught with one object every twenty requests', async () => {
  expect(await collectionsDuring(LOOP, 1_000_000, 20)).toBeGreaterThan(0)
})
