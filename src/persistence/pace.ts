// How the main thread walks through a table while workers serve: in turns, with sleep in between. Used by
// the snapshot, the counts and the scrape export. Owns nothing.
//
// A slice is copied under its table's lock, some tens of microseconds long. Between slices others get
// the lock, and between turns of some slices the thread sleeps, so that a core that it shares with a
// worker stays the worker's.
import { nowMilliseconds } from '../os/clock.ts'
import type { Table } from '../swarm/table/table.ts'
import type { Walk } from '../swarm/walks/export.ts'

/** Walking, then sleeping: a quarter of a core, in pieces that no client notices. */
const TURN_MILLISECONDS = 0.5
const PAUSE_MILLISECONDS = 1.5

export interface Pace {
  /** Torrents and peers per taking of the lock. */
  readonly budget: number
  /** Sleep between turns, because others work. */
  readonly gently: boolean
  /** Called for each slice; true ends the turn, because there is enough to write. */
  take(): boolean
  afterTurn(): Promise<void>
}

export async function walkTable(walk: Walk, table: Table, pace: Pace): Promise<void> {
  walk.open(table)
  for (let more = true; more; ) {
    const turnEnd = nowMilliseconds() + TURN_MILLISECONDS
    let enough = false
    do {
      more = walk.slice(pace.budget)
      enough = pace.take()
    } while (more && !enough && nowMilliseconds() < turnEnd)
    await pace.afterTurn()
    if (pace.gently) await Bun.sleep(PAUSE_MILLISECONDS)
  }
}
