// What one source may add: new torrents per second, and its part of what is left when torrents or peers are
// nearly used up. The gate of the swarms (swarm/admission.ts): source-limits.ts and ws/worker/request-limits.ts
// know which counters a source has. Owns the rules, and what a new torrent costs.
import { PLENTY, type SourceGate } from '../swarm/admission.ts'
import type { Peer } from '../swarm/peers/peer.ts'
import { ANNOUNCED, GATED, PEERS_RATIONED, TORRENTS_RATIONED } from '../swarm/status.ts'
import { SECOND, type SourceCounterData, SourceCounters } from './source-counters.ts'

/** What may come at once, in time. A client that starts announces everything it has. */
const NEW_TORRENT_BURST = 60 * SECOND

/** When torrents or peers are scarce a source gets this part of what is left at once, and again each minute. */
const RATION = 16
const RATION_BURST = NEW_TORRENT_BURST

/** An IPv6 /48 may do so much more than an address, a power of two: docs/operations.md, «Abuse». */
const NETWORK_SHARE_SHIFT = 2
export const NETWORK_SHARE = 1 << NETWORK_SHARE_SHIFT

/** Where the counters of what is new stand among those of a source. */
export interface NewcomerPlaces {
  readonly torrents: number
  readonly peers: number
}

export abstract class Newcomers extends SourceCounters implements SourceGate {
  /** In time; 0 = no limit. */
  protected newTorrentCost = 0
  private readonly places: NewcomerPlaces

  constructor(data: SourceCounterData, places: NewcomerPlaces) {
    super(data)
    this.places = places
  }

  // HOT: no allocation below this line.

  /** Makes the address that a peer comes from the source in hand; false when it is not limited. */
  protected abstract openSource(peer: Peer): boolean

  /** The same for the IPv6 /48 that it is in; false for IPv4. */
  protected abstract openNetworkOf(peer: Peer): boolean

  /** The source in hand has brought more new torrents than it usually may. */
  protected abstract refusedNewTorrent(peer: Peer, cost: number): void

  /**
   * Whether a source may bring a torrent that nobody else has: ANNOUNCED, GATED or TORRENTS_RATIONED.
   * `left`: for how many there is room, or PLENTY.
   */
  newTorrent(peer: Peer, left: number): number {
    const usual = this.newTorrentCost
    const ration = rationOf(left)
    const cost = ration > usual ? ration : usual
    if (cost === 0 || !this.openSource(peer)) return ANNOUNCED
    const place = this.places.torrents
    if (!this.chargeSource(place, cost, NEW_TORRENT_BURST)) {
      // Nobody is banned for taking what others have left.
      if (ration > usual) return TORRENTS_RATIONED
      this.refusedNewTorrent(peer, cost)
      return GATED
    }
    if (this.chargeNetwork(peer, place, cost)) return ANNOUNCED
    return ration > usual ? TORRENTS_RATIONED : GATED
  }

  /** Whether it may add a peer to a torrent, where little room is `left`: ANNOUNCED or PEERS_RATIONED. */
  newPeer(peer: Peer, left: number): number {
    const cost = rationOf(left)
    if (cost === 0 || !this.openSource(peer)) return ANNOUNCED
    const place = this.places.peers
    if (!this.chargeSource(place, cost, RATION_BURST)) return PEERS_RATIONED
    return this.chargeNetwork(peer, place, cost) ? ANNOUNCED : PEERS_RATIONED
  }

  /** Charges the /48 for something that costs an address `cost`. */
  private chargeNetwork(peer: Peer, place: number, cost: number): boolean {
    if (!this.openNetworkOf(peer)) return true
    const share = cost >>> NETWORK_SHARE_SHIFT
    return this.chargeSource(place, share === 0 ? 1 : share, NEW_TORRENT_BURST)
  }
}

/** What one costs, in time; at least the smallest unit. 0 for no limit. */
export function costOf(rate: number, second: number): number {
  return rate === 0 ? 0 : Math.max(1, Math.round(second / rate))
}

/** What one costs when there is room for `left` more; 0 as long as there is plenty. */
function rationOf(left: number): number {
  if (left === PLENTY) return 0
  // At least one a minute, of the last as well.
  return left <= RATION ? RATION_BURST : Math.ceil((RATION_BURST * RATION) / left)
}
