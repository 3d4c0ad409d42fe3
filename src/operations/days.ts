// The charts of the last days on the operator's page, from the history. They change every quarter of an hour, so they
// are no part of what is fetched every few seconds. Called by page.ts and server.ts.
import {
  type Column,
  type History,
  SLOT_SECONDS,
  SLOTS,
  SLOTS_PER_DAY,
} from '../history/history.ts'
import { plotHtml } from '../plot/plot.ts'
import { unitHtml, unitSign } from './chart.ts'
import { availabilityText, valueText } from './format.ts'
import type { Unit } from './view.ts'

/** Below an hour the other charts show it all. */
const SLOTS_MIN = 5

const CHARTS: readonly (readonly [title: string, unit: Unit, columns: readonly Column[]])[] = [
  ['Requests', 'per second', ['requests']],
  ['Refused and lost', 'per second', ['lost']],
  ['Peers', 'count', ['peers']],
  ['Torrents', 'count', ['torrents']],
  ['Memory', 'bytes', ['memory']],
]

/** `now`: seconds of Unix time. Empty until there is more than the other charts show. */
export function daysHtml(history: History, now: number): string {
  const columns = new Map(
    CHARTS.flatMap(([, , names]) => names).map((name) => [
      name,
      history.valuesOf(name, now, SLOTS),
    ]),
  )
  const first = firstKnown([...columns.values()])
  if (SLOTS - first < SLOTS_MIN) return ''
  const days = Math.ceil((SLOTS - first) / SLOTS_PER_DAY)
  const at = (Math.floor(now / SLOT_SECONDS) - SLOTS + 1 + first) * SLOT_SECONDS
  const charts = CHARTS.map(([title, unit, names]) => {
    const format = (value: number) => valueText(value, unit)
    const lines = names.map((name) => {
      const values = (columns.get(name) ?? []).slice(first)
      return { name: 'mean of 15 minutes', values, text: format(values[values.length - 1]) }
    })
    const plot = { kind: 'days', at: [at], step: SLOT_SECONDS, unit: unitSign(unit) } as const
    return `<section class="card chart">
<h3>${title}${unitHtml(unit)}</h3>
${plotHtml({ title: `${title}, days`, ...plot, lines, format })}</section>
`
  })
  return `<h2 class="days">${days === 1 ? 'The last day' : `The last ${days} days`} <small>${servedText(history, now)}</small></h2>
<div class="grid">
${charts.join('')}</div>
`
}

function firstKnown(columns: readonly (readonly number[])[]): number {
  const firsts = columns.map((values) => values.findIndex((value) => !Number.isNaN(value)))
  return Math.min(...firsts.map((first) => (first < 0 ? SLOTS : first)))
}

function servedText(history: History, now: number): string {
  const share = history.availability(now)
  return share === null ? '' : `served ${availabilityText(share)} of the time that is known`
}
