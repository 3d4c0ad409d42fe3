// A protocol's place among those that one process serves. Used by tracker.ts at the start. Pure functions.
import type { PeerKindName } from '../swarm/layout.ts'
import type { Notices, ProtocolPlace, ProtocolPlan, ProtocolType } from './protocol.ts'

export interface PlannedProtocol {
  readonly type: Pick<ProtocolType<never>, 'kinds'>
  readonly plan: Pick<ProtocolPlan<never>, 'descriptors'>
}

/** Of number `index` among `all`. */
export function placeOf(
  all: readonly PlannedProtocol[],
  index: number,
  tell: Notices,
): ProtocolPlace {
  const { kinds } = all[index].type
  const sharing = all.map(({ type }) => type.kinds.some((kind) => kinds.includes(kind)))
  const others = all.filter((_, other) => other !== index)
  return {
    title: '',
    sharesSwarms: sharing.filter((shares) => shares).length > 1,
    tendsSwarms: sharing.indexOf(true) === index,
    isFirst: index === 0,
    otherDescriptors: others.reduce((sum, { plan }) => sum + plan.descriptors, 0),
    tell,
  }
}

export function kindsOf(types: readonly Pick<ProtocolType<never>, 'kinds'>[]): PeerKindName[] {
  return [...new Set(types.flatMap(({ kinds }) => kinds))]
}
