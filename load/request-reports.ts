// Parts of the reports of load testers whose tracker owes each request one answer: UDP and HTTP, whose counts
// have the same names. Used by their reports.ts. Pure functions.
import { bytesText } from '../src/config/quantities.ts'
import type { Plot } from '../src/plot/plot.ts'
import type { Distribution } from './histogram.ts'
import type { Period } from './measure.ts'
import type { Owed } from './missing.ts'
import { figure, type Section } from './report.ts'
import { chartOver, latencyChart, latencyJson, processCharts, rate } from './report-parts.ts'

type CountName<Kind extends string> =
  | `${'sent' | 'answered'}_${Kind}`
  | 'answered_announce'
  | 'answered_error'
  | 'sent_bytes'
  | 'received_bytes'
  | 'returned_peers'
  | 'flood_sent'
  | 'flood_sent_bytes'
  | 'flood_answers'
  | 'flood_answered_bytes'

/** `Kind`: of requests. */
interface RequestPeriod<Kind extends string = never> extends Period<CountName<Kind>> {
  /** Latencies of all kinds. */
  readonly all: Distribution
  readonly sent: number
  readonly answered: number
}

interface WholeRun<Kind extends string> {
  readonly config: { readonly mode: string; readonly checks: { readonly max_missing: number } }
  readonly whole: RequestPeriod<Kind>
}

/**
 * Answers to each kind of request. `unclear`: how many came of which the kind of request is not counted.
 * `droppedShare`: of requests, what may be missing beside what the settings allow.
 */
export function owedAnswers<Kind extends string>(
  kinds: readonly Kind[],
  { config, whole: { counts, sent } }: WholeRun<NoInfer<Kind>>,
  { unclear = 0, droppedShare = 0 } = {},
): Owed[] {
  const { max_missing } = config.checks
  const mayBeLost = config.mode === 'flood' ? 1 : max_missing + droppedShare
  const answered = kinds.reduce((sum, kind) => sum + counts[`answered_${kind}`], 0)
  return kinds.map((kind) => {
    const [asked, clear] = [counts[`sent_${kind}`], counts[`answered_${kind}`]]
    const others = (answered - clear) / Math.max(1, sent - asked)
    // However much is lost, it must not be of one kind.
    const mayLack = Math.min(mayBeLost, Math.max(max_missing, 1 - others / 2))
    return { kind, text: `answers to ${kind}s`, owed: asked, came: clear + unclear, mayLack }
  })
}

export function latencyProgress({ all }: RequestPeriod): string {
  return `p50/p99 ${figure(all.quantile(0.5))}/${figure(all.quantile(0.99))} ms`
}

export function floodProgress({ counts, seconds }: RequestPeriod): string[] {
  return counts.flood_sent > 0 ? [`flood ${rate(counts.flood_sent, seconds)}/s`] : []
}

/** `errors`: what error responses are called. */
export function trafficRows<Kind extends string>(
  kinds: readonly Kind[],
  { seconds, counts, sent, answered }: RequestPeriod<NoInfer<Kind>>,
  errors: string,
): string[][] {
  return [
    ...kinds.map((kind) => [
      kind,
      rate(counts[`sent_${kind}`], seconds),
      rate(counts[`answered_${kind}`], seconds),
    ]),
    [errors, '', rate(counts.answered_error, seconds)],
    ['all', rate(sent, seconds), rate(answered, seconds)],
    ['bytes', bytesText(counts.sent_bytes / seconds), bytesText(counts.received_bytes / seconds)],
  ]
}

export function peersPerAnnounce({ counts }: RequestPeriod): number {
  return counts.returned_peers / Math.max(1, counts.answered_announce)
}

/** `what`: a flood is made of. None without a flood. */
export function floodSections(
  { counts, seconds }: RequestPeriod,
  what: string,
  notes: string[] = [],
): Section[] {
  if (counts.flood_sent === 0) return []
  const { flood_sent_bytes, flood_answered_bytes } = counts
  return [
    {
      title: 'flood, per second',
      head: ['', 'sent', 'answered'],
      rows: [
        [what, rate(counts.flood_sent, seconds), rate(counts.flood_answers, seconds)],
        ['bytes', bytesText(flood_sent_bytes / seconds), bytesText(flood_answered_bytes / seconds)],
      ],
      notes,
    },
  ]
}

export function ratesJson<Kind extends string>(
  kinds: readonly Kind[],
  { seconds, counts, sent, answered }: RequestPeriod<NoInfer<Kind>>,
): object {
  const perSecond = (count: number) => Number((count / seconds).toFixed(2))
  const each = (prefix: 'sent' | 'answered') =>
    Object.fromEntries(kinds.map((kind) => [kind, perSecond(counts[`${prefix}_${kind}`])]))
  return {
    requests_per_second: { all: perSecond(sent), ...each('sent') },
    responses_per_second: {
      all: perSecond(answered),
      ...each('answered'),
      error: perSecond(counts.answered_error),
    },
  }
}

/** `names`: of the histograms, in their order. */
export function latenciesJson(names: readonly string[], { all, latencies }: RequestPeriod): object {
  return {
    all: latencyJson(all),
    ...Object.fromEntries(names.map((name, i) => [name, latencyJson(latencies[i])])),
  }
}

/** Latency and the processes: the charts that follow those of rates. */
export function latencyCharts(periods: readonly RequestPeriod[], period: RequestPeriod): Plot[] {
  return [
    chartOver('Latency over time', periods, 'ms', {
      p50: ({ all }) => all.quantile(0.5),
      p99: ({ all }) => all.quantile(0.99),
      'p99.9': ({ all }) => all.quantile(0.999),
    }),
    latencyChart('Latency', period.all),
    ...processCharts(periods),
  ]
}
