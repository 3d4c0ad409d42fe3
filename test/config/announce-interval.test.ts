import { expect, test } from 'bun:test'
import { intervalFindings, jittered } from '../../src/config/announce-interval.ts'

test('the interval told is around the one that was set, and on average it', () => {
  let sum = 0
  const told = new Set<number>()
  for (let i = 0; i < 10_000; i++) {
    const interval = jittered(900, 5, i / 10_000)
    expect(interval).toBeGreaterThanOrEqual(855)
    expect(interval).toBeLessThanOrEqual(945)
    told.add(interval)
    sum += interval
  }
  expect(told.size).toBeGreaterThan(88)
  expect(Math.abs(sum / 10_000 - 900)).toBeLessThan(1)
})

test('without jitter it is the same for everybody, and never 0', () => {
  for (const random of [0, 0.5, 0.999]) expect(jittered(120, 0, random)).toBe(120)
  expect(jittered(1, 50, 0)).toBe(1)
})

test.each([
  [299, 1],
  [300, 0],
  [900, 0],
  [10_800, 0],
  [10_801, 1],
  [120, 0],
])('an interval of %d has %d findings where 120 is usual', (interval, count) => {
  const findings = intervalFindings(interval, 120)
  expect(findings).toHaveLength(count)
  for (const { kind, text } of findings) {
    expect(kind).toBe('warning')
    expect(text).toContain(`peer_announce_interval is ${interval}`)
  }
})
