// Which step is in force, by the shares of the ceilings over time.
import { describe, expect, test } from 'bun:test'
import { defaultsOf } from '../../src/config/schema.ts'
import {
  type CeilingUse,
  Controller,
  type Decision,
  type Step,
} from '../../src/pressure/controller.ts'
import { type PressureConfig, pressureSettings } from '../../src/pressure/settings.ts'
import { NO_PRESSURE } from '../../src/swarm/pressure.ts'

const DEFAULTS: PressureConfig = defaultsOf(pressureSettings.settings)
const INTERVAL = 900
const LONGEST = 4 * INTERVAL
const MAX_PEER_AGE = 1200

const PEERS = { name: 'peers', lastStep: 3, agesPeers: false, waits: false } as const
const BUSY = { name: 'processor', lastStep: 3, agesPeers: true, waits: true } as const
const TORRENTS = { name: 'torrents', lastStep: 1, agesPeers: false, waits: false } as const

/** A controller that is asked once a second, and the answers. */
class Run {
  now = 1_000_000
  config = DEFAULTS
  maxPeerAge = MAX_PEER_AGE
  latest: Decision | null = null
  readonly steps: number[] = []
  private readonly controller = new Controller()

  /** For `seconds` with these shares; returns the last decision. */
  with(shares: Partial<Record<'peers' | 'processor' | 'torrents', number>>, seconds = 1): Decision {
    const uses: CeilingUse[] = [PEERS, BUSY, TORRENTS].map((ceiling) => {
      return { ...ceiling, share: shares[ceiling.name] ?? 0 }
    })
    for (let i = 0; i < seconds; i++) {
      this.now += 1000
      this.latest = this.controller.decide(this.config, uses, {
        now: this.now,
        interval: INTERVAL,
        maxPeerAge: this.maxPeerAge,
        ageMax: 28_000,
      })
      if (this.steps.at(-1) !== this.latest.step) this.steps.push(this.latest.step)
    }
    return this.latest as Decision
  }
}

test('below 75 % of every ceiling nothing happens', () => {
  const run = new Run()
  const decision = run.with({ peers: 0.749, processor: 0.749, torrents: 0.749 }, 5000)
  expect(run.steps).toEqual([0])
  expect(decision.cause).toBeNull()
  expect(decision.state).toEqual(NO_PRESSURE)
})

test('what is not known is no pressure', () => {
  expect(new Run().with({ peers: Number.NaN, processor: Number.NaN }, 100).step).toBe(0)
})

describe('each step', () => {
  test.each<[Step, number]>([
    [1, 0.75],
    [2, 0.85],
    [3, 0.95],
  ])('%d is entered at its threshold, and left 5 points below it after 30 seconds', (step, at) => {
    const run = new Run()
    const below = (step - 1) as Step
    expect(run.with({ peers: at - 0.001 }).step).toBe(below)
    expect(run.with({ peers: at }).step).toBe(step)
    expect(run.with({ peers: at - 0.049 }, 1000).step).toBe(step)
    expect(run.with({ peers: at - 0.051 }, 30).step).toBe(step)
    const { step: left, cause } = run.with({ peers: at - 0.051 }, 2)
    expect(left).toBe(below)
    expect(cause?.name).toBe(left === 0 ? undefined : 'peers')
  })

  test('comes and goes once when the share moves to and fro within the margin', () => {
    const run = new Run()
    for (let i = 0; i < 500; i++) run.with({ peers: i % 2 === 0 ? 0.86 : 0.805 }, 20)
    expect(run.steps).toEqual([2])
  })

  test('is left one by one', () => {
    const run = new Run()
    run.with({ peers: 1 })
    run.with({ peers: 0.1 }, 4 * LONGEST)
    expect(run.steps).toEqual([3, 2, 1, 0])
    expect(run.latest?.state).toEqual({ ...NO_PRESSURE })
  })
})

test('what further steps would not help gets no further than the first', () => {
  const run = new Run()
  expect(run.with({ torrents: 1 }, 3 * LONGEST).step).toBe(1)
  expect(run.latest?.state).toMatchObject({ turnAwayFrom: 0, refuses: false })
})

describe('a lack of processor time', () => {
  test('leads to refusals only after intervals have been at their longest for as long', () => {
    const run = new Run()
    const { step, state } = run.with({ processor: 1 }, LONGEST)
    expect(step).toBe(2)
    expect(state.longer).toEqual({ large: 4, small: 4 })
    expect(run.with({ processor: 1 }, 2).step).toBe(3)
  })

  test('does not if it is shorter', () => {
    const run = new Run()
    run.with({ processor: 1 }, LONGEST / 2)
    run.with({ processor: 0.5 }, LONGEST / 2)
    run.with({ processor: 1 }, LONGEST / 2)
    expect(run.steps).not.toContain(3)
  })
})

describe('intervals', () => {
  test('become longer in large swarms first, and then in small ones', () => {
    const told = [0.75, 0.8, 0.85, 0.9, 0.95].map(
      (processor) => new Run().with({ processor }).state.longer,
    )
    expect(told.map(({ large }) => large)).toEqual([1, 2.5, 4, 4, 4])
    expect(told.map(({ small }) => small)).toEqual([1, 1, 1, 2.5, 4])
  })

  test('become shorter slowly: over twice the longest one', () => {
    const run = new Run()
    run.with({ processor: 0.95 })
    expect(run.with({}, LONGEST / 2).state.longer).toEqual({ large: 4, small: 2.5 })
    expect(run.with({}, LONGEST).state.longer.large).toBeCloseTo(2.5, 1)
    expect(run.with({}, LONGEST / 2 + 2).state.longer.large).toBe(1)
  })

  test('never grow beyond the setting, or the age that a row can count', () => {
    const run = new Run()
    run.config = { ...DEFAULTS, max_interval_factor: 2 }
    expect(run.with({ processor: 1 }).state.longer).toEqual({ large: 2, small: 2 })
    run.config = DEFAULTS
    run.maxPeerAge = 14_000
    const { longer, age } = run.with({ processor: 1 }).state
    expect(longer).toEqual({ large: 2, small: 2 })
    expect(age * 14_000).toBeLessThanOrEqual(28_000)
  })

  test('for lack of room grow apart from the others, and ages stay', () => {
    const { state } = new Run().with({ peers: 1 })
    expect(state.longer).toEqual({ large: 1, small: 1 })
    expect(state.longerWithinAge).toEqual({ large: 4, small: 4 })
    expect(state.withinAgeSec).toBe(900)
    expect(state.age).toBe(1)
  })
})

test('nobody is forgotten who may still keep to the interval told', () => {
  const run = new Run()
  const seed = [0.5, 0.97, 0.6, 0.82, 0.76, 0.3, 0.9, 0.2, 0.1]
  const told: { at: number; factor: number }[] = []
  for (let i = 0; i < 30_000; i++) {
    const share = i < 20_000 ? seed[Math.floor(i / 700) % seed.length] : 0
    const { state } = run.with({ processor: share })
    const { now } = run
    told.push({ at: now, factor: state.longer.large })
    if (i % 50 !== 0) continue
    for (let j = 0; j < told.length; j += 13) {
      // A third later than told, and still known.
      const silent = (now - told[j].at) / 1000
      if (silent <= told[j].factor * MAX_PEER_AGE) {
        expect(state.age * MAX_PEER_AGE).toBeGreaterThanOrEqual(silent)
      }
    }
  }
  // And not for ever.
  expect(run.latest?.state.age).toBe(1)
})

describe('in step 3', () => {
  test('ever smaller swarms are refused, within a minute from end to end, but never the smallest', () => {
    const run = new Run()
    expect(run.with({ peers: 0.95 }).state).toMatchObject({ turnAwayFrom: 50, refuses: true })
    const after = run.with({ peers: 1 }, 30).state.turnAwayFrom
    expect(after).toBeGreaterThan(25)
    expect(after).toBeLessThan(30)
    expect(run.with({ peers: 1 }, 3000).state).toMatchObject({ turnAwayFrom: 5, refuses: true })
    run.with({ peers: 0.975 }, 100)
    expect(run.latest?.state.turnAwayFrom).toBeGreaterThan(25)
  })

  test('swarms of one size are spared if a large one is small', () => {
    const run = new Run()
    run.config = { ...DEFAULTS, large_swarm_peers: 2 }
    expect(run.with({ peers: 1 }, 100).state.turnAwayFrom).toBe(1)
  })
})

test('step 2 turns away without refusing', () => {
  expect(new Run().with({ peers: 0.9 }).state).toMatchObject({ turnAwayFrom: 50, refuses: false })
})

test('switched off, everything is as usual at once, but peers stay as long as they were told', () => {
  const run = new Run()
  run.with({ processor: 1, peers: 1 }, 10)
  run.config = { ...DEFAULTS, enabled: false }
  const { step, state } = run.with({ processor: 1, peers: 1 })
  expect(step).toBe(0)
  expect(state).toEqual({ ...NO_PRESSURE, age: 4 })
  expect(run.with({}, 4 * MAX_PEER_AGE + 2).state.age).toBe(1)
})
