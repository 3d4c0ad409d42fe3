// Watches the ceilings in the main thread: once a second it has the controller decide, tells the workers through one
// word of shared memory, and shows the operator what it did: as a trouble, in the log, as metrics and as a chart. Made by
// tracker.ts. Owns its timer and the open files of the measurements.
import type { Log } from '../log/log.ts'
import { counterFamily, gaugeFamily, type MetricFamily } from '../metrics/families.ts'
import type { ChartSpec } from '../operations/view.ts'
import { nowMilliseconds } from '../os/clock.ts'
import { OpenDescriptors } from '../os/descriptors.ts'
import { descriptorLimit } from '../os/tcp-port.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import { NO_PRESSURE, type PressureState, writePressure } from '../swarm/pressure.ts'
import { Busy, type WatchedWorker } from './busy.ts'
import { type Ceiling, ceilingsOf, type ProtocolUse } from './ceilings.ts'
import { Controller, type Decision, type Step } from './controller.ts'
import type { PressureConfig } from './settings.ts'

const CHECK_MILLISECONDS = 1000
const STEPS = [1, 2, 3] as const

interface WatchedConfig {
  readonly pressure: PressureConfig
  readonly cleaning: { readonly max_peer_age: number }
}

export interface WatchOptions {
  readonly config: WatchedConfig
  readonly swarms: SwarmBuffers
  readonly protocols: () => readonly ProtocolUse[]
  /** The oldest that a peer's row can count, in seconds. */
  readonly ageMax: number
  /** Gets the age (seconds) at which silent peers are forgotten, whenever it may have changed. */
  readonly aged: (seconds: number) => void
  readonly log: Log
  /** Milliseconds of a clock that nobody sets. */
  readonly clock?: () => number
}

export class PressureWatch {
  private readonly options: WatchOptions
  private readonly totals: Int32Array
  private readonly controller = new Controller()
  private readonly descriptors: OpenDescriptors
  private readonly descriptorLimit = descriptorLimit()
  private config: WatchedConfig
  private busy = new Busy([])
  private ceilings: readonly Ceiling[] = []
  private shares = new Map<string, number>()
  private latest: Decision = { step: 0, cause: null, state: NO_PRESSURE }
  private readonly entered = new Map<Step, number>()
  private written = ''
  private timer: ReturnType<typeof setInterval> | undefined

  constructor(options: WatchOptions) {
    this.options = options
    this.config = options.config
    this.totals = new Int32Array(options.swarms.control)
    this.descriptors = new OpenDescriptors(this.descriptorLimit)
  }

  /** Once the workers serve, and before a chroot. */
  start(workers: readonly WatchedWorker[]): void {
    const sleepless = this.options.protocols().map((protocol) => protocol.sleepless)
    this.busy = new Busy(workers.filter(({ kind }) => !sleepless.includes(kind)))
    this.ceilings = ceilingsOf({
      swarms: this.options.swarms,
      busy: this.busy,
      descriptors: this.descriptors,
      descriptorLimit: this.descriptorLimit,
    })
    this.timer = setInterval(() => this.check(), CHECK_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
    this.busy.stop()
  }

  /** Settings in force; what they change shows at the next check. */
  configure(config: WatchedConfig): void {
    this.config = config
    this.tellAge()
  }

  check(): void {
    const { ageMax, protocols, clock = nowMilliseconds } = this.options
    const used = protocols()
    const uses = this.ceilings.map((ceiling) => ({ ...ceiling, share: ceiling.share(used) }))
    this.shares = new Map(uses.map(({ name, share }) => [name, share]))
    const before = this.latest.step
    this.latest = this.controller.decide(this.config.pressure, uses, {
      now: clock(),
      interval: Math.max(1, ...used.map(({ announceInterval }) => announceInterval)),
      maxPeerAge: this.config.cleaning.max_peer_age,
      ageMax,
    })
    this.write(this.latest.state)
    this.tell(before, this.latest.step)
  }

  get troubleSource(): TroubleSource {
    return { name: 'pressure', find: () => this.trouble() }
  }

  families(): readonly MetricFamily[] {
    const { step, state } = this.latest
    const { longer } = state
    const shares = [...this.shares].filter(([, share]) => !Number.isNaN(share))
    return [
      gaugeFamily('tracker_pressure_step', 'Which step of [pressure] is in force; 0 = none.', [
        [{}, step],
      ]),
      gaugeFamily(
        'tracker_pressure_ratio',
        'How much of each ceiling is used, from 0 to 1.',
        shares.map(([ceiling, share]) => [{ ceiling }, share]),
      ),
      gaugeFamily(
        'tracker_pressure_interval_factor',
        'By how much intervals are longer than usual, by the size of the swarm.',
        [
          [{ swarm: 'large' }, Math.max(longer.large, state.longerWithinAge.large)],
          [{ swarm: 'small' }, Math.max(longer.small, state.longerWithinAge.small)],
        ],
      ),
      gaugeFamily(
        'tracker_pressure_peer_age_factor',
        'By how much longer than [cleaning] max_peer_age peers are remembered.',
        [[{}, state.age]],
      ),
      counterFamily(
        'tracker_pressure_steps_total',
        'Times that each step was entered.',
        STEPS.map((step) => [{ step: String(step) }, this.entered.get(step) ?? 0]),
      ),
    ]
  }

  readonly charts: readonly ChartSpec[] = [
    {
      title: 'Ceilings',
      unit: 'percent',
      series: CHARTED.map((ceiling) => ({
        title: ceiling.replace('_', ' '),
        metric: 'tracker_pressure_ratio',
        labels: { ceiling },
        show: 'value',
        factor: 100,
      })),
    },
  ]

  private write(state: PressureState): void {
    const text = JSON.stringify(state)
    if (text === this.written) return
    this.written = text
    writePressure(this.totals, state)
    this.tellAge()
  }

  private tellAge(): void {
    this.options.aged(Math.ceil(this.config.cleaning.max_peer_age * this.latest.state.age))
  }

  private tell(before: Step, now: Step): void {
    if (now === before) return
    for (const step of STEPS) {
      if (step > before && step <= now) this.entered.set(step, (this.entered.get(step) ?? 0) + 1)
    }
    const { log } = this.options
    if (now === 0) log.always('info', 'No pressure any more: everybody is served as usual.')
    else log.always(now > before ? 'warn' : 'info', this.text())
  }

  private trouble(): Trouble | null {
    const { step, cause } = this.latest
    if (step === 0) return null
    const remedy = this.ceilings.find(({ name }) => name === cause?.name)?.remedy ?? ''
    // Each step is logged as it comes and goes.
    return { severity: step === 3 ? 'bad' : 'attention', text: this.text(), remedy, isLogged: true }
  }

  /** What is near its ceiling, and what is done about it. */
  private text(): string {
    const { step, cause, state } = this.latest
    const ceiling = this.ceilings.find(({ name }) => name === cause?.name)
    const share = this.shares.get(ceiling?.name ?? '') ?? Number.NaN
    const figure = Number.isNaN(share) ? '' : `${Math.round(share * 100)} % of `
    const what = ceiling === undefined ? '' : `: ${figure}${ceiling.title} used`
    return `Pressure, step ${step} of 3${what}. ${deeds(step, state).join('; ')}.`
  }
}

/** In the chart; the others hardly change, or are charted already. */
const CHARTED = ['processor', 'peers', 'memory', 'connections']

function deeds(step: Step, state: PressureState): string[] {
  const { longer, longerWithinAge, turnAwayFrom } = state
  const factor = (size: 'large' | 'small') => Math.max(longer[size], longerWithinAge[size])
  const done = [
    `Intervals are up to ${factorText(factor('large'))} times as long in large swarms, ` +
      `${factorText(factor('small'))} in others`,
  ]
  if (step === 2) done.push(`new peers of swarms with ${turnAwayFrom} or more are not stored`)
  if (step === 3) done.push(`new peers of swarms with ${turnAwayFrom} or more are refused`)
  return done
}

function factorText(factor: number): string {
  return String(Number(factor.toFixed(1)))
}
