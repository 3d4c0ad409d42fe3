// The cluster's figures: metric families, and the page's charts and tables. Used by cluster.ts.
import type { SharingView } from '../cluster/sharing.ts'
import type { ClusterView, NodeView } from '../cluster/view.ts'
import {
  counterFamily,
  gaugeFamily,
  type LabelledValue,
  type MetricFamily,
} from '../metrics/families.ts'
import type { ChartSpec, TextTable } from '../operations/view.ts'

const PREFIX = 'tracker_cluster'
const RECORDS = `${PREFIX}_records_total`
const NODE_RECORDS = `${PREFIX}_node_records_total`
const NODE_LAG = `${PREFIX}_node_lag_seconds`

export interface ClusterFigures {
  families(): readonly MetricFamily[]
  tables(): readonly TextTable[]
  readonly charts: readonly ChartSpec[]
}

export function clusterFigures(view: () => ClusterView | null): ClusterFigures {
  return {
    families: () => {
      const now = view()
      return now === null ? [] : familiesOf(now)
    },
    charts: [
      {
        title: 'Cluster: records of announces',
        unit: 'per second',
        series: [
          { title: 'sent', metric: RECORDS, labels: { direction: 'out' }, show: 'rate' },
          { title: 'received', metric: RECORDS, labels: { direction: 'in' }, show: 'rate' },
        ],
      },
    ],
    tables: () => {
      const now = view()
      if (now === null) return []
      const { webtorrent } = now
      return [tableOf(now), ...(webtorrent === null ? [] : [webtorrentTable(webtorrent)])]
    },
  }
}

function tableOf(view: ClusterView): TextTable {
  return {
    title: `Cluster: other nodes (this one: ${stateOf(view)})`,
    head: ['node', 'state', 'seconds late', 'seconds silent', 'batches missing', 'records'],
    rows: view.nodes.map(({ name, state, lag, silence, missing, counts }) => [
      ...[name, state, (lag / 1000).toFixed(1), (silence / 1000).toFixed(1)],
      ...[missing, counts.records],
    ]),
  }
}

function webtorrentTable({ nodes, peers }: SharingView): TextTable {
  return {
    title: `Cluster: WebTorrent of other nodes (${peers} peers)`,
    head: ['node', 'state', 'seconds silent', 'complete', 'records'],
    rows: nodes.map(({ name, state, silence, isWhole, records }) => [
      ...[name, state, (silence / 1000).toFixed(1), isWhole ? 'yes' : 'no', records],
    ]),
  }
}

const STATES: Readonly<Record<ClusterView['state'], string>> = {
  offline: 'not connected',
  listening: 'about to join',
  joined: 'joined',
  taken: 'its name is used by another',
}

function stateOf({ state, refusals, isCatchingUp }: ClusterView): string {
  if (state !== 'offline' && refusals.length > 0) return `${STATES[state]}, refused by the server`
  return isCatchingUp ? `${STATES[state]}, catching up` : STATES[state]
}

function familiesOf(view: ClusterView): MetricFamily[] {
  const { nodes, sent, messages } = view
  const received = sum(nodes, ({ counts }) => counts.records)
  return [
    ...stateFamilies(view),
    counterFamily(RECORDS, 'Records of announces, to and from other nodes.', [
      [{ direction: 'out' }, sent.records],
      [{ direction: 'in' }, received],
    ]),
    counterFamily(`${PREFIX}_batches_total`, 'Batches of records.', [
      [{ direction: 'out' }, sent.batches],
      [{ direction: 'out_again' }, sent.again],
      [{ direction: 'in' }, sum(nodes, ({ counts }) => counts.batches)],
    ]),
    counterFamily(`${PREFIX}_received_bytes_total`, 'Bytes of all messages from other nodes.', [
      [{}, messages.bytes],
    ]),
    counterFamily(
      `${PREFIX}_unsent_batches_total`,
      'Batches for which there was no connection or no room; others ask for them.',
      [[{}, sent.unsent]],
    ),
    counterFamily(
      `${PREFIX}_lost_records_total`,
      'Records of this node that found no room before they could be sent; others ask for all.',
      [[{}, sent.lost]],
    ),
    counterFamily(
      `${PREFIX}_untold_peers_total`,
      'Peers that left and came back more often within seconds than can be told.',
      [[{}, view.untold]],
    ),
    counterFamily(
      `${PREFIX}_applied_records_total`,
      'Records of other nodes, by what became of them.',
      [
        ...Object.entries(view.applied).map(
          ([result, count]): LabelledValue => [{ result: snake(result) }, count],
        ),
      ],
    ),
    counterFamily(`${PREFIX}_refused_messages_total`, 'Messages that were not used, by reason.', [
      ...Object.entries(view.results)
        .filter(([reason]) => reason !== 'good')
        .map(([reason, count]): LabelledValue => [{ reason }, count]),
      [{ reason: 'known' }, sum(nodes, ({ counts }) => counts.known)],
      [{ reason: 'other_start' }, sum(nodes, ({ counts }) => counts.otherStart)],
      [{ reason: 'over_limit' }, sum(nodes, ({ counts }) => counts.overLimit)],
      [{ reason: 'bad_control' }, messages.badControls],
      [{ reason: 'too_long' }, view.tooLong],
      [{ reason: 'stranger' }, messages.strangers],
      [{ reason: 'too_many_nodes' }, messages.tooManyNodes],
    ]),
    ...catchUpFamilies(view),
    ...nodeFamilies(nodes),
    ...(view.webtorrent === null ? [] : webtorrentFamilies(view.webtorrent)),
  ]
}

function catchUpFamilies({ asked, answered }: ClusterView): MetricFamily[] {
  return [
    counterFamily(
      `${PREFIX}_catch_ups_total`,
      'Walks through all swarms, for what can no longer be sent again.',
      [
        [{ part: 'asked' }, asked.walks],
        [{ part: 'failed' }, asked.failed],
        [{ part: 'answered' }, answered.walks],
        [{ part: 'busy' }, answered.busy],
      ],
    ),
    counterFamily(
      `${PREFIX}_held_requests_total`,
      'Requests for what was missed of nodes that had asked for more than their share.',
      [[{}, answered.held]],
    ),
  ]
}

function stateFamilies(view: ClusterView): MetricFamily[] {
  return [
    gaugeFamily(`${PREFIX}_connected`, 'Whether a NATS server is connected.', [
      [{}, view.state === 'offline' ? 0 : 1],
    ]),
    gaugeFamily(
      `${PREFIX}_joined`,
      'Whether this node shares its peers; not while another has its name.',
      [[{}, view.state === 'joined' ? 1 : 0]],
    ),
    gaugeFamily(
      `${PREFIX}_refusals`,
      'What the NATS server refuses although it is connected: subjects, as a rule.',
      [[{}, view.refusals.length]],
    ),
    gaugeFamily(`${PREFIX}_catching_up`, 'Whether another node walks through all for this one.', [
      [{}, view.isCatchingUp ? 1 : 0],
    ]),
    counterFamily(`${PREFIX}_apply_seconds_total`, 'Time spent on applying records of others.', [
      [{}, view.applyTime / 1000],
    ]),
  ]
}

function nodeFamilies(nodes: readonly NodeView[]): MetricFamily[] {
  const each = (value: (node: NodeView) => number): LabelledValue[] =>
    nodes.map((node) => [{ node: node.name }, value(node)])
  return [
    gaugeFamily(
      `${PREFIX}_node_up`,
      'Whether a node is heard.',
      each(({ state }) => (state === 'heard' ? 1 : 0)),
    ),
    gaugeFamily(
      NODE_LAG,
      'How much longer the last message of a node took than its fastest.',
      each(({ lag }) => lag / 1000),
    ),
    gaugeFamily(
      `${PREFIX}_node_silence_seconds`,
      'Time since a node was heard.',
      each(({ silence }) => silence / 1000),
    ),
    gaugeFamily(
      `${PREFIX}_node_missing_batches`,
      'Batches of a node that have not come yet.',
      each(({ missing }) => missing),
    ),
    counterFamily(
      NODE_RECORDS,
      'Records from a node.',
      each(({ counts }) => counts.records),
    ),
    counterFamily(
      `${PREFIX}_node_gaps_total`,
      'Gaps that were noticed in what a node sent.',
      each(({ counts }) => counts.gaps),
    ),
  ]
}

const RELAYED = `${PREFIX}_webtorrent_relayed_total`

/** Of WebTorrent, whose peers are not told as announces. */
function webtorrentFamilies(view: SharingView): MetricFamily[] {
  const { relayed, records, syncs } = view
  const byReason = (counts: Readonly<Record<string, number>>): LabelledValue[] =>
    Object.entries(counts).map(([reason, count]) => [{ reason: snake(reason) }, count])
  return [
    gaugeFamily(`${PREFIX}_webtorrent_peers`, 'WebTorrent peers of other nodes.', [
      [{}, view.peers],
    ]),
    counterFamily(
      `${PREFIX}_webtorrent_records_total`,
      'Records of WebTorrent peers that came, changed their role or left.',
      [
        [{ direction: 'out' }, records.out],
        [{ direction: 'in' }, records.in],
      ],
    ),
    counterFamily(RELAYED, 'Offers and answers that were passed on to and from other nodes.', [
      [{ direction: 'out', type: 'offer' }, relayed.offersOut],
      [{ direction: 'out', type: 'answer' }, relayed.answersOut],
      [{ direction: 'in', type: 'offer' }, relayed.offersIn],
      [{ direction: 'in', type: 'answer' }, relayed.answersIn],
    ]),
    counterFamily(
      `${PREFIX}_webtorrent_dropped_total`,
      'Offers and answers to and from other nodes that were not passed on, by reason.',
      byReason(view.droppedRelays),
    ),
    counterFamily(
      `${PREFIX}_webtorrent_refused_messages_total`,
      'Other messages about WebTorrent that were not used, by reason.',
      byReason(view.refused),
    ),
    counterFamily(
      `${PREFIX}_webtorrent_refused_peers_total`,
      'WebTorrent peers of other nodes that were not stored, by reason.',
      byReason(view.refusedPeers),
    ),
    counterFamily(
      `${PREFIX}_webtorrent_full_copies_total`,
      'How often all peers of a node were asked for, because something was missing.',
      [
        [{ part: 'asked' }, syncs.asked],
        [{ part: 'answered' }, syncs.answered],
      ],
    ),
  ]
}

function sum(nodes: readonly NodeView[], value: (node: NodeView) => number): number {
  return nodes.reduce((total, node) => total + value(node), 0)
}

/** As labels are written. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
