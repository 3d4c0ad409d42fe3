// What the main thread does while the workers serve: reads their counters, writes the statistics, and
// knows what goes wrong. Started and stopped by main.ts. Owns its timer and readings.
import type { Census } from '../census/census.ts'
import type { ClientCount } from '../census/tally.ts'
import { ringFill } from '../channel/ring.ts'
import { writeFigures } from '../log/log.ts'
import { CounterReader, WrappingTotal } from '../metrics/counters.ts'
import { type Distribution, since } from '../metrics/histogram.ts'
import type { TroubleSource } from '../process/troubles.ts'
import { countSwarms, type SwarmCounts } from '../swarm/count.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import {
  COUNTERS,
  type CounterName,
  FAMILY_COUNTERS,
  HISTOGRAMS,
  STORED_COUNTERS,
  type StoredCounter,
} from './counters.ts'
import { statisticsFigures, statisticsText } from './statistics.ts'
import { wsTroubles } from './troubles.ts'

/** Counters are 32 bits wide: at this pace even bytes at 10 Gbit/s do not wrap unseen. */
const READ_MILLISECONDS = 1000

/** All there is to tell of one moment; counts are since the start. */
export interface Reading {
  readonly at: number
  readonly counts: ReadonlyMap<CounterName, number>
  /** By address family, where that is counted. */
  readonly stored: ReadonlyMap<StoredCounter, number>
  readonly connections: number
  /** At most so many at once. */
  readonly connectionLimit: number
  readonly swarms: SwarmCounts
  readonly responseTime: Distribution
  readonly turnSize: Distribution
  readonly lockWaits: number
  readonly lockSleeps: number
  /** The fullest channel between two workers, from 0 to 1. */
  readonly channelFill: number
  /** Null when they are not counted. */
  readonly clients: readonly ClientCount[] | null
  /** Messages received by each worker. */
  readonly workers: readonly number[]
}

interface Limits {
  readonly max_torrents: number
  readonly max_peers: number
  readonly max_connections: number
  readonly max_connections_per_ip: number
}

export interface LimitsInForce extends Limits {
  /** max_connections is less than the settings say, because of the limit on open files. */
  readonly fewerDescriptors: boolean
}

export class Watch {
  private readonly reader: CounterReader<StoredCounter, keyof typeof HISTOGRAMS>
  private readonly workers: number
  private readonly swarms: SwarmBuffers
  private readonly rings: readonly SharedArrayBuffer[]
  private readonly maxConnections: number
  private statisticsInterval = 0
  private limits!: LimitsInForce
  private latest: Reading
  private readonly lockWaits = new WrappingTotal()
  private readonly lockSleeps = new WrappingTotal()
  private timer: ReturnType<typeof setInterval> | undefined
  private before: Reading
  private readonly census: Census | null

  /**
   * `maxConnections`: what the system allows, if it is less than the settings do. `rings`: those between
   * workers.
   */
  constructor(
    config: { limits: Limits; statistics: { interval: number } },
    workers: number,
    maxConnections: number,
    counters: SharedArrayBuffer,
    swarms: SwarmBuffers,
    rings: readonly SharedArrayBuffer[],
    census: Census | null,
  ) {
    this.maxConnections = maxConnections
    this.census = census
    this.reader = new CounterReader(counters, STORED_COUNTERS, HISTOGRAMS)
    this.workers = workers
    this.swarms = swarms
    this.rings = rings
    this.configure(config)
    this.before = this.read()
    this.latest = this.before
  }

  /** Also while it is at work. */
  configure(config: { limits: Limits; statistics: { interval: number } }): void {
    const fewerDescriptors = this.maxConnections < config.limits.max_connections
    const max_connections = Math.min(config.limits.max_connections, this.maxConnections)
    this.limits = { ...config.limits, max_connections, fewerDescriptors }
    this.statisticsInterval = config.statistics.interval * 1000
  }

  start(): void {
    this.before = this.read()
    this.timer = setInterval(() => this.look(), READ_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  troubles(): TroubleSource[] {
    return wsTroubles(
      () => this.latest,
      () => this.limits,
    )
  }

  read(): Reading {
    const stored = this.reader.read()
    const counts = totalsOf(stored)
    const count = (name: CounterName) => counts.get(name) ?? 0
    const swarms = countSwarms(this.swarms).websocket
    return {
      at: performance.now(),
      counts,
      stored,
      clients: this.census?.result ?? null,
      connections: count('connections_opened') - count('connections_closed'),
      connectionLimit: this.limits.max_connections,
      swarms,
      responseTime: this.reader.histogram('response_time'),
      turnSize: this.reader.histogram('turn_size'),
      lockWaits: this.lockWaits.take(swarms.contendedLocks),
      lockSleeps: this.lockSleeps.take(swarms.sleptLocks),
      channelFill: Math.max(0, ...this.rings.map(ringFill)),
      workers: Array.from({ length: this.workers }, (_, i) => {
        return totalsOf(this.reader.ofWorker(i)).get('received_messages') ?? 0
      }),
    }
  }

  private look(): void {
    const now = this.read()
    this.latest = now
    // A timer fires a little early or late; half a period of slack keeps the interval right on average.
    const due = now.at - this.before.at + READ_MILLISECONDS / 2 >= this.statisticsInterval
    if (this.statisticsInterval > 0 && due) this.writeStatistics(now)
  }

  private writeStatistics(now: Reading): void {
    const { before } = this
    const more = COUNTERS.map((name) => {
      return [name, (now.counts.get(name) ?? 0) - (before.counts.get(name) ?? 0)] as const
    })
    const interval = {
      clients: now.clients,
      seconds: (now.at - before.at) / 1000,
      counts: new Map(more),
      responseTime: since(now.responseTime, before.responseTime),
      turnSize: since(now.turnSize, before.turnSize),
      lockWaits: now.lockWaits - before.lockWaits,
      connections: now.connections,
      connectionLimit: now.connectionLimit,
      swarms: now.swarms,
    }
    writeFigures('statistics', statisticsText(interval, new Date()), statisticsFigures(interval))
    this.before = now
  }
}

/** Over both address families. */
function totalsOf(stored: ReadonlyMap<StoredCounter, number>): ReadonlyMap<CounterName, number> {
  const of = (name: StoredCounter) => stored.get(name) ?? 0
  const isOfFamily = new Set<string>(FAMILY_COUNTERS)
  return new Map(
    COUNTERS.map((name) => {
      const count = isOfFamily.has(name)
        ? of(`${name}_ipv4` as StoredCounter) + of(`${name}_ipv6` as StoredCounter)
        : of(name as StoredCounter)
      return [name, count]
    }),
  )
}
