// What a run of the UDP load tester has counted: snapshots, and what happened between two of them.
// Used by main.ts, once a second and at the end.
import { Distribution } from '../histogram.ts'
import { between, Measure, type Period, type Snapshot } from '../measure.ts'
import { udpDrops } from '../proc.ts'
import type { TrackerWatch } from '../watch.ts'
import { KINDS } from './check.ts'
import { COUNTS, type CountName } from './counts.ts'
import type { LoadCard } from './load-card.ts'

/** Latencies are in the order of KINDS. */
export interface UdpSnapshot extends Snapshot<CountName> {
  /** Packets dropped at full receive buffers. */
  readonly trackerDrops: number
  readonly ownDrops: number
}

export interface UdpPeriod extends Period<CountName> {
  /** Latencies of all kinds. */
  readonly all: Distribution
  readonly sent: number
  /** Answers of every kind, errors included. */
  readonly answered: number
  readonly trackerDrops: number
  readonly ownDrops: number
}

export class UdpMeasure extends Measure<CountName> {
  private readonly serverPorts: ReadonlySet<number>
  private readonly ownPorts: ReadonlySet<number>
  private readonly card: LoadCard | null

  /** `serverPort` 0: the tracker is on another machine, and its drops cannot be seen. */
  constructor(
    workers: number,
    watch: TrackerWatch | null,
    serverPort: number,
    ownPorts: readonly number[],
    card: LoadCard | null,
  ) {
    super(workers, COUNTS, KINDS.length, watch)
    this.serverPorts = new Set(serverPort === 0 ? [] : [serverPort])
    this.ownPorts = new Set(ownPorts)
    this.card = card
  }

  override snapshot(): UdpSnapshot {
    return {
      ...super.snapshot(),
      trackerDrops: udpDrops(this.serverPorts),
      ownDrops: udpDrops(this.ownPorts) + (this.card?.drops() ?? 0),
    }
  }
}

export function udpPeriod(from: UdpSnapshot, to: UdpSnapshot): UdpPeriod {
  const period = between(from, to)
  const { counts, latencies } = period
  return {
    ...period,
    all: latencies.reduce((sum, distribution) => sum.plus(distribution), Distribution.empty()),
    sent: counts.sent_connect + counts.sent_announce + counts.sent_scrape,
    answered:
      counts.answered_connect +
      counts.answered_announce +
      counts.answered_scrape +
      counts.answered_error,
    trackerDrops: to.trackerDrops - from.trackerDrops,
    ownDrops: to.ownDrops - from.ownDrops,
  }
}
