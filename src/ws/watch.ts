// What the main thread does while the workers serve: says when a limit turns clients away. Started
// and stopped by main.ts. Owns its timer.
import type { Log } from '../log/log.ts'
import { CounterReader } from '../metrics/counters.ts'
import { COUNTERS, type CounterName } from './counters.ts'

/** Counters are 32 bits wide: at this pace even bytes at 10 Gbit/s do not wrap unseen. */
const READ_MILLISECONDS = 1000
const LOG_MILLISECONDS = 60_000

interface Limits {
  readonly max_torrents: number
  readonly max_peers: number
  readonly max_connections: number
  readonly max_connections_per_ip: number
}

export class Watch {
  private readonly reader: CounterReader<CounterName>
  private readonly lines: readonly LimitLine[]
  private timer: ReturnType<typeof setInterval> | undefined

  constructor(limits: Limits, counters: SharedArrayBuffer, log: Log) {
    this.reader = new CounterReader(counters, COUNTERS)
    const line = (counter: CounterName, what: string, key: keyof Limits) =>
      new LimitLine(counter, `${what} ([limits] ${key} = ${limits[key]})`, log)
    this.lines = [
      line('rejected_torrents_full', 'announces of new torrents', 'max_torrents'),
      line('rejected_peers_full', 'announces of new peers', 'max_peers'),
      line('refused_connections_full', 'connections', 'max_connections'),
      line(
        'refused_connections_per_address',
        'connections from addresses that have as many as they may',
        'max_connections_per_ip',
      ),
    ]
  }

  start(): void {
    this.timer = setInterval(() => this.look(), READ_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private look(): void {
    const counts = this.reader.read()
    const now = performance.now()
    for (const line of this.lines) line.report(counts, now)
  }
}

/** Tells of one limit, at most once a minute. */
class LimitLine {
  private readonly counter: CounterName
  private readonly text: string
  private readonly log: Log
  private told = 0
  private toldAt = Number.NEGATIVE_INFINITY

  constructor(counter: CounterName, text: string, log: Log) {
    this.counter = counter
    this.text = text
    this.log = log
  }

  report(counts: ReadonlyMap<CounterName, number>, now: number): void {
    const count = counts.get(this.counter) ?? 0
    if (count === this.told || now - this.toldAt < LOG_MILLISECONDS) return
    this.told = count
    this.toldAt = now
    this.log.error(`refused since the start: ${count} ${this.text}; what is known goes on`)
  }
}
