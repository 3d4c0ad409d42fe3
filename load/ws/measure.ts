// What happened between two snapshots of a run of the WebTorrent load tester. Used by main.ts, once a
// second and at the end.
import type { Distribution } from '../histogram.ts'
import { between, type Period, type Snapshot } from '../measure.ts'
import { ANNOUNCE, type CountName, SCRAPE } from './counts.ts'

/** Latencies are in the order of LATENCIES. */
export interface WsPeriod extends Period<CountName> {
  /** Latencies of responses to announces and scrapes. */
  readonly responses: Distribution
  /** Messages to the tracker, and from it. */
  readonly sent: number
  readonly received: number
  /** Open at the end. */
  readonly connections: number
}

export function wsPeriod(from: Snapshot<CountName>, to: Snapshot<CountName>): WsPeriod {
  const period = between(from, to)
  const { counts, latencies } = period
  return {
    ...period,
    responses: latencies[ANNOUNCE].plus(latencies[SCRAPE]),
    sent: counts.sent_announce + counts.sent_scrape + counts.sent_answer,
    received:
      counts.received_announce +
      counts.received_scrape +
      counts.received_offer +
      counts.received_answer +
      counts.received_error,
    connections: to.counts.connections_opened - to.counts.connections_lost,
  }
}
