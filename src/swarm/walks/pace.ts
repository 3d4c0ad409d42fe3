// How the main thread walks through tables while workers serve: in turns, with sleep in between. Used by the
// survey, the census, the snapshot, the counts and the scrape export.
//
// A slice is copied under its table's lock, some tens of microseconds long. Between slices others get
// the lock, and between turns of some slices the thread sleeps, so that a core that it shares with a
// worker stays the worker's.
import { nowMilliseconds } from '../../os/clock.ts'
import type { Table } from '../table/table.ts'
import type { Walk } from './export.ts'

/** Walking, then sleeping: a quarter of a core, in pieces that no client notices. */
const TURN_MILLISECONDS = 0.5
const PAUSE_MILLISECONDS = 1.5

export interface Pace {
  /** Torrents and peers per taking of the lock. */
  readonly budget: number
  /** Sleep between turns, because others work. */
  readonly gently: boolean
  /** Called for each slice, which the walk holds; true ends the turn, because there is enough to write. */
  take(table: Table): boolean
  /** Called between turns; false ends the walk. */
  afterTurn(): boolean | Promise<boolean>
}

/** Returns false when `afterTurn` has ended the walk. */
export async function walkThrough(
  walk: Walk,
  tables: readonly Table[],
  pace: Pace,
): Promise<boolean> {
  for (const table of tables) {
    walk.open(table)
    for (let more = true; more; ) {
      more = takeTurn(walk, table, pace)
      if (!(await pace.afterTurn())) return false
      if (pace.gently) await Bun.sleep(PAUSE_MILLISECONDS)
    }
  }
  return true
}

/** Returns whether there is more of the table. */
function takeTurn(walk: Walk, table: Table, { budget, take }: Pace): boolean {
  const end = nowMilliseconds() + TURN_MILLISECONDS
  for (;;) {
    const more = walk.slice(budget)
    const enough = take(table)
    if (!more || enough || nowMilliseconds() >= end) return more
  }
}
