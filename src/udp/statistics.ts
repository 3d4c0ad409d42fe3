// The table of [statistics] interval: what was done since the table before it, per second and address
// family, and what there is now. Called by watch.ts. Owns nothing.
import type { ClientCount } from '../census/tally.ts'
import { clientsFigures, clientsText } from '../census/view.ts'
import { countOf, type Distribution } from '../metrics/histogram.ts'
import { responseTimesFigures, responseTimesText } from '../metrics/response-times.ts'
import { grouped, rateText, textTable } from '../metrics/text-table.ts'
import type { SwarmCounts } from '../swarm/count.ts'
import type { CounterName, FamilyCounter } from './counters.ts'
import { COUNTERS } from './counters.ts'

export interface StatisticsInterval {
  readonly seconds: number
  /** Counts that were added in it. */
  readonly counts: ReadonlyMap<CounterName, number>
  readonly responseTime: Distribution
  readonly batchSize: Distribution
  /** Peers by client; null when they are not counted. */
  readonly clients: readonly ClientCount[] | null
  /** Times that a lock was not free at once. */
  readonly lockWaits: number
  /** Of those, the times that a thread slept for it. */
  readonly lockSleeps: number
  /** Packets that the system dropped because a receive buffer was full. */
  readonly receiveDrops: number
  readonly swarms: { readonly ipv4: SwarmCounts; readonly ipv6: SwarmCounts }
}

type Family = 'ipv4' | 'ipv6'

const HEAD = [
  '',
  'connect',
  'announce',
  'scrape',
  'error',
  'bytes',
  'torrents',
  'seeders',
  'leechers',
]
const REQUESTS: readonly (FamilyCounter | null)[] = [
  'requests_connect',
  'requests_announce',
  'requests_scrape',
  null,
  'received_bytes',
]
const RESPONSES: readonly FamilyCounter[] = [
  'responses_connect',
  'responses_announce',
  'responses_scrape',
  'responses_error',
  'sent_bytes',
]

export function statisticsText(interval: StatisticsInterval, until: Date): string {
  const title = `statistics of ${interval.seconds.toFixed(1)} s until ${until.toISOString()}\n`
  const clients = clientsText(interval.clients)
  const rows = [
    HEAD,
    ...familyRows(interval, 'ipv4', 'IPv4'),
    ...familyRows(interval, 'ipv6', 'IPv6'),
  ]
  return `${title}${textTable(rows)}rejects/s: ${rejects(interval)}\n${clients}${remarks(interval)}\n`
}

/** The same for programs: counts of the interval, not rates; times in seconds. */
export function statisticsFigures(interval: StatisticsInterval): object {
  const { counts, responseTime, batchSize, swarms, lockWaits, lockSleeps, receiveDrops } = interval
  return {
    seconds: interval.seconds,
    counts: Object.fromEntries(counts),
    response_time_seconds: responseTimesFigures(responseTime),
    batches: countOf(batchSize),
    batched_packets: batchSize.sum,
    receive_drops: receiveDrops,
    lock_waits: lockWaits,
    lock_sleeps: lockSleeps,
    clients: clientsFigures(interval.clients),
    now: { ipv4: present(swarms.ipv4), ipv6: present(swarms.ipv6) },
  }
}

function present({ torrents, seeders, leechers }: SwarmCounts): object {
  return { torrents, seeders, leechers }
}

function familyRows(interval: StatisticsInterval, family: Family, title: string): string[][] {
  const { torrents, seeders, leechers } = interval.swarms[family]
  const row = (names: readonly (FamilyCounter | null)[]) =>
    names.map((name) => (name === null ? '' : rate(interval, `${name}_${family}`)))
  return [
    [`${title} requests/s`, ...row(REQUESTS)],
    [`${title} responses/s`, ...row(RESPONSES), ...[torrents, seeders, leechers].map(grouped)],
  ]
}

function rate({ counts, seconds }: StatisticsInterval, ...names: CounterName[]): string {
  return rateText(names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0) / seconds)
}

/** Reasons that turned up, both families together. */
function rejects(interval: StatisticsInterval): string {
  const reasons = COUNTERS.flatMap((name) => name.match(/^rejected_(.*)_ipv4$/)?.[1] ?? [])
  const found = reasons.flatMap((reason) => {
    const names = [`rejected_${reason}_ipv4`, `rejected_${reason}_ipv6`] as CounterName[]
    const any = names.some((name) => (interval.counts.get(name) ?? 0) > 0)
    return any ? [`${reason} ${rate(interval, ...names)}`] : []
  })
  return found.length === 0 ? 'none' : found.join(', ')
}

function remarks(interval: StatisticsInterval): string {
  const { counts, responseTime, batchSize, lockWaits, lockSleeps, receiveDrops } = interval
  const packets = countOf(responseTime)
  const batch = batchSize.sum / Math.max(1, countOf(batchSize))
  const served = `${responseTimesText(responseTime)}; packets per batch ${batch.toFixed(1)}; `
  const slept = lockSleeps === 0 ? '' : ` (${lockSleeps} long)`
  return (
    `${packets === 0 ? '' : served}${channels(counts)}receive drops ${receiveDrops}, ` +
    `send failures ${counts.get('send_failures') ?? 0}, waits for another worker ${lockWaits}${slept}`
  )
}

/** What became of requests between socket workers and request workers; '' where nothing has to. */
function channels(counts: ReadonlyMap<CounterName, number>): string {
  const of = (name: CounterName) => counts.get(name) ?? 0
  const entries = [
    ['dropped requests', of('dropped_requests')],
    ['dropped responses', of('dropped_responses')],
    ['dropped scrapes', of('dropped_scrapes')],
    ['ring waits', of('response_waits')],
    ['wakes', of('request_wakes') + of('response_wakes')],
  ] as const
  if (entries.every(([, count]) => count === 0)) return ''
  return `channels: ${entries.map(([name, count]) => `${name} ${count}`).join(', ')}; `
}
