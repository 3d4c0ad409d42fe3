// Troubles that are counted: packets dropped, answers not sent, announces turned away at a limit. Reads
// counters that only grow, over the last minute. Used by the protocols' troubles.ts for their sources of
// troubles (troubles.ts). Owns a minute of totals for each.
import { grouped } from '../metrics/text-table.ts'
import type { Trouble, TroubleSource } from './troubles.ts'

/** Sources are asked once a second. */
const CHECKS = 60
/** Clients notice: one in twenty has to ask again, or gets nothing. */
const BAD_SHARE = 0.05

export interface Loss {
  /** Of the source. */
  readonly name: string
  /** What was lost or refused, since the start. */
  readonly lost: () => number
  /** All that could have been lost, since the start. */
  readonly all: () => number
  /** Below this share it is no trouble: 0 for what should never happen. */
  readonly from: number
  /** One sentence; `figure` is such as «1,204 packets», `when` such as «in the last minute (3.1 % of all)». */
  readonly text: (figure: string, when: string) => string
  /** What is lost, in the singular: «packet». */
  readonly what: string
  readonly remedy: () => string
}

export function lossSource(loss: Loss): TroubleSource {
  const lost = new Growth()
  const all = new Growth()
  const find = (): Trouble | null => {
    const count = lost.since(loss.lost())
    const total = all.since(loss.all())
    if (count === 0) return null
    const share = Math.min(1, count / Math.max(1, total))
    if (share < loss.from) return null
    const when = `in the last minute (${shareText(share)} of all)`
    return {
      severity: share >= BAD_SHARE ? 'bad' : 'attention',
      text: loss.text(figureText(count, loss.what), when),
      remedy: loss.remedy(),
    }
  }
  return { name: loss.name, find }
}

/** How much a total has grown within the last minute, or so many checks. */
export class Growth {
  private readonly checks: number
  private readonly totals: number[] = [0]

  constructor(checks = CHECKS) {
    this.checks = checks
  }

  since(total: number): number {
    this.totals.push(total)
    if (this.totals.length > this.checks + 1) this.totals.shift()
    return total - this.totals[0]
  }
}

/** With its digits in groups. */
function figureText(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`
}

/** Never «0 %» of something that happened, nor «100 %» of something that did not always. */
export function shareText(share: number): string {
  const percent = share * 100
  if (percent < 0.01) return 'less than 0.01 %'
  if (percent > 99 && share < 1) return 'more than 99 %'
  return `${percent >= 10 ? Math.round(percent) : Number(percent.toPrecision(2))} %`
}
