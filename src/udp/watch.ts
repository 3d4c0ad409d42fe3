// What the main thread does while the workers serve: reads their counters, writes the statistics, says
// who is banned, and knows what goes wrong. Started and stopped by main.ts. Owns its timer and readings.

import type { Census } from '../census/census.ts'
import type { ClientCount } from '../census/tally.ts'
import { ringFill } from '../channel/ring.ts'
import { type Log, writeFigures } from '../log/log.ts'
import { CounterReader, WrappingTotal } from '../metrics/counters.ts'
import { type Distribution, since } from '../metrics/histogram.ts'
import { receiveDrops } from '../os/udp-socket.ts'
import type { TroubleSource } from '../process/troubles.ts'
import { countSwarms, type SwarmCounts } from '../swarm/count.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import { BanLog } from './ban-log.ts'
import type { UdpConfig } from './config.ts'
import { COUNTERS, type CounterName, HISTOGRAMS } from './counters.ts'
import type { Links, SocketLinks } from './links.ts'
import { statisticsFigures, statisticsText } from './statistics.ts'
import { udpTroubles } from './troubles.ts'

/** Counters are 32 bits wide: at this pace even bytes at 10 Gbit/s do not wrap unseen. */
const READ_MILLISECONDS = 1000
const REQUESTS = COUNTERS.filter((name) => name.startsWith('requests_'))

/** All there is to tell of one moment; counts are since the start. */
export interface Reading {
  readonly at: number
  readonly counts: ReadonlyMap<CounterName, number>
  readonly responseTime: Distribution
  readonly batchSize: Distribution
  readonly ipv4: SwarmCounts
  readonly ipv6: SwarmCounts
  readonly lockWaits: number
  /** Null when they are not counted. */
  readonly clients: readonly ClientCount[] | null
  readonly lockSleeps: number
  readonly receiveDrops: number
  /** Valid requests of each socket worker. */
  readonly workers: readonly number[]
  /** The fullest channel of each direction, from 0 to 1. */
  readonly requestFill: number
  readonly responseFill: number
}

export class Watch {
  private readonly reader: CounterReader<CounterName, keyof typeof HISTOGRAMS>
  private readonly swarms: SwarmBuffers
  private readonly sockets: readonly number[]
  private config: UdpConfig
  private readonly bans: BanLog
  private readonly links: Links
  private timer: ReturnType<typeof setInterval> | undefined
  private before: Reading
  private stopped = false
  private readonly census: Census | null
  private readonly workers: number
  private latest: Reading
  private readonly lockWaits = new WrappingTotal()
  private readonly lockSleeps = new WrappingTotal()
  private readonly receiveDrops = new WrappingTotal()

  /** `sockets`: descriptors of all workers. */
  constructor(
    config: UdpConfig,
    workers: number,
    counters: SharedArrayBuffer,
    swarms: SwarmBuffers,
    sockets: readonly number[],
    links: Links,
    bans: readonly SharedArrayBuffer[],
    log: Log,
    census: Census | null,
  ) {
    this.census = census
    this.reader = new CounterReader(counters, COUNTERS, HISTOGRAMS)
    this.swarms = swarms
    this.sockets = sockets
    this.config = config
    this.bans = new BanLog(bans, log)
    this.links = links
    this.workers = workers
    this.before = this.read()
    this.latest = this.before
  }

  /** Also while it is at work. */
  configure(config: UdpConfig): void {
    this.config = config
  }

  start(): void {
    this.before = this.read()
    this.timer = setInterval(() => this.look(), READ_MILLISECONDS)
  }

  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
  }

  troubles(): TroubleSource[] {
    return udpTroubles(
      () => this.latest,
      () => this.config,
    )
  }

  read(): Reading {
    const counts = this.reader.read()
    const workers = Array.from({ length: this.workers }, (_, i) => this.reader.ofWorker(i))
    const { ipv4, ipv6 } = countSwarms(this.swarms)
    return {
      at: performance.now(),
      counts,
      clients: this.census?.result ?? null,
      responseTime: this.reader.histogram('response_time'),
      batchSize: this.reader.histogram('batch_size'),
      ipv4,
      ipv6,
      lockWaits: this.lockWaits.take(ipv4.contendedLocks + ipv6.contendedLocks),
      lockSleeps: this.lockSleeps.take(ipv4.sleptLocks + ipv6.sleptLocks),
      // Sockets are closed one after the other once the stop has begun.
      receiveDrops: this.stopped
        ? this.before.receiveDrops
        : this.receiveDrops.take(this.dropsOfSockets()),
      requestFill: this.fill(({ requests }) => requests),
      responseFill: this.fill(({ responses }) => responses),
      workers: workers.map((own) => REQUESTS.reduce((sum, name) => sum + (own.get(name) ?? 0), 0)),
    }
  }

  private dropsOfSockets(): number {
    return this.sockets.reduce((sum, fd) => sum + receiveDrops(fd), 0)
  }

  private fill(rings: (links: SocketLinks) => readonly SharedArrayBuffer[]): number {
    return Math.max(0, ...this.links.socketWorkers.flatMap(rings).map(ringFill))
  }

  private look(): void {
    const now = this.read()
    this.latest = now
    this.bans.look(now.counts.get('bans') ?? 0, now.at, this.config)
    // A timer fires a little early or late; half a period of slack keeps the interval right on average.
    const interval = this.config.statistics.interval * 1000
    const due = now.at - this.before.at + READ_MILLISECONDS / 2 >= interval
    if (interval > 0 && due) this.writeStatistics(now)
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
      batchSize: since(now.batchSize, before.batchSize),
      lockWaits: now.lockWaits - before.lockWaits,
      lockSleeps: now.lockSleeps - before.lockSleeps,
      receiveDrops: now.receiveDrops - before.receiveDrops,
      swarms: now,
    }
    writeFigures('statistics', statisticsText(interval, new Date()), statisticsFigures(interval))
    this.before = now
  }
}
