// Words that several checks share: figures in sentences, and the severity of what was lost. Pure functions.
import { grouped, rateText } from '../../src/metrics/text-table.ts'
import { shareText } from '../../src/process/losses.ts'
import type { Severity } from '../finding.ts'
import type { Counter } from './view.ts'

/** From this share on clients notice: one announce in a thousand has to be repeated. */
export const LOSS_SHARE = 0.001

/** `1,204 packets since the system started (0.3 % of all), 20 per second now`; `what` may be missing. */
export function lostText(lost: Counter, all: Counter | null, what = ''): string {
  const share =
    all === null || all.total === 0
      ? ''
      : ` (${shareText(Math.min(1, lost.total / all.total))} of all)`
  const now = lost.grown > 0 ? `, ${rateText(lost.perSecond)} per second now` : ', none now'
  return `${grouped(lost.total)}${what === '' ? '' : ` ${what}`} since the system started${share}${now}`
}

/** What is lost now is worse than what once was. `all`: null where a share means nothing. */
export function lossSeverity(lost: Counter, all: Counter | null): Severity {
  if (lost.total === 0) return 'good'
  const shareOf = (part: number, whole: number | undefined) =>
    whole === undefined ? 1 : part / Math.max(1, whole)
  if (lost.grown > 0) {
    return shareOf(lost.grown, all?.grown) >= LOSS_SHARE ? 'fault' : 'warning'
  }
  return shareOf(lost.total, all?.total) >= LOSS_SHARE ? 'warning' : 'note'
}

/** `a, b and c`. */
export function listed(items: readonly string[]): string {
  if (items.length <= 1) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** Of a share, as `0.3 %`. */
export function percent(share: number): string {
  return share <= 0 ? '0 %' : shareText(Math.min(1, share))
}
