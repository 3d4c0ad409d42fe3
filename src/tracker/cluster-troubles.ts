// What goes wrong between the nodes of a cluster, as an operator reads it. Used by cluster.ts.
import { remedyOf } from '../cluster/telling.ts'
import type { ClusterView } from '../cluster/view.ts'
import { grouped } from '../metrics/text-table.ts'
import { Growth } from '../process/losses.ts'
import type { Trouble, TroubleSource } from '../process/troubles.ts'

/** A restart of an engine or a node is over by then. */
const SILENT_MILLISECONDS = 30_000
const OFFLINE_LOOKS = 30
/** A process that takes over has the name of the one before it, and waits. */
const TAKEN_LOOKS = 10
const LAG_MILLISECONDS = 5000
/** In one sentence. */
const NAMES_MAX = 5

export function clusterTroubles(view: () => ClusterView | null): readonly TroubleSource[] {
  let offline = 0
  let taken = 0
  const find = (): Trouble | null => {
    const now = view()
    offline = now?.state === 'offline' ? offline + 1 : 0
    taken = isWithoutName(now) ? taken + 1 : 0
    if (now === null) return null
    if (taken >= TAKEN_LOOKS) return TAKEN
    if (offline >= OFFLINE_LOOKS) return unreachable(now.reason)
    return nodeTrouble(now)
  }
  return [
    { name: 'cluster', find },
    { name: 'cluster_refusal', find: () => refusal(view()) },
    { name: 'cluster_version', find: otherVersion(view) },
    { name: 'cluster_limit', find: overLimit(view) },
  ]
}

const TAKEN: Trouble = {
  severity: 'bad',
  text: 'Another node has the name of this one, so this one shares no peers.',
  remedy: 'Give each node a [cluster] node of its own; it joins by itself once the name is free.',
  isLogged: true,
}

function unreachable(reason: string): Trouble {
  return {
    severity: 'attention',
    text: `No NATS server of the cluster can be used${reason === '' ? '' : `: ${reason}`}.`,
    remedy: `Clients get the peers of this node alone. ${remedyOf(reason)}.`,
    isLogged: true,
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

function otherVersions(view: ClusterView | null): number {
  return (view?.results.other_version ?? 0) + (view?.webtorrent?.refused.other_version ?? 0)
}

function otherVersion(view: () => ClusterView | null): () => Trouble | null {
  const messages = new Growth()
  return () => {
    const count = messages.since(otherVersions(view()))
    if (count === 0) return null
    return {
      severity: 'attention',
      text: `${grouped(count)} messages of the cluster were of another version in the last minute, and were not used.`,
      remedy: 'Upgrade the nodes that have not been upgraded yet.',
    }
  }
}

function ofWebTorrent(view: ClusterView['webtorrent']): number {
  return (view?.refused.overLimit ?? 0) + (view?.droppedRelays.overLimit ?? 0)
}

/** No node of ours reaches these limits. */
function overLimit(view: () => ClusterView | null): () => Trouble | null {
  const messages = new Growth()
  const requests = new Growth()
  return () => {
    const { nodes = [], messages: counts, answered, webtorrent = null } = view() ?? {}
    const sent = nodes.reduce((sum, node) => sum + node.counts.overLimit, counts?.tooManyNodes ?? 0)
    const left = messages.since(sent + ofWebTorrent(webtorrent))
    const held = requests.since(answered?.held ?? 0)
    if (left === 0 && held === 0) return null
    const names = namesOf(nodes.filter((node) => node.counts.overLimit > 0))
    return {
      severity: 'attention',
      text: `Other nodes send more than nodes have reason to${names === '' ? '' : ` (${names})`}: in the last minute ${grouped(left)} messages were left out, and ${grouped(held)} requests had to wait.`,
      remedy:
        'If one was broken into, take its account away on the NATS servers. Otherwise this machine is too slow for them.',
    }
  }
}

/** Also while it listens whether the name has become free. */
function isWithoutName(view: ClusterView | null): boolean {
  return view !== null && view.state !== 'offline' && view.isNameTaken
}

function namesOf(nodes: readonly { readonly name: string }[]): string {
  const names = nodes.slice(0, NAMES_MAX).map(({ name }) => name)
  const more = nodes.length - names.length
  return `${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`
}
