// Writes metric families in the text format of Prometheus (version 0.0.4). Called by server.ts for
// /metrics.
import type { HistogramFamily, Labels, MetricFamily } from '../metrics/families.ts'
import { cumulative } from '../metrics/histogram.ts'

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function prometheusText(families: readonly MetricFamily[]): string {
  return families
    .map((family) => {
      const head = `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.kind}\n`
      const lines = family.kind === 'histogram' ? histogramLines(family) : numberLines(family)
      return head + lines.map((line) => `${line}\n`).join('')
    })
    .join('')
}

function numberLines({ name, samples }: Exclude<MetricFamily, HistogramFamily>): string[] {
  return samples.map(({ labels, value }) => `${name}${labelText(labels)} ${numberText(value)}`)
}

function histogramLines({ name, scale, samples }: HistogramFamily): string[] {
  return samples.flatMap(({ labels, distribution }) => {
    const rows = cumulative(distribution)
    const buckets = rows.map(([end, count]) => {
      const le = end === Number.POSITIVE_INFINITY ? '+Inf' : scaledText(end, scale)
      return `${name}_bucket${labelText({ ...labels, le })} ${count}`
    })
    const text = labelText(labels)
    const count = rows.at(-1)?.[1] ?? 0
    return [
      ...buckets,
      `${name}_sum${text} ${scaledText(distribution.sum, scale)}`,
      `${name}_count${text} ${count}`,
    ]
  })
}

/** Without the rounding errors of a multiplication in the last digits. */
function scaledText(value: number, scale: number): string {
  return numberText(Number((value * scale).toPrecision(12)))
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return Number.isNaN(value) ? 'NaN' : String(value)
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
