// Decides once a second, from the shares of all ceilings that are used, which step is in force and what it means for
// workers. Used by watch.ts. Pure: its clock and figures are passed in. Owns its state.
//
//  1  longer intervals: of large swarms between the first two thresholds, of small ones up to the third
//  2  large swarms take no new peers
//  3  new peers of large swarms get an error; the nearer to 100 %, the smaller is large
//
// A step is entered at once (figures are means over some seconds where they vary) and left one at a time. Intervals
// become longer at once and shorter slowly: what a client is told has its effect an interval later, and a faster
// return would let the load swing.
import type { Longer, PressureState } from '../swarm/pressure.ts'
import type { PressureConfig } from './settings.ts'

export type Step = 0 | 1 | 2 | 3

/** Points below its threshold, for so long, and a step is left. */
const LEAVE_POINTS = 5
const LEAVE_MILLISECONDS = 30_000
/** In step 3, sizes move from one end to the other in this time. */
const SIZE_MILLISECONDS = 60_000
/** Swarms smaller than this part of a large one always take new peers, while there is room. */
const SPARED_PART = 10
/** Of max_peer_age: as far as intervals can grow while peers do not stay longer. */
const WITHIN_AGE = 0.75
/** Intervals have been at their longest, though not in every second. */
const NEARLY_LONGEST = 1.9
/** Factors are in steps of this size, so that there are few different ones to remember. */
const FACTOR_GRAIN = 1 / 32

export interface CeilingUse {
  readonly name: string
  /** From 0 to 1; NaN = not known. */
  readonly share: number
  /** Further steps would not help against it. */
  readonly lastStep: 1 | 3
  /** Longer intervals relieve it, so that peers may be remembered longer for them. */
  readonly agesPeers: boolean
  /** Refusals come only when longer intervals have had time to act. */
  readonly waits: boolean
}

export interface Times {
  /** Milliseconds of a clock that nobody sets. */
  readonly now: number
  /** The longest interval of all protocols without pressure, in seconds. */
  readonly interval: number
  readonly maxPeerAge: number
  /** The oldest that a peer's row can count. */
  readonly ageMax: number
}

export interface Decision {
  readonly step: Step
  /** What led to it; null in step 0. */
  readonly cause: CeilingUse | null
  readonly state: PressureState
}

interface CeilingState {
  step: Step
  /** Since when its share has been low enough to leave the step; −1: it is not. */
  lowSince: number
}

export class Controller {
  private readonly ceilings = new Map<string, CeilingState>()
  private readonly ages = new Ages()
  /** From 0 to 2: up to 1 large swarms' intervals grow, then small ones'. */
  private longer = 0
  private within = 0
  private longestSince = -1
  /** In step 3, from 0 (large swarms) to 1 (all but the smallest). */
  private sizes = 0
  private last = -1
  private cause: CeilingUse | null = null

  decide(config: PressureConfig, uses: readonly CeilingUse[], times: Times): Decision {
    const { now } = times
    const passed = this.last < 0 ? 0 : now - this.last
    this.last = now
    const known = config.enabled ? uses.filter(({ share }) => !Number.isNaN(share)) : []
    if (!config.enabled) this.forget()
    const factorMax = Math.max(
      1,
      Math.min(config.max_interval_factor, times.ageMax / times.maxPeerAge),
    )
    this.lengthen(config, known, passed / (times.interval * factorMax * 1000))
    this.noteLongest(now)
    const isOver = this.longestSince >= 0 && this.lasted(now) >= times.interval * factorMax * 1000
    const steps = known.map((use) => this.stepOf(config, use, now, isOver))
    const worst = Math.max(0, ...steps) as Step
    const lengthens = this.longer > 0 || this.within > 0
    const step = worst === 0 && lengthens ? 1 : worst
    this.chooseCause(known, steps, step)
    this.resize(config, known, steps, passed)
    return { step, cause: this.cause, state: this.state(config, step, factorMax, times) }
  }

  private forget(): void {
    this.ceilings.clear()
    this.longer = 0
    this.within = 0
    this.sizes = 0
  }

  /** `fall`: by how much intervals may become shorter now. */
  private lengthen(config: PressureConfig, uses: readonly CeilingUse[], fall: number): void {
    const most = (agesPeers: boolean) => {
      const of = uses.filter((use) => use.agesPeers === agesPeers)
      return Math.max(0, ...of.map(({ share }) => growthAt(config, share)))
    }
    this.longer = Math.max(most(true), this.longer - fall)
    this.within = Math.max(most(false), this.within - fall)
  }

  private noteLongest(now: number): void {
    if (this.longer < NEARLY_LONGEST) this.longestSince = -1
    else if (this.longestSince < 0) this.longestSince = now
  }

  private lasted(now: number): number {
    return now - this.longestSince
  }

  private stepOf(config: PressureConfig, use: CeilingUse, now: number, isOver: boolean): Step {
    const ceiling = this.ceilings.get(use.name) ?? { step: 0, lowSince: -1 }
    this.ceilings.set(use.name, ceiling)
    const most = use.waits && !isOver ? Math.min(2, use.lastStep) : use.lastStep
    const reached = thresholds(config).filter((threshold) => use.share >= threshold).length
    const step = Math.min(reached, most) as Step
    if (step > ceiling.step) {
      ceiling.step = step
      ceiling.lowSince = -1
    } else if (ceiling.step > 0) {
      const low = use.share < thresholds(config)[ceiling.step - 1] - LEAVE_POINTS / 100
      if (!low) ceiling.lowSince = -1
      else if (ceiling.lowSince < 0) ceiling.lowSince = now
      else if (now - ceiling.lowSince >= LEAVE_MILLISECONDS) {
        ceiling.step = (ceiling.step - 1) as Step
        ceiling.lowSince = now
      }
    }
    return ceiling.step
  }

  /** While intervals are only on their way back, the cause is what it was. */
  private chooseCause(uses: readonly CeilingUse[], steps: readonly Step[], step: Step): void {
    if (step === 0) this.cause = null
    const worst = Math.max(0, ...steps)
    if (worst === 0) return
    const [cause] = uses
      .filter((_, i) => steps[i] === worst)
      .sort((one, other) => other.share - one.share)
    this.cause = cause
  }

  private resize(
    config: PressureConfig,
    uses: readonly CeilingUse[],
    steps: readonly Step[],
    passed: number,
  ): void {
    const from = config.refuse_percent / 100
    const shares = uses.filter((_, i) => steps[i] === 3).map(({ share }) => share)
    const wanted = Math.max(0, ...shares.map((share) => between(share, from, 1)))
    const most = passed / SIZE_MILLISECONDS
    this.sizes += Math.max(-most, Math.min(most, wanted - this.sizes))
  }

  private state(
    config: PressureConfig,
    step: Step,
    factorMax: number,
    { now, maxPeerAge, ageMax }: Times,
  ): PressureState {
    const longer = factorsAt(this.longer, factorMax)
    const { large_swarm_peers } = config
    const spared = Math.max(1, Math.floor(large_swarm_peers / SPARED_PART))
    const size = Math.round(large_swarm_peers - (large_swarm_peers - spared) * this.sizes)
    return {
      largeSwarm: step === 0 ? 0 : large_swarm_peers,
      longer,
      longerWithinAge: factorsAt(this.within, factorMax),
      withinAgeSec: step === 0 ? 0 : Math.floor(maxPeerAge * WITHIN_AGE),
      // max_peer_age may have been raised since.
      age: Math.max(
        1,
        Math.min(this.ages.needed(now, longer.large, maxPeerAge), ageMax / maxPeerAge),
      ),
      turnAwayFrom: step < 2 ? 0 : step === 2 ? large_swarm_peers : size,
      refuses: step === 3,
    }
  }
}

/**
 * How much longer peers have to stay: as long as somebody who was told a long interval may still come back. Of the
 * factors told so far, those which no later one exceeds, with the time of the last time.
 */
class Ages {
  private readonly told: { factor: number; at: number }[] = []

  needed(now: number, factor: number, maxPeerAge: number): number {
    const { told } = this
    while (told.length > 0 && told[told.length - 1].factor <= factor) told.pop()
    told.push({ factor, at: now })
    while (told.length > 1 && now - told[0].at > told[0].factor * maxPeerAge * 1000) told.shift()
    return told[0].factor
  }
}

function thresholds(config: PressureConfig): readonly number[] {
  const { longer_intervals_percent, turn_away_percent, refuse_percent } = config
  return [longer_intervals_percent / 100, turn_away_percent / 100, refuse_percent / 100]
}

/** From 0 to 2. */
function growthAt(config: PressureConfig, share: number): number {
  const [first, second, third] = thresholds(config)
  return between(share, first, second) + between(share, second, third)
}

/** 0 up to `from`, 1 from `to` on. */
function between(share: number, from: number, to: number): number {
  if (share >= to) return 1
  return share <= from ? 0 : (share - from) / (to - from)
}

function factorsAt(growth: number, factorMax: number): Longer {
  const at = (part: number) => {
    const factor = 1 + (factorMax - 1) * Math.min(1, Math.max(0, part))
    return Math.min(factorMax, Math.round(factor / FACTOR_GRAIN) * FACTOR_GRAIN)
  }
  return { large: at(growth), small: at(growth - 1) }
}
