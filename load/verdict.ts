// The first lines of a report: whether the tracker was right, what clients would feel, what it cost,
// and whether the figures can be trusted. Used by reports.ts. Pure functions.

import { grouped } from '../src/metrics/text-table.ts'
import type { Distribution } from './histogram.ts'
import type { Period } from './measure.ts'
import type { Missing } from './missing.ts'
import { figure, lostShare, percent, type Section } from './report.ts'

/** Of the time of all cores. Less is what any system does in the background. */
const OTHERS_SHARE_MAX = 0.05
const STOLEN_SHARE_MAX = 0.01
/** Of the requests. */
const ERRORS_SHARE_MAX = 0.01

/** What a tester puts into the verdict. */
export interface Gist {
  readonly asked: number
  readonly lost: number
  readonly errors: number
  readonly latency: Distribution
  /** What the tracker's processor time is divided by, and what that is: 'response'. */
  readonly responses: number
  readonly per: string
  /** A sentence on why the figures may not mean what they should, or ''. */
  readonly doubt?: string
}

export interface VerdictInput {
  /** 'answers' or 'messages'. */
  readonly answers: string
  readonly wrong: number
  readonly missing: readonly Missing[]
  readonly gist: Gist
  readonly period: Period
  /** What `disturbance` gave. */
  readonly warning: string
}

export function verdictSection(input: VerdictInput): Section {
  const { answers, wrong, missing, gist, period, warning } = input
  const { asked, lost, errors, latency, responses, per } = gist
  const { tracker } = period
  const lacks = missing.map(({ text, count, owed }) => [
    `missing ${text}`,
    `${grouped(count)} of ${grouped(owed)}`,
  ])
  return {
    title: wrong === 0 && missing.length === 0 ? 'verdict: right' : 'verdict: WRONG',
    head: ['', ''],
    rows: [
      [`wrong ${answers}`, grouped(wrong)],
      ...(lacks.length === 0 ? [[`missing ${answers}`, '0']] : lacks),
      ['lost', `${grouped(lost)} (${percent(lostShare(lost, asked), 1)})`],
      ...(errors === 0 ? [] : [['errors', grouped(errors)]]),
      ['latency p99', `${figure(latency.quantile(0.99))} ms`],
      [
        `CPU per ${per}`,
        tracker === null
          ? 'unknown without --pid'
          : `${figure((tracker.cpuSec / responses) * 1e6)} µs`,
      ],
    ],
    notes: [warning, errorsWarning(gist), gist.doubt ?? '']
      .filter((text) => text !== '')
      .map((text) => `WARNING: ${text}`),
  }
}

/** A sentence that says that the measurement is mostly not of what was intended, or ''. */
function errorsWarning({ asked, errors }: Gist): string {
  const share = errors / Math.max(1, asked)
  if (share <= ERRORS_SHARE_MAX) return ''
  return (
    `${percent(share, 1)} of the requests were answered with an error. See whether the tracker has an ` +
    'access list, or limits that this load exceeds.'
  )
}

/**
 * That others used the machine, in a sentence, or ''. `isLocal`: the tracker runs on this machine;
 * without its pid its time cannot be told from that of others.
 */
export function disturbance({ machine, tracker }: Period, isLocal: boolean): string {
  const { othersShare, stolenShare, cores } = machine
  const known = tracker !== null || !isLocal
  const others = known && othersShare > OTHERS_SHARE_MAX ? othersShare : 0
  const parts = [
    ...(others > 0 ? [`other programs used ${figure(others * cores)} of its ${cores} cores`] : []),
    ...(stolenShare > STOLEN_SHARE_MAX
      ? [`the hypervisor took ${figure(stolenShare * 100)} % of its time`]
      : []),
  ]
  if (parts.length === 0) return ''
  return `The machine was not ours alone: ${parts.join(', and ')}. Rates and latencies are not to be trusted.`
}
