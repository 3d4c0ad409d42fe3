// What every worker has to know about pressure (pressure/): how much longer clients are asked to wait, how long peers
// stay therefore, and which swarms take no new peers. The main thread writes it beside the totals of all swarms, at most
// once a second; a worker's view looks at one word per turn, and reads the others when that has changed. Used by
// swarm.ts, walks/cleaner.ts and the protocols' responders. Owns nothing.
import { TOTAL_PRESSURE } from './layout.ts'

// In the words from TOTAL_PRESSURE on; all 0 without pressure. Factors are in 1024ths above 1.
//  0 changes │ 1 large swarm │ 2, 3 longer: large, small │ 4, 5 longer within the age: large, small
//  6 longest within the age, seconds │ 7 age │ 8 turned away from this size on │ 9 refuses
const CHANGES = TOTAL_PRESSURE
const LARGE = TOTAL_PRESSURE + 1
const LONGER_LARGE = TOTAL_PRESSURE + 2
const LONGER_SMALL = TOTAL_PRESSURE + 3
const WITHIN_AGE_LARGE = TOTAL_PRESSURE + 4
const WITHIN_AGE_SMALL = TOTAL_PRESSURE + 5
const WITHIN_AGE_SEC = TOTAL_PRESSURE + 6
const AGE = TOTAL_PRESSURE + 7
const TURN_AWAY_FROM = TOTAL_PRESSURE + 8
const REFUSES = TOTAL_PRESSURE + 9

const FACTOR_ONE = 1024
/** No swarm is that large. */
const NEVER = 2 ** 31 - 1

/** By how much an interval is multiplied, by the size of the swarm. */
export interface Longer {
  readonly large: number
  readonly small: number
}

export interface PressureState {
  /** From so many other peers on a swarm is large. */
  readonly largeSwarm: number
  /** Peers stay as much longer. */
  readonly longer: Longer
  /** Only up to `withinAgeSec`: peers do not stay longer for it. */
  readonly longerWithinAge: Longer
  readonly withinAgeSec: number
  /** max_peer_age is multiplied by this. */
  readonly age: number
  /** Swarms with so many peers take no new ones; 0 = all do. */
  readonly turnAwayFrom: number
  /** Those get an error instead of an answer. */
  readonly refuses: boolean
}

const ALONE: Longer = { large: 1, small: 1 }

export const NO_PRESSURE: PressureState = {
  largeSwarm: 0,
  longer: ALONE,
  longerWithinAge: ALONE,
  withinAgeSec: 0,
  age: 1,
  turnAwayFrom: 0,
  refuses: false,
}

/**
 * `totals`: words over `control` of the swarms. A worker that reads while this writes may mix two states; it reads
 * again in its next turn, because the count of changes is written last.
 */
export function writePressure(totals: Int32Array, state: PressureState): void {
  const write = (at: number, value: number) => Atomics.store(totals, at, Math.round(value))
  const above = (factor: number) => (factor - 1) * FACTOR_ONE
  write(LARGE, state.largeSwarm)
  write(LONGER_LARGE, above(state.longer.large))
  write(LONGER_SMALL, above(state.longer.small))
  write(WITHIN_AGE_LARGE, above(state.longerWithinAge.large))
  write(WITHIN_AGE_SMALL, above(state.longerWithinAge.small))
  write(WITHIN_AGE_SEC, state.withinAgeSec)
  write(AGE, above(state.age))
  write(TURN_AWAY_FROM, state.turnAwayFrom)
  write(REFUSES, state.refuses ? 1 : 0)
  Atomics.add(totals, CHANGES, 1)
}

/** One thread's view. */
export class Pressure {
  /** From so many other peers on a swarm is large. */
  largeFrom = NEVER
  /** Swarms with so many peers take no new ones. */
  turnAwayFrom = NEVER
  /** Those get an error. */
  refuses = false
  private readonly totals: Int32Array
  private changes = 0
  private lengthens = false
  private longerLarge = 0
  private longerSmall = 0
  private withinAgeLarge = 0
  private withinAgeSmall = 0
  private withinAgeSec = 0
  private ageAbove = 0

  constructor(totals: Int32Array) {
    this.totals = totals
    this.read()
  }

  // HOT: no allocation below this line.

  /** Once per turn. */
  look(): void {
    if (Atomics.load(this.totals, CHANGES) !== this.changes) this.read()
  }

  /** The interval for clients in large swarms, or in small ones, in seconds; `usual`: without pressure. */
  interval(usual: number, large: boolean): number {
    if (!this.lengthens) return usual
    const longer = usual + usual * (large ? this.longerLarge : this.longerSmall)
    const within = usual + usual * (large ? this.withinAgeLarge : this.withinAgeSmall)
    const bounded = within < this.withinAgeSec ? within : this.withinAgeSec
    return Math.round(longer > bounded ? longer : bounded > usual ? bounded : usual)
  }

  /** How long a silent peer stays, in seconds; `usual`: without pressure. */
  age(usual: number): number {
    return Math.ceil(usual + usual * this.ageAbove)
  }

  private read(): void {
    const { totals } = this
    this.changes = Atomics.load(totals, CHANGES)
    const large = totals[LARGE]
    const turnAwayFrom = totals[TURN_AWAY_FROM]
    this.largeFrom = large === 0 ? NEVER : large
    this.turnAwayFrom = turnAwayFrom === 0 ? NEVER : turnAwayFrom
    this.refuses = totals[REFUSES] === 1
    this.longerLarge = totals[LONGER_LARGE] / FACTOR_ONE
    this.longerSmall = totals[LONGER_SMALL] / FACTOR_ONE
    this.withinAgeLarge = totals[WITHIN_AGE_LARGE] / FACTOR_ONE
    this.withinAgeSmall = totals[WITHIN_AGE_SMALL] / FACTOR_ONE
    this.withinAgeSec = totals[WITHIN_AGE_SEC]
    this.lengthens = this.longerLarge > 0 || this.withinAgeLarge > 0
    this.ageAbove = totals[AGE] / FACTOR_ONE
  }
}
