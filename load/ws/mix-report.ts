// What the report of mode 'mix' has of its own: what was due of each kind, what was sent, and what
// came of it. Used by reports.ts. Pure functions.
import { figure, percent, type Section } from '../report.ts'
import { rate } from '../report-parts.ts'
import type { Counts } from './counts.ts'
import type { WsPeriod } from './measure.ts'

/** Beyond this, trackers did not do the same work. */
const SHORT_SHARE_MAX = 0.01

interface Part {
  readonly kind: 'announce' | 'offer' | 'answer' | 'scrape'
  readonly text: string
  readonly due: number
  readonly sent: number
  readonly done: number
}

export function isMix({ counts }: WsPeriod): boolean {
  return counts.due_announce > 0
}

export function mixSection(period: WsPeriod): Section {
  const { counts, seconds } = period
  const joins =
    counts.sent_join === 0
      ? []
      : [
          `In this time clients joined, by ${counts.sent_join} announces that no rate counts: leave them out ` +
            'with summarize_last.',
        ]
  return {
    title: 'the mix, per second',
    head: ['', 'due', 'sent', 'done', 'short'],
    rows: partsOf(counts).map((part) => [
      part.text,
      rate(part.due, seconds),
      rate(part.sent, seconds),
      rate(part.done, seconds),
      percent(shortOf(part) * part.due, part.due),
    ]),
    notes: [
      'done: announces and scrapes answered, offers and answers delivered',
      ...(period.tracker === null
        ? []
        : [`CPU per announce, with all that belongs to it: ${figure(perAnnounce(period))} µs`]),
      ...joins,
    ],
  }
}

/** A sentence on what fell short, or ''. */
export function mixDoubt(period: WsPeriod): string {
  const short = partsOf(period.counts).filter((part) => shortOf(part) > SHORT_SHARE_MAX)
  if (short.length === 0) return ''
  const parts = short.map((part) => `${part.text} ${percent(shortOf(part), 1)}`).join(', ')
  return `The mix fell short: ${parts}. Compare this run with no other, or lower the rates.`
}

export function mixJson(period: WsPeriod): object {
  const { counts, seconds, tracker, received } = period
  const parts = partsOf(counts).map(({ kind, due, sent, done }) => [
    kind,
    {
      due_per_second: due / seconds,
      sent_per_second: sent / seconds,
      done_per_second: done / seconds,
    },
  ])
  return {
    ...Object.fromEntries(parts),
    short_share: Math.max(...partsOf(counts).map(shortOf)),
    tracker_cpu_us_per_response: tracker && (tracker.cpuSec / received) * 1e6,
    tracker_cpu_us_per_announce: tracker && perAnnounce(period),
  }
}

function partsOf(counts: Counts): Part[] {
  const { sent_announce, received_announce, sent_join } = counts
  return [
    {
      kind: 'announce',
      text: 'announces',
      due: counts.due_announce,
      sent: sent_announce - sent_join,
      done: received_announce - sent_join,
    },
    {
      kind: 'offer',
      text: 'offers',
      due: counts.due_offer,
      sent: counts.sent_offer,
      done: counts.received_offer,
    },
    {
      kind: 'answer',
      text: 'answers',
      due: counts.due_answer,
      sent: counts.sent_answer,
      done: counts.received_answer,
    },
    {
      kind: 'scrape',
      text: 'scrapes',
      due: counts.due_scrape,
      sent: counts.sent_scrape,
      done: counts.received_scrape,
    },
  ]
}

function shortOf({ due, done }: Part): number {
  return due === 0 ? 0 : Math.max(0, 1 - done / due)
}

function perAnnounce({ counts, tracker }: WsPeriod): number {
  return ((tracker?.cpuSec ?? Number.NaN) / (counts.received_announce - counts.sent_join)) * 1e6
}
