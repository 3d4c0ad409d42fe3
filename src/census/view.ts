// Shows which clients the peers are of: as a metric, on the page, in the statistics. Used by the views and
// statistics of both trackers.
import { gaugeFamily, type LabelledValue, type MetricFamily } from '../metrics/families.ts'
import type { BreakdownSpec } from '../operations/view.ts'
import type { ClientCount } from './tally.ts'

/** In the line of the statistics; the rest is in the metrics. */
const LINE_CLIENTS_MAX = 10

/** `prefix`: of the metric's name. Null when clients are not counted. */
export function clientFamilies(
  prefix: string,
  clients: readonly ClientCount[] | null,
): MetricFamily[] {
  if (clients === null) return []
  const values = clients.map(({ client, version, peers }): LabelledValue => {
    return [{ client, version }, peers]
  })
  const help = 'Peers in all torrents by client and its major and minor version, by their peer ids.'
  return [gaugeFamily(`${prefix}_peers_by_client`, help, values)]
}

export function clientBreakdowns(prefix: string, counted: boolean): BreakdownSpec[] {
  if (!counted) return []
  const metric = `${prefix}_peers_by_client`
  return [{ title: 'Clients', metric, label: 'client', nonZero: true, detail: 'version' }]
}

/** A line of the statistics, '' when clients are not counted. */
export function clientsText(clients: readonly ClientCount[] | null): string {
  if (clients === null) return ''
  const peers = Object.entries(clientsFigures(clients) ?? {})
  const all = peers.reduce((sum, [, count]) => sum + count, 0)
  const shares = peers
    .slice(0, LINE_CLIENTS_MAX)
    .map(([client, count]) => `${client} ${((count / all) * 100).toFixed(1)} %`)
  return `clients: ${shares.length === 0 ? 'none so far' : shares.join(', ')}\n`
}

/** The same for programs: peers by client, largest first. */
export function clientsFigures(
  clients: readonly ClientCount[] | null,
): Record<string, number> | undefined {
  if (clients === null) return undefined
  const peers = new Map<string, number>()
  for (const { client, peers: more } of clients) peers.set(client, (peers.get(client) ?? 0) + more)
  return Object.fromEntries(peers)
}
