// The troubles of a tracker whose swarms are full: which announces the limits turn away. Used by the
// protocols' troubles.ts. Owns nothing.
import { lossSource } from '../process/losses.ts'
import type { TroubleSource } from '../process/troubles.ts'

/** Counts are since the start. */
export interface FullCounts {
  readonly announces: () => number
  readonly torrentsFull: () => number
  readonly peersFull: () => number
  /** Those that a source is refused because it has had its share of the little that is left. */
  readonly torrentsRationed?: () => number
  readonly peersRationed?: () => number
  /** Those in force. */
  readonly limits: () => { readonly max_torrents: number; readonly max_peers: number }
}

const REMEDY =
  'What is known is served as before. Raise the limit if there is memory (docs/operations.md, «Sizes»), ' +
  'or look for who fills it.'

export function fullSources(counts: FullCounts): TroubleSource[] {
  const { announces, torrentsFull, peersFull, limits } = counts
  const { torrentsRationed = none, peersRationed = none } = counts
  const shared = { all: announces, from: 0, what: 'announce', remedy: () => REMEDY }
  return [
    lossSource({
      ...shared,
      name: 'torrents_full',
      lost: torrentsFull,
      text: (figure, when) =>
        `Refused ${figure} ${when} for new torrents: [limits] max_torrents = ` +
        `${limits().max_torrents} is reached.`,
    }),
    lossSource({
      ...shared,
      name: 'peers_full',
      lost: peersFull,
      text: (figure, when) =>
        `Refused ${figure} ${when} of new peers: [limits] max_peers = ${limits().max_peers} is reached.`,
    }),
    lossSource({
      ...shared,
      name: 'torrents_rationed',
      lost: torrentsRationed,
      text: (figure, when) =>
        `Refused ${figure} ${when} for new torrents: [limits] max_torrents = ` +
        `${limits().max_torrents} is nearly reached, and the rest is shared out.`,
    }),
    lossSource({
      ...shared,
      name: 'peers_rationed',
      lost: peersRationed,
      text: (figure, when) =>
        `Refused ${figure} ${when} of new peers: [limits] max_peers = ${limits().max_peers} is ` +
        'nearly reached, and the rest is shared out.',
    }),
  ]
}

function none(): number {
  return 0
}
