import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { nowMilliseconds } from '../../src/os/clock.ts'
import {
  type Moment,
  momentNow,
  ranBackwards,
  readBootId,
  sameBoot,
  secondsBetween,
} from '../../src/persistence/boot.ts'

const BOOT = new Uint8Array(16).fill(1)
const at = (monotonic: number, wall: number, bootId = BOOT): Moment => ({ bootId, monotonic, wall })

test('the start of the machine is the one that the system names', () => {
  const text = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
  expect(Buffer.from(readBootId()).toString('hex')).toBe(text)
})

test('a moment is whole seconds of the monotonic clock, and seconds since 1970', () => {
  const before = [Math.floor(nowMilliseconds() / 1000), Date.now() / 1000]
  const { bootId, monotonic, wall } = momentNow(BOOT)
  expect(bootId).toBe(BOOT)
  expect(Number.isInteger(monotonic)).toBe(true)
  for (const [i, second] of [monotonic, wall].entries()) {
    expect(second).toBeGreaterThanOrEqual(before[i])
    expect(second).toBeLessThanOrEqual(before[i] + 5)
  }
})

test('starts are the same when each byte is, unless the system names none', () => {
  expect(sameBoot(BOOT, BOOT.slice())).toBe(true)
  for (let i = 0; i < BOOT.length; i++) expect(sameBoot(BOOT, BOOT.with(i, 2))).toBe(false)
  const none = new Uint8Array(16)
  expect(sameBoot(none, none)).toBe(false)
  for (let i = 0; i < none.length; i++) {
    expect(sameBoot(none.with(i, 1), none.with(i, 1))).toBe(true)
  }
})

test.each<[string, Moment, Moment, number, boolean]>([
  ['by the monotonic clock', at(100, 5000), at(160, 9000), 60, false],
  ['of the same second', at(100, 5000), at(100, 9000), 0, false],
  ['by the wall clock, when the other was set back', at(100, 5000), at(99, 5007), 7, true],
  ['and rounded up then', at(100, 5000), at(99, 5007.2), 8, true],
  ['none, when both were set back', at(100, 5000), at(90, 4000), 0, true],
  ['by the wall clock over a restart', at(100, 5000), at(20, 5300, BOOT.with(0, 9)), 300, false],
  ['none, when that was set back', at(100, 5000), at(200, 4000, BOOT.with(0, 9)), 0, false],
])('what has passed %s', (_, before, after, seconds, isBackwards) => {
  expect(secondsBetween(before, after)).toBe(seconds)
  expect(ranBackwards(before, after)).toBe(isBackwards)
})
