// What the main thread does while the workers serve: reads their counters, writes the statistics
// line, and says when a limit turns clients away. Started and stopped by main.ts. Owns its timer.
import { writeRunning } from '../config/output.ts'
import type { Log } from '../log/log.ts'
import { CounterReader } from '../metrics/counters.ts'
import { countSwarms } from '../swarm/count.ts'
import type { SwarmBuffers } from '../swarm/memory.ts'
import type { UdpConfig } from './config.ts'
import { COUNTERS, type CounterName } from './counters.ts'

/** Counters are 32 bits wide: at this pace even bytes at 10 Gbit/s do not wrap unseen. */
const READ_MILLISECONDS = 1000
const RESPONSES: readonly CounterName[] = [
  'responses_connect',
  'responses_announce',
  'responses_scrape',
  'responses_error',
]
const LIMIT_LOG_MILLISECONDS = 60_000

export class Watch {
  private readonly reader: CounterReader<CounterName>
  private readonly swarms: SwarmBuffers
  private readonly statisticsInterval: number
  private readonly limits: { max_torrents: number; max_peers: number }
  private readonly log: Log
  private timer: ReturnType<typeof setInterval> | undefined
  private before: ReadonlyMap<CounterName, number> = new Map()
  private beforeAt = 0
  private refused = 0
  private lockWaits = 0
  private refusedLoggedAt = Number.NEGATIVE_INFINITY

  constructor(config: UdpConfig, counters: SharedArrayBuffer, swarms: SwarmBuffers, log: Log) {
    this.reader = new CounterReader(counters, COUNTERS)
    this.swarms = swarms
    this.statisticsInterval = config.statistics.interval * 1000
    this.limits = config.limits
    this.log = log
  }

  start(): void {
    this.beforeAt = performance.now()
    this.timer = setInterval(() => this.look(), READ_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private look(): void {
    const counts = this.reader.read()
    const now = performance.now()
    this.reportLimits(counts, now)
    // A timer fires a little early or late; half a period of slack keeps the interval right on average.
    const due = now - this.beforeAt + READ_MILLISECONDS / 2 >= this.statisticsInterval
    if (this.statisticsInterval > 0 && due) this.writeStatistics(counts, now)
  }

  private reportLimits(counts: ReadonlyMap<CounterName, number>, now: number): void {
    const torrents = counts.get('rejected_torrents_full') ?? 0
    const peers = counts.get('rejected_peers_full') ?? 0
    if (torrents + peers === this.refused || now - this.refusedLoggedAt < LIMIT_LOG_MILLISECONDS) {
      return
    }
    this.refused = torrents + peers
    this.refusedLoggedAt = now
    const { max_torrents, max_peers } = this.limits
    this.log.error(
      `announces refused since the start: ${torrents} for new torrents ([limits] max_torrents = ` +
        `${max_torrents}), ${peers} of new peers (max_peers = ${max_peers}); known ones go on`,
    )
  }

  private writeStatistics(counts: ReadonlyMap<CounterName, number>, now: number): void {
    const seconds = (now - this.beforeAt) / 1000
    const more = (name: CounterName) => (counts.get(name) ?? 0) - (this.before.get(name) ?? 0)
    const rate = (...names: readonly CounterName[]) =>
      (names.reduce((sum, name) => sum + more(name), 0) / seconds).toFixed(0)
    const { torrents, seeders, leechers, contendedLocks } = countSwarms(this.swarms)
    const trouble = COUNTERS.filter((name) => /^rejected_|_failures$/.test(name))
      .filter((name) => more(name) > 0)
      .map((name) => `, ${name} ${rate(name)}`)
    const waits = contendedLocks - this.lockWaits
    writeRunning(
      `per second: requests connect ${rate('requests_connect')}, ` +
        `announce ${rate('requests_announce')}, scrape ${rate('requests_scrape')}, ` +
        `responses ${rate(...RESPONSES)}, bytes in ${rate('received_bytes')}, ` +
        `out ${rate('sent_bytes')}${trouble.join('')} │ now: ` +
        `torrents ${torrents}, seeders ${seeders}, leechers ${leechers}` +
        `${waits === 0 ? '' : ` │ lock waits ${waits}`}\n`,
    )
    this.lockWaits = contendedLocks
    this.before = counts
    this.beforeAt = now
  }
}
