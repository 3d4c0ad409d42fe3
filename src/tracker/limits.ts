// The troubles of a tracker whose swarms are full: announces that the limits refuse. Used by the protocols'
// troubles.ts.
import { lossSource } from '../process/losses.ts'
import type { TroubleSource } from '../process/troubles.ts'

/** Counters of the protocol, since startup. */
type FullCounter =
  | 'requests_announce'
  | 'rejected_torrents_full'
  | 'rejected_peers_full'
  | 'rejected_torrent_ration'
  | 'rejected_peer_ration'

/** The limits in force. */
interface MemoryLimits {
  readonly max_torrents: number
  readonly max_peers: number
}

const REMEDY =
  'Known torrents and peers are served as before. Raise the limit if there is memory ' +
  '(docs/operations.md, «Sizes»), or find out who fills it.'

export function fullSources(
  of: (name: FullCounter) => number,
  limits: () => MemoryLimits,
): TroubleSource[] {
  const shared = {
    all: () => of('requests_announce'),
    from: 0,
    what: 'announce',
    remedy: () => REMEDY,
  }
  return [
    lossSource({
      ...shared,
      name: 'torrents_full',
      lost: () => of('rejected_torrents_full'),
      text: (figure, when) =>
        `Refused ${figure} ${when} for new torrents: [limits] max_torrents = ` +
        `${limits().max_torrents} is reached.`,
    }),
    lossSource({
      ...shared,
      name: 'peers_full',
      lost: () => of('rejected_peers_full'),
      text: (figure, when) =>
        `Refused ${figure} ${when} for new peers: [limits] max_peers = ${limits().max_peers} is reached.`,
    }),
    lossSource({
      ...shared,
      name: 'torrents_rationed',
      lost: () => of('rejected_torrent_ration'),
      text: (figure, when) =>
        `Refused ${figure} ${when} for new torrents: [limits] max_torrents = ` +
        `${limits().max_torrents} is nearly reached, and the rest is shared out.`,
    }),
    lossSource({
      ...shared,
      name: 'peers_rationed',
      lost: () => of('rejected_peer_ration'),
      text: (figure, when) =>
        `Refused ${figure} ${when} for new peers: [limits] max_peers = ${limits().max_peers} is ` +
        'nearly reached, and the rest is shared out.',
    }),
  ]
}
