// Reads the counters of a protocol's workers once a second, and writes the statistics. Each protocol makes one
// (reader.ts), and passes its counters, histograms and further figures as data; its troubles and metrics use
// what this has read. Runs in the main thread. Owns its timer and readings.
import type { Census } from '../census/census.ts'
import type { ClientCount } from '../census/tally.ts'
import { clientsFigures, clientsText } from '../census/view.ts'
import { writeFigures } from '../log/log.ts'
import { CounterReader, WrappingTotal } from '../metrics/counters.ts'
import { type Distribution, type HistogramShape, since } from '../metrics/histogram.ts'
import type { PeerKindName } from '../swarm/layout.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import { type CountsByKind, countSwarms } from '../swarm/walks/count.ts'
import type { ProtocolPlace } from './protocol.ts'

/** Counters have 32 bits: at this interval, not even bytes at 10 Gbit/s wrap unnoticed. */
const READ_MILLISECONDS = 1000

/** Names of a protocol's counters and histograms, of totals that it adds, and of its gauges. */
export interface FigureNames {
  readonly counter: string
  readonly histogram: string
  readonly total: string
  readonly gauge: string
}

/** How often a lock was not free at once, and how often a thread slept for it. */
type LockTotal = 'lockWaits' | 'lockSleeps'

type Figures<Name extends string> = Readonly<Record<Name, number>>

interface Counted<N extends FigureNames> {
  readonly counts: ReadonlyMap<N['counter'], number>
  readonly histograms: Readonly<Record<N['histogram'], Distribution>>
  readonly totals: Figures<N['total'] | LockTotal>
}

interface Present<N extends FigureNames> {
  readonly gauges: Figures<N['gauge']>
  readonly swarms: CountsByKind
  /** Peers by client; null if they are not counted. */
  readonly clients: readonly ClientCount[] | null
}

/** All figures at one moment. Counts are since startup. */
export interface Reading<N extends FigureNames> extends Counted<N>, Present<N> {
  readonly at: number
  /** Requests of each worker that serves clients directly. */
  readonly workers: readonly number[]
}

/** The counts between two readings, and the gauges at the second. */
export interface Interval<N extends FigureNames> extends Counted<N>, Present<N> {
  readonly seconds: number
  /** It tells of the swarms and their locks: where protocols share them, one does. */
  readonly tendsSwarms: boolean
}

/** A protocol among others, as far as its statistics show it. */
export type ReaderPlace = Pick<ProtocolPlace, 'name' | 'title' | 'tendsSwarms'>

const ALONE: ReaderPlace = { name: '', title: '', tendsSwarms: true }

export interface ReaderOptions<N extends FigureNames> {
  /** The names, in their order in memory. */
  readonly counters: readonly N['counter'][]
  readonly histograms: Readonly<Record<N['histogram'], HistogramShape>>
  /** The slots of all workers, those that serve clients directly first. */
  readonly slots: SharedArrayBuffer
  /** How many of them serve clients directly, */
  readonly workers: number
  /** and the counters of their requests. */
  readonly asked: readonly N['counter'][]
  readonly swarms: SwarmBuffers
  /** The kinds of its peers: waits for locks are those of their tables. */
  readonly kinds: readonly PeerKindName[]
  readonly census: Census | null
  readonly totals: () => Figures<N['total']>
  /** `counts`: since the start. */
  readonly gauges: (counts: ReadonlyMap<N['counter'], number>) => Figures<N['gauge']>
  /** Seconds between two tables of statistics, in force now; 0 = none. */
  readonly interval: () => number
  /** Missing for the only protocol of a program. */
  readonly place?: ReaderPlace
  readonly text: (interval: Interval<N>, until: Date) => string
  /** The same figures for programs. */
  readonly figures: (interval: Interval<N>) => object
}

export class StatisticsReader<N extends FigureNames> {
  latest: Reading<N>
  private readonly options: ReaderOptions<N>
  private readonly reader: CounterReader<N['counter'], N['histogram']>
  private readonly lockWaits = new WrappingTotal()
  private readonly lockSleeps = new WrappingTotal()
  private timer: ReturnType<typeof setInterval> | undefined
  private before: Reading<N>

  constructor(options: ReaderOptions<N>) {
    this.options = options
    this.reader = new CounterReader(options.slots, options.counters, options.histograms)
    this.before = this.read()
    this.latest = this.before
  }

  start(): void {
    this.before = this.read()
    this.timer = setInterval(() => {
      this.latest = this.read()
      this.writeIfDue(this.latest)
    }, READ_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  read(): Reading<N> {
    const { options } = this
    const counts = this.reader.read()
    const swarms = countSwarms(options.swarms)
    const kinds = options.kinds.map((kind) => swarms[kind])
    const contended = kinds.reduce((sum, { contendedLocks }) => sum + contendedLocks, 0)
    const slept = kinds.reduce((sum, { sleptLocks }) => sum + sleptLocks, 0)
    return {
      at: performance.now(),
      counts,
      histograms: this.histograms((name) => this.reader.histogram(name)),
      totals: {
        ...options.totals(),
        lockWaits: this.lockWaits.take(contended),
        lockSleeps: this.lockSleeps.take(slept),
      },
      gauges: options.gauges(counts),
      swarms,
      clients: options.census?.result ?? null,
      workers: Array.from({ length: options.workers }, (_, worker) => {
        const own = this.reader.ofWorker(worker)
        return options.asked.reduce((sum, name) => sum + (own.get(name) ?? 0), 0)
      }),
    }
  }

  private writeIfDue(now: Reading<N>): void {
    const interval = this.options.interval() * 1000
    // A timer fires a little early or late; half a period of slack keeps the interval right on average.
    const isDue = now.at - this.before.at + READ_MILLISECONDS / 2 >= interval
    if (interval === 0 || !isDue) return
    const { before } = this
    this.before = now
    const done = this.between(before, now)
    const { text, figures, place: { title, name } = ALONE } = this.options
    const [head, about] = title === '' ? ['', {}] : [`${title}: `, { protocol: name }]
    // The clients of several protocols are not those of one.
    if (title !== '' && now.clients !== null) {
      writeFigures('statistics', clientsText(now.clients), { clients: clientsFigures(now.clients) })
    }
    writeFigures('statistics', head + text(done, new Date()), { ...about, ...figures(done) })
  }

  private between(before: Reading<N>, now: Reading<N>): Interval<N> {
    const { gauges, swarms, clients } = now
    const names = Object.keys(now.totals) as (N['total'] | LockTotal)[]
    const grown = names.map((name) => [name, now.totals[name] - before.totals[name]])
    return {
      seconds: (now.at - before.at) / 1000,
      tendsSwarms: (this.options.place ?? ALONE).tendsSwarms,
      counts: new Map(
        this.options.counters.map((name) => {
          return [name, (now.counts.get(name) ?? 0) - (before.counts.get(name) ?? 0)]
        }),
      ),
      histograms: this.histograms((name) => since(now.histograms[name], before.histograms[name])),
      totals: Object.fromEntries(grown),
      gauges,
      swarms,
      clients: (this.options.place ?? ALONE).title === '' ? clients : null,
    }
  }

  private histograms(
    of: (name: N['histogram']) => Distribution,
  ): Readonly<Record<N['histogram'], Distribution>> {
    const names = Object.keys(this.options.histograms) as N['histogram'][]
    return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<
      N['histogram'],
      Distribution
    >
  }
}
