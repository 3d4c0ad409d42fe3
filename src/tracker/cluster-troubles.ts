// What goes wrong between the nodes of a cluster, as an operator reads it. Used by cluster.ts.
import type { ClusterView } from '../cluster/view.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'

/** A restart of an engine or a node is over by then. */
const SILENT_MILLISECONDS = 30_000
const OFFLINE_LOOKS = 30
const LAG_MILLISECONDS = 5000

export function clusterTroubles(view: () => ClusterView | null): readonly TroubleSource[] {
  let offline = 0
  const find = (): Trouble | null => {
    const now = view()
    offline = now?.state === 'offline' ? offline + 1 : 0
    if (now === null) return null
    if (now.state === 'taken') return TAKEN
    if (offline >= OFFLINE_LOOKS) return unreachable(now.reason)
    return nodeTrouble(now)
  }
  return [
    { name: 'cluster', find },
    { name: 'cluster_refusal', find: () => refusal(view()) },
    { name: 'cluster_version', find: () => otherVersion(view()) },
  ]
}

const TAKEN: Trouble = {
  severity: 'bad',
  text: 'Another node has the name of this one, so this one shares no peers.',
  remedy: 'Give each node a [cluster] node of its own, and restart this one.',
}

function unreachable(reason: string): Trouble {
  return {
    severity: 'attention',
    text: `No NATS server of the cluster can be used${reason === '' ? '' : `: ${reason}`}.`,
    remedy:
      'Clients get the peers of this node alone. Check the server, and [cluster] servers and credentials.',
  }
}

function refusal(view: ClusterView | null): Trouble | null {
  if (view === null || view.state === 'offline' || view.refusals.length === 0) return null
  const [first, ...others] = view.refusals
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return {
    severity: 'bad',
    text: `The NATS server refuses what this node needs: ${first}${more}.`,
    remedy:
      'Peers are not shared as they should be. Give its account the permissions in docs/cluster.md.',
    isLogged: true,
  }
}

function nodeTrouble({ nodes }: ClusterView): Trouble | null {
  const silent = nodes.filter(
    ({ state, silence }) => state === 'silent' && silence >= SILENT_MILLISECONDS,
  )
  if (silent.length > 0) {
    const [{ silence }] = silent
    return {
      severity: 'attention',
      text: `Nothing has come from ${namesOf(silent)} for ${Math.round(silence / 1000)} s.`,
      remedy:
        'See whether it runs, and whether it reaches its NATS server. Its peers stay until they expire.',
    }
  }
  const late = nodes.filter(({ state, lag }) => state === 'heard' && lag >= LAG_MILLISECONDS)
  if (late.length === 0) return null
  return {
    severity: 'attention',
    text: `What ${namesOf(late)} tells comes ${Math.round(late[0].lag / 1000)} s late.`,
    remedy: 'The NATS server, this node or the network between them has too much to do.',
  }
}

function otherVersion(view: ClusterView | null): Trouble | null {
  const count = view?.results.other_version ?? 0
  if (count === 0) return null
  return {
    severity: 'attention',
    text: `${count} messages of the cluster were of another version, and were not used.`,
    remedy: 'Upgrade the nodes that have not been upgraded yet.',
  }
}

function namesOf(nodes: readonly { readonly name: string }[]): string {
  return nodes.map(({ name }) => name).join(', ')
}
