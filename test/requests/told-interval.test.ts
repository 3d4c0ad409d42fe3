// The interval that a client is told: by the size of its swarm under pressure, and with its jitter.
import { expect, test } from 'bun:test'
import { toldInterval } from '../../src/requests/told-interval.ts'
import { NO_PRESSURE, type PressureState, writePressure } from '../../src/swarm/pressure.ts'
import { Harness } from '../swarm/harness.ts'

const USUAL = 900
const JITTER = 10

/** Told to many clients of a swarm with so many others. */
function told(others: number, state: Partial<PressureState>): number[] {
  const harness = new Harness()
  writePressure(new Int32Array(harness.buffers.control), { ...NO_PRESSURE, ...state })
  const { swarms } = harness
  swarms.pressure.look()
  swarms.seeders = Math.floor(others / 3)
  swarms.leechers = others - swarms.seeders
  return Array.from({ length: 1000 }, () => toldInterval(swarms, USUAL, JITTER))
}

const PRESSED = { largeSwarm: 50, longer: { large: 4, small: 2 } }

test.each([
  [0, {}, 900],
  [1000, {}, 900],
  [49, PRESSED, 1800],
  [50, PRESSED, 3600],
])(
  'with %d others and %o it is around %d, differently for each client',
  (others, state, around) => {
    const intervals = told(others, state)
    const spread = (around * JITTER) / 100
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(around - spread)
    expect(Math.max(...intervals)).toBeLessThanOrEqual(around + spread)
    expect(new Set(intervals).size).toBeGreaterThan(100)
    const mean = intervals.reduce((sum, each) => sum + each, 0) / intervals.length
    expect(Math.abs(mean / around - 1)).toBeLessThan(0.01)
  },
)
