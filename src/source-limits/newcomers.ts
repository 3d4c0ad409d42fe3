// What one source may add: new torrents per second, and its share of the remaining room when torrents or peers
// are nearly used up. The swarms ask it before they add something (swarm/admission.ts); source-limits.ts and
// ws/worker/request-limits.ts extend it with the counters of a source.
import { PLENTY, type SourceGate } from '../swarm/admission.ts'
import type { Peer } from '../swarm/peers/peer.ts'
import { ANNOUNCED, GATED, PEERS_RATIONED, TORRENTS_RATIONED } from '../swarm/status.ts'
import { SECOND, type SourceCounterData, SourceCounters } from './source-counters.ts'

/** How much may come at once, as time. A starting client announces everything it has. */
const NEW_TORRENT_BURST = 60 * SECOND

/**
 * When torrents or peers are scarce, a source gets this part of the remaining room at once, and again each
 * minute.
 */
const RATION = 16
const RATION_BURST = NEW_TORRENT_BURST

/** An IPv6 /48 may do this many times (a power of two) as much as an address: docs/operations.md, «Abuse». */
const NETWORK_SHARE_SHIFT = 2
export const NETWORK_SHARE = 1 << NETWORK_SHARE_SHIFT

/** Where the counters of new torrents and peers are among those of a source. */
export interface NewcomerPlaces {
  readonly torrents: number
  readonly peers: number
}

export abstract class Newcomers extends SourceCounters implements SourceGate {
  /** As time; 0 = no limit. */
  protected newTorrentCost = 0
  private readonly places: NewcomerPlaces

  constructor(data: SourceCounterData, places: NewcomerPlaces) {
    super(data)
    this.places = places
  }

  // HOT: no allocation below this line.

  /** Makes the address of a peer the current source; false if it is not limited. */
  protected abstract openSource(peer: Peer): boolean

  /** The same for the address's IPv6 /48; false for IPv4. */
  protected abstract openNetworkOf(peer: Peer): boolean

  /** Called when the current source has brought more new torrents than it usually may. */
  protected abstract refusedNewTorrent(peer: Peer, cost: number): void

  /**
   * Whether a source may add a new torrent: ANNOUNCED, GATED or TORRENTS_RATIONED. `left`: how many there is
   * room for, or PLENTY.
   */
  newTorrent(peer: Peer, left: number): number {
    const usual = this.newTorrentCost
    const ration = rationOf(left)
    const cost = ration > usual ? ration : usual
    if (cost === 0 || !this.openSource(peer)) return ANNOUNCED
    const place = this.places.torrents
    if (!this.chargeSource(place, cost, NEW_TORRENT_BURST)) {
      // Nobody is banned merely because room is scarce.
      if (ration > usual) return TORRENTS_RATIONED
      this.refusedNewTorrent(peer, cost)
      return GATED
    }
    if (this.chargeNetwork(peer, place, cost)) return ANNOUNCED
    return ration > usual ? TORRENTS_RATIONED : GATED
  }

  /** Whether it may add a peer when little room is `left`: ANNOUNCED or PEERS_RATIONED. */
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

/** The cost of one, as time, at least the smallest unit; 0 = no limit. */
export function costOf(rate: number, second: number): number {
  return rate === 0 ? 0 : Math.max(1, Math.round(second / rate))
}

/** The cost of one when there is room for `left` more; 0 as long as there is plenty. */
function rationOf(left: number): number {
  if (left === PLENTY) return 0
  // At least one a minute, even of the last ones.
  return left <= RATION ? RATION_BURST : Math.ceil((RATION_BURST * RATION) / left)
}
