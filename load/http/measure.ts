// What happened between two snapshots of a run of the load tester for HTTP trackers. Used by main.ts, once
// a second and at the end.
import type { Distribution } from '../histogram.ts'
import { between, type Period, type Snapshot } from '../measure.ts'
import { ANNOUNCE, type CountName, SCRAPE } from './counts.ts'

/** Latencies are in the order of LATENCIES. */
export interface HttpPeriod extends Period<CountName> {
  /** Latencies of answers to announces and scrapes. */
  readonly all: Distribution
  /** What became due and was not sent in time included. */
  readonly asked: number
  readonly sent: number
  /** Answers of every kind, failures included. */
  readonly answered: number
}

export function httpPeriod(from: Snapshot<CountName>, to: Snapshot<CountName>): HttpPeriod {
  const period = between(from, to)
  const { counts, latencies } = period
  const sent = counts.sent_announce + counts.sent_scrape
  return {
    ...period,
    all: latencies[ANNOUNCE].plus(latencies[SCRAPE]),
    asked: sent + counts.held_back,
    sent,
    answered: counts.answered_announce + counts.answered_scrape,
  }
}
