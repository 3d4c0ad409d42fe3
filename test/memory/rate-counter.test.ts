import { describe, expect, spyOn, test } from 'bun:test'
import { RateCounters } from '../../src/memory/rate-counter.ts'

const COST = 10
const BURST = 50
/** Another than the burst, so that none is taken for the other. */
const LAG = 200
const NOW = 1_000_000
const FIRST = 3
const SECOND = 7

function counters(first = 0, second = 0): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(64))
  words[FIRST] = first
  words[SECOND] = second
  return words
}

function at(now: number, words: Int32Array): RateCounters {
  const rates = new RateCounters(words, LAG)
  rates.now = now
  return rates
}

const charge = (words: Int32Array, now = NOW) =>
  at(now, words).chargeBoth(FIRST, SECOND, COST, BURST)
const isFull = (words: Int32Array, now = NOW) => at(now, words).bothFull(FIRST, SECOND, COST, BURST)

describe('two counters of a rate', () => {
  test('let a burst through at once, then one for each cost that goes by', () => {
    const words = counters()
    for (let i = 0; i < BURST / COST; i++) expect(charge(words)).toBe(true)
    expect(charge(words)).toBe(false)
    expect(charge(words, NOW + COST - 1)).toBe(false)
    expect(charge(words, NOW + COST)).toBe(true)
    expect(charge(words, NOW + COST)).toBe(false)
    expect(words[FIRST]).toBe(NOW + COST + BURST)
    expect(words[SECOND]).toBe(NOW + COST + BURST)
    expect([...words].filter((word) => word !== 0)).toHaveLength(2)
  })

  test('make up for no more than a burst', () => {
    const words = counters(NOW - 100 * BURST, NOW - 1)
    for (let i = 0; i < BURST / COST; i++) expect(charge(words)).toBe(true)
    expect(charge(words)).toBe(false)
  })

  // How far each is ahead of the clock, and whether it has no room.
  const states: readonly (readonly [ahead: number, full: boolean])[] = [
    [-1, false],
    [0, false],
    [BURST - COST, false],
    [BURST - COST + 1, true],
    [BURST, true],
    [BURST + LAG, true],
    [BURST + LAG + 1, false],
  ]
  const pairs = states.flatMap((first) => states.map((second) => [first, second] as const))
  test.each(pairs)('%p and %p: refused only when both are full', (first, second) => {
    const words = counters(NOW + first[0], NOW + second[0])
    expect(isFull(words)).toBe(first[1] && second[1])
    expect(charge(words)).toBe(!(first[1] && second[1]))
    // A full one is not charged, whatever the other is.
    for (const [at, [ahead, full]] of [[FIRST, first] as const, [SECOND, second] as const]) {
      const isOld = ahead < 0 || ahead > BURST + LAG
      expect(words[at]).toBe(NOW + (full ? ahead : (isOld ? 0 : ahead) + COST))
    }
  })

  test('are not taken for unused when what is charged comes out as 0', () => {
    const words = counters()
    for (let i = 0; i < BURST / COST; i++) expect(charge(words, -BURST)).toBe(true)
    expect(words[FIRST]).toBe(1)
    expect(charge(words, -BURST)).toBe(false)
    expect(isFull(words, -BURST)).toBe(true)
    expect(isFull(counters(), -BURST)).toBe(false)
  })

  test('go on over the end of 32 bits', () => {
    const words = counters()
    const late = 2 ** 31 - 20
    for (let i = 0; i < BURST / COST; i++) expect(charge(words, late)).toBe(true)
    expect(charge(words, late)).toBe(false)
    expect(isFull(words, late)).toBe(true)
    expect(charge(words, (late + BURST) | 0)).toBe(true)
  })

  test('give up a charge that others win again and again, and let it through', () => {
    const words = counters()
    using exchange = spyOn(Atomics, 'compareExchange').mockImplementation((() => -1) as never)
    expect(charge(words)).toBe(true)
    expect(exchange).toHaveBeenCalledTimes(2 * 16)
  })
})
