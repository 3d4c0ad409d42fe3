// What the cluster's thread shows the main thread once a second, as plain data: made in worker.ts, shown by
// tracker/cluster.ts and cluster-figures.ts.
import type { ApplyCounts } from './apply.ts'
import type { Link } from './link.ts'
import type { Node } from './nodes.ts'
import type { PresenceState } from './presence.ts'
import type { SharingView } from './sharing.ts'
import { BATCH_RESULTS } from './unpack.ts'

export interface NodeView {
  readonly name: string
  readonly state: 'heard' | 'silent' | 'left'
  /** Milliseconds that its last batch or beat took longer than its fastest. */
  readonly lag: number
  /** Milliseconds since it was heard last. */
  readonly silence: number
  /** Batches that are missing. */
  readonly missing: number
  readonly counts: Readonly<Node['counts']>
}

export interface ClusterView {
  readonly state: PresenceState
  /** Another node has this one's name, or had it a moment ago. */
  readonly isNameTaken: boolean
  /** Why there is no connection. */
  readonly reason: string
  /** What the engine refuses although it is connected. */
  readonly refusals: readonly string[]
  /** A node that has just started has not got anything yet, also before it asks. */
  readonly isCatchingUp: boolean
  /** Milliseconds that records of others have taken to apply, so far. */
  readonly applyTime: number
  readonly nodes: readonly NodeView[]
  readonly messages: Readonly<Link['counts']>
  readonly sent: Readonly<Link['sender']['counts']>
  readonly asked: Readonly<Link['asking']['counts']>
  readonly answered: Readonly<Link['answering']['counts']>
  readonly applied: Readonly<ApplyCounts>
  /** See pack.ts. */
  readonly untold: number
  /** Messages that no node can have sent. */
  readonly tooLong: number
  /** Batches and beats by result. */
  readonly results: Readonly<Record<string, number>>
  /** Null where peers have addresses only. */
  readonly webtorrent: SharingView | null
}

/** A message to the main thread has one of the two. */
export interface ClusterReport {
  readonly view?: ClusterView
  readonly tell?: { readonly severity: 'info' | 'warning' | 'error'; readonly text: string }
}

export interface OwnCounts {
  readonly applied: ApplyCounts
  readonly untold: number
  readonly tooLong: number
}

/** `link`: null where no peers have addresses. */
export function viewOf(
  link: Link | null,
  webtorrent: SharingView | null,
  own: OwnCounts,
  now: number,
): ClusterView {
  if (link === null) return viewWithout(webtorrent, own)
  return {
    state: link.state,
    isNameTaken: link.isNameTaken,
    reason: link.watch.reason,
    refusals: [...link.watch.refusals.now],
    isCatchingUp:
      link.asking.isWalking ||
      (link.asking.isNew && link.nodes.heard(now).length > 0) ||
      (webtorrent?.isCatchingUp ?? false),
    applyTime: link.applyTime,
    nodes: link.nodes.all().map((node) => ({
      name: node.name,
      state: node.hasLeft ? 'left' : node.isHeard(now) ? 'heard' : 'silent',
      lag: node.lag,
      silence: now - node.heardAt,
      missing: node.holes.size(),
      counts: node.counts,
    })),
    messages: link.counts,
    sent: link.sender.counts,
    asked: link.asking.counts,
    answered: link.answering.counts,
    ...own,
    results: Object.fromEntries(BATCH_RESULTS.map((name, i) => [name, link.results[i]])),
    webtorrent,
  }
}

/** What nodes that have WebTorrent alone do not count. */
const NO_COUNTS = {
  messages: { messages: 0, bytes: 0, badControls: 0, strangers: 0, tooManyNodes: 0 },
  sent: { batches: 0, records: 0, again: 0, unsent: 0, lost: 0 },
  asked: { requests: 0, walks: 0, parts: 0, failed: 0 },
  answered: { walks: 0, parts: 0, busy: 0, held: 0 },
}
const NO_NODE_COUNTS = { batches: 0, known: 0, otherStart: 0, overLimit: 0 }

/** Of nodes that have WebTorrent alone. */
function viewWithout(webtorrent: SharingView | null, own: OwnCounts): ClusterView {
  const { state = 'offline', reason = '', refusals = [], isCatchingUp = false } = webtorrent ?? {}
  const { nodes = [], isNameTaken = false } = webtorrent ?? {}
  return {
    ...{ state, isNameTaken, reason, refusals, isCatchingUp, webtorrent, ...own, applyTime: 0 },
    nodes: nodes.map(({ name, state, silence, isWhole, records, gaps }) => ({
      ...{ name, state, silence, lag: 0, missing: isWhole ? 0 : 1 },
      counts: { ...NO_NODE_COUNTS, records, gaps },
    })),
    ...NO_COUNTS,
    results: Object.fromEntries(BATCH_RESULTS.map((name) => [name, 0])),
  }
}
