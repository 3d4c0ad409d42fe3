import { expect, test } from 'bun:test'
import {
  ADMITTED,
  ConnectionLimits,
  createConnectionLimits,
  FULL,
  FULL_FOR_ADDRESS,
} from '../../src/tcp/connection-limits.ts'
import { randomFrom } from '../swarm/harness.ts'
import { connectionsOf } from './connections-of.ts'

test('connections are counted per address and in all', () => {
  const table = createConnectionLimits(3)
  const limits = new ConnectionLimits(table, 3, 2)
  expect(limits.enter(0, 1)).toBe(ADMITTED)
  expect(limits.enter(0, 1)).toBe(ADMITTED)
  expect(limits.enter(0, 1)).toBe(FULL_FOR_ADDRESS)
  expect(limits.enter(1, 0)).toBe(ADMITTED)
  expect(limits.enter(2, 0)).toBe(FULL)
  expect([connectionsOf(table, 0, 1), connectionsOf(table, 1, 0), limits.total()]).toEqual([
    2, 1, 3,
  ])
  limits.leave(0, 1)
  expect(limits.enter(0, 1)).toBe(ADMITTED)
  expect(limits.enter(2, 0)).toBe(FULL)
})

test('without a limit per address, one address may have all', () => {
  const limits = new ConnectionLimits(createConnectionLimits(100), 100, 0)
  for (let i = 0; i < 100; i++) expect(limits.enter(0, 1)).toBe(ADMITTED)
  expect(limits.enter(0, 1)).toBe(FULL)
})

test('an address at its limit gets that reason, also when there is room for nobody', () => {
  const limits = new ConnectionLimits(createConnectionLimits(2), 2, 2)
  for (let i = 0; i < 2; i++) expect(limits.enter(0, 1)).toBe(ADMITTED)
  expect(limits.enter(0, 1)).toBe(FULL_FOR_ADDRESS)
  expect(limits.enter(0, 2)).toBe(FULL)
})

test('the count of every address stays right, however they come and go', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomFrom(seed)
    const max = 64
    const buffer = createConnectionLimits(max)
    // Two threads' views of one table.
    const views = [new ConnectionLimits(buffer, max, 5), new ConnectionLimits(buffer, max, 5)]
    const model = new Map<number, number>()
    let total = 0
    for (let step = 0; step < 3000; step++) {
      const limits = views[step & 1]
      const address = Math.floor(random() * 60)
      const has = model.get(address) ?? 0
      if (random() < 0.55) {
        const expected = has >= 5 ? FULL_FOR_ADDRESS : total >= max ? FULL : ADMITTED
        expect(limits.enter(address, ~address)).toBe(expected)
        if (expected !== ADMITTED) continue
        model.set(address, has + 1)
        total++
      } else if (has > 0) {
        limits.leave(address, ~address)
        model.set(address, has - 1)
        total--
      }
    }
    for (const [address, count] of model) {
      expect(connectionsOf(buffer, address, ~address)).toBe(count)
    }
    expect(views[1].total()).toBe(total)
  }
})
