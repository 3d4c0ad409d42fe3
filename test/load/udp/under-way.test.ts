import { describe, expect, test } from 'bun:test'
import { UnderWay } from '../../../load/udp/under-way.ts'
import { Window } from '../../../load/udp/window.ts'

describe('requests under way', () => {
  test('are found by their transaction id alone', () => {
    const underWay = new UnderWay(16, 1)
    const slot = underWay.add(0, 0, 0x1234_5678, 1)
    const id = underWay.transactionOf(slot)
    expect(underWay.find(id)).toBe(slot)
    expect(underWay.find(id + 1)).toBe(-1)
    expect(underWay.find(id ^ 0x100)).toBe(-1)
    expect(underWay.find(0)).toBe(-1)
  })

  test('that stay out are overdue first, then lost, and counted once', () => {
    const underWay = new UnderWay(16, 2)
    underWay.add(0, 0, 1, 10)
    const answered = underWay.add(0, 1, 2, 20)
    underWay.add(0, 1, 3, 30)
    underWay.settle(answered)
    expect([...underWay.perSocket]).toEqual([1, 1])
    underWay.expireOverdue(25)
    expect([...underWay.perSocket]).toEqual([0, 1])
    expect(underWay.overdue).toBe(1)
    expect(underWay.expireLost(25)).toBe(1)
    expect(underWay.expireLost(25)).toBe(0)
    expect(underWay.expireLost(Number.POSITIVE_INFINITY)).toBe(1)
    expect([...underWay.perSocket]).toEqual([0, 0])
    expect(underWay.waiting()).toBe(0)
  })

  test('make room for others, the oldest first', () => {
    const underWay = new UnderWay(4, 1)
    const slots = [0, 1, 2].map((i) => underWay.add(0, 0, i << 8, i))
    underWay.settle(slots[1])
    expect(underWay.room()).toBe(1)
    expect(underWay.makeRoom(1)).toBe(0)
    expect(underWay.makeRoom(3)).toBe(1)
    expect(underWay.room()).toBe(3)
    expect(underWay.waiting()).toBe(1)
  })

  test('keep their order beyond the size of the ring', () => {
    const underWay = new UnderWay(8, 1)
    for (let i = 0; i < 1000; i++) {
      const slot = underWay.add(0, 0, i << 8, i)
      expect(underWay.find(underWay.transactionOf(slot))).toBe(slot)
      underWay.settle(slot)
      underWay.expireOverdue(i)
      expect(underWay.expireLost(i)).toBe(0)
    }
    expect(underWay.room()).toBe(8)
  })
})

describe('the window of the closed loop', () => {
  const answered = (count: number) => Int32Array.of(0, 0, 0, count, 0, 0)

  test('grows while that brings more answers, and up to its share', () => {
    const window = new Window(0, 1)
    const before = window.size
    let all = 0
    for (let tick = 1; tick < 40; tick++) {
      all += 1000 * tick
      window.adapt(answered(all), 0)
    }
    expect(window.size).toBeGreaterThan(before)
    expect(window.size).toBe(768)
    const half = new Window(0, 2)
    for (let tick = 1; tick < 40; tick++) half.adapt(answered(tick * tick * 1000), 0)
    expect(half.size).toBe(384)
  })

  test('shrinks when answers stay out', () => {
    const window = new Window(0, 1)
    const before = window.size
    for (let tick = 1; tick < 10; tick++) window.adapt(answered(1000 * tick), tick)
    expect(window.size).toBeLessThan(before)
    expect(window.size).toBeGreaterThan(0)
  })

  test('of a given size stays', () => {
    const window = new Window(100, 1)
    for (let tick = 1; tick < 10; tick++) window.adapt(answered(1000 * tick * tick), tick)
    expect(window.size).toBe(100)
  })
})
