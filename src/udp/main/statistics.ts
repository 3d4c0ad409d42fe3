// The table of [statistics] interval: activity since the previous table, per second and address family, and
// current figures. Called by reader.ts.

import { clientsText } from '../../census/view.ts'
import { countOf } from '../../metrics/histogram.ts'
import type { Interval } from '../../tracker/statistics-reader.ts'
import {
  addressFigures,
  addressTable,
  servedText,
  sharedFigures,
  titleText,
  turnedUp,
} from '../../tracker/statistics-text.ts'
import type { UdpNames } from '../worker/counters.ts'
import { COUNTER_LIST, COUNTERS, type CounterName, type FamilyCounter } from '../worker/counters.ts'

const HEAD = ['connect', 'announce', 'scrape', 'error', 'bytes']
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

export function statisticsText(interval: Interval<UdpNames>, until: Date): string {
  const rejects = turnedUp(interval, COUNTER_LIST.ofMetric('rejected'), (name) =>
    name.slice('rejected_'.length),
  )
  return (
    titleText(interval.seconds, until) +
    addressTable(interval, HEAD, REQUESTS, RESPONSES) +
    rejects +
    clientsText(interval.clients) +
    `${remarks(interval)}\n`
  )
}

/** The same figures for programs. */
export function statisticsFigures(interval: Interval<UdpNames>): object {
  const { histograms, totals } = interval
  return {
    ...sharedFigures(interval, COUNTERS),
    batches: countOf(histograms.batch_size),
    batched_packets: histograms.batch_size.sum,
    receive_drops: totals.receiveDrops,
    // Past the kernel (packet_path); frames taken and refused are among the counters.
    xdp_ring_full: totals.xdpRingFull,
    xdp_fill_empty: totals.xdpFillEmpty,
    xdp_dropped: totals.xdpDropped,
    xdp_passed_others: totals.xdpPassedOthers,
    xdp_passed_forms: totals.xdpPassedForms,
    now: addressFigures(interval),
  }
}

function remarks({ counts, histograms, totals }: Interval<UdpNames>): string {
  const { lockWaits, lockSleeps, receiveDrops } = totals
  const { response_time, batch_size } = histograms
  const served = servedText(response_time, 'packets per batch', batch_size)
  const slept = lockSleeps === 0 ? '' : ` (${lockSleeps} long)`
  return (
    `${served === '' ? '' : `${served}; `}${channels(counts)}${pastTheKernel(counts, totals)}` +
    `receive drops ${receiveDrops}, ` +
    `send failures ${counts.get('send_failures') ?? 0}, waits for another worker ${lockWaits}${slept}`
  )
}

const REFUSED = COUNTERS.filter((name) => name.startsWith('xdp_refused_'))

/** What network cards gave and lost, with packet_path; '' if they gave nothing. */
function pastTheKernel(
  counts: ReadonlyMap<CounterName, number>,
  totals: Interval<UdpNames>['totals'],
): string {
  const of = (name: CounterName) => counts.get(name) ?? 0
  const { xdpRingFull, xdpFillEmpty, xdpDropped, xdpPassedOthers, xdpPassedForms } = totals
  const lost = xdpRingFull + xdpFillEmpty + xdpDropped
  const passed = xdpPassedOthers + xdpPassedForms
  if (of('xdp_packets') + lost + passed === 0) return ''
  const refused = REFUSED.reduce((sum, name) => sum + of(name), 0)
  const full = of('xdp_no_frame') === 0 ? '' : `, no frame for ${of('xdp_no_frame')} responses`
  return (
    `XDP: frames ${of('xdp_packets')}, refused ${refused}, lost ${lost}${full}, ` +
    `left to the kernel ${passed} (${xdpPassedForms} perhaps ours); `
  )
}

/** What was lost or delayed between socket workers and request workers; '' if nothing was. */
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
