// The first lines of the operator's page: the tracker in a few figures, and a row for each protocol. Called by page.ts.
import { agoText, valueText } from './format.ts'
import { type Sampler, seriesValue } from './sampler.ts'
import type { ProtocolSummary, SeriesSpec, TrackerView, Unit } from './view.ts'

const MEMORY: SeriesSpec = {
  title: 'resident',
  metric: 'process_resident_memory_bytes',
  show: 'value',
}

const STATES = { good: 'good', attention: 'needs attention', bad: 'bad' } as const

export interface Summarized {
  readonly state: keyof typeof STATES
  /** For how long this process has been there, in milliseconds. */
  readonly age: number
}

export function summaryHtml(view: TrackerView, sampler: Sampler, now: Summarized): string {
  const sum = (specs: readonly SeriesSpec[]) => sumOf(specs, sampler)
  const { protocols, swarms } = view
  const seeders = sum(swarms.map((swarm) => swarm.seeders))
  const leechers = sum(swarms.map((swarm) => swarm.leechers))
  const requests = sum(protocols.flatMap((each) => each.requests))
  const lost = sum(protocols.flatMap((each) => each.lost))
  const doing = view.isReady() ? 'serving' : 'not serving'
  const tiles: [name: string, value: string, more: string][] = [
    [
      'State',
      `<span class="state ${now.state}">${STATES[now.state]}</span>`,
      `${doing} for ${agoText(now.age)}`,
    ],
    [
      'Peers',
      valueText(seeders + leechers, 'count'),
      `${valueText(seeders, 'count')} seeders, ${valueText(leechers, 'count')} leechers`,
    ],
    [
      'Torrents',
      valueText(sum(swarms.map((swarm) => swarm.torrents)), 'count'),
      swarms.length > 1 ? 'once for each kind of peers' : '',
    ],
    [
      'Requests <small>per second</small>',
      valueText(requests, 'per second'),
      'with valid contents',
    ],
    [
      'Refused and lost <small>per second</small>',
      valueText(lost, 'per second'),
      `${shareText(lost, requests)} of all`,
    ],
    ['Memory', valueText(sum([MEMORY]), 'bytes'), 'of the process, in RAM'],
  ]
  const items = tiles.map(
    ([name, value, more]) =>
      `<div class="card"><dt>${name}</dt><dd>${value}</dd><dd class="more">${more}</dd></div>`,
  )
  return `<dl class="tiles">${items.join('\n')}</dl>\n${protocolsHtml(protocols, sampler)}`
}

const HEADS = [
  'protocol',
  'requests <small>per second</small>',
  'refused and lost <small>per second</small>',
  'of all',
  'time to answer <small>99 % within</small>',
  'connections',
]

function protocolsHtml(protocols: readonly ProtocolSummary[], sampler: Sampler): string {
  const rows = protocols.map(({ title, requests, lost, responseTime, connections }) => {
    const value = (spec: SeriesSpec | null, unit: Unit) =>
      valueText(spec === null ? Number.NaN : seriesValue(spec, sampler.now, sampler.before), unit)
    const [valid, failed] = [sumOf(requests, sampler), sumOf(lost, sampler)]
    const cells = [
      valueText(valid, 'per second'),
      valueText(failed, 'per second'),
      shareText(failed, valid),
      value(responseTime, 'seconds'),
      value(connections, 'count'),
    ]
    return `<tr><th scope="row">${Bun.escapeHTML(title)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<section class="card wide" tabindex="0" aria-label="Protocols">
<table class="protocols"><thead><tr>${HEADS.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>
</section>
`
}

function sumOf(specs: readonly SeriesSpec[], { now, before }: Sampler): number {
  return specs.reduce((sum, spec) => sum + seriesValue(spec, now, before), 0)
}

/** Of what was served and what was not. */
function shareText(lost: number, served: number): string {
  const all = lost + served
  return valueText(all === 0 ? 0 : (lost / all) * 100, 'percent')
}
