import { expect, test } from 'bun:test'
import { mix, Random } from '../../load/random.ts'

const DRAWS = 100_000

function mean(random: Random, draw: (random: Random) => number): number {
  let sum = 0
  for (let i = 0; i < DRAWS; i++) sum += draw(random)
  return sum / DRAWS
}

test('the same seed and stream give the same numbers, another stream others', () => {
  const take = (seed: number, stream: number) => {
    const random = new Random(seed, stream)
    return Array.from({ length: 8 }, () => random.next())
  }
  expect(take(1, 2)).toEqual(take(1, 2))
  expect(take(1, 2)).not.toEqual(take(1, 3))
  expect(take(1, 2)).not.toEqual(take(2, 2))
})

test('numbers below an end are spread evenly and stay below it', () => {
  const random = new Random(1, 1)
  const counts = new Array(10).fill(0)
  for (let i = 0; i < DRAWS; i++) counts[random.below(10)]++
  expect(counts).toHaveLength(10)
  for (const count of counts) expect(Math.abs(count / DRAWS - 0.1)).toBeLessThan(0.01)
})

test.each([0.05, 0.2, 1, 3])(
  'a gamma distribution of shape %f has its mean and variance',
  (shape) => {
    const random = new Random(7, 7)
    const values = Array.from({ length: DRAWS }, () => random.gamma(shape))
    const average = values.reduce((sum, value) => sum + value, 0) / DRAWS
    const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / DRAWS
    expect(average / shape).toBeCloseTo(1, 1)
    expect(Math.abs(variance / shape - 1)).toBeLessThan(0.15)
    expect(mean(new Random(8, 8), (other) => other.gamma(shape)) / shape).toBeCloseTo(1, 1)
  },
)

test('mix gives different numbers for different ones', () => {
  const seen = new Set<number>()
  for (let i = 0; i < DRAWS; i++) seen.add(mix(i))
  expect(seen.size).toBe(DRAWS)
})
