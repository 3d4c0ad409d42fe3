// A protocol's place among those that a process serves. Used by tracker.ts at startup.
import type { PeerKindName } from '../swarm/layout.ts'
import type { Notices, ProtocolPlace, ProtocolPlan, ProtocolType } from './protocol.ts'

export interface PlannedProtocol {
  readonly type: Pick<ProtocolType<never>, 'kinds'>
  readonly plan: Pick<ProtocolPlan<never>, 'descriptors' | 'connections'>
}

export interface PlaceOptions {
  /** Which of all it is. */
  readonly index: number
  /** So many the system allows the process. */
  readonly descriptors: number
  readonly tell: Notices
}

export function placeOf(
  all: readonly PlannedProtocol[],
  { index, descriptors, tell }: PlaceOptions,
): ProtocolPlace {
  const { kinds } = all[index].type
  const sharing = all.map(({ type }) => type.kinds.some((kind) => kinds.includes(kind)))
  return {
    title: '',
    name: '',
    sharesSwarms: sharing.filter((shares) => shares).length > 1,
    tendsSwarms: sharing.indexOf(true) === index,
    isFirst: index === 0,
    possibleConnections: connectionShares(all, descriptors)[index],
    tell,
  }
}

/**
 * How many connections each may have: where there are descriptors for all, as many as it wants; else what is there
 * is shared out evenly, but nobody gets more than it wants. At least one each.
 */
function connectionShares(all: readonly PlannedProtocol[], descriptors: number): number[] {
  let left = all.reduce((sum, { plan }) => sum - plan.descriptors, descriptors)
  const shares = all.map(() => 0)
  const inOrder = all
    .map(({ plan }, index) => ({ wanted: plan.connections, index }))
    .filter(({ wanted }) => wanted > 0)
    .sort((a, b) => a.wanted - b.wanted)
  for (const [i, { wanted, index }] of inOrder.entries()) {
    shares[index] = Math.max(1, Math.min(wanted, Math.floor(left / (inOrder.length - i))))
    left -= shares[index]
  }
  return shares
}

export function kindsOf(types: readonly Pick<ProtocolType<never>, 'kinds'>[]): PeerKindName[] {
  return [...new Set(types.flatMap(({ kinds }) => kinds))]
}
