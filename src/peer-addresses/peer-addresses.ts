// Which peers are stored, and under which address: those that nobody can reach are not, and those of the site's own
// network are stored with its external address. Called by requests/responder.ts for each announce. One per worker;
// the time of the last public peer is shared by all of them.
//
// A private address is good for those in the same network only. Where nobody else announces, it is stored: that is
// a LAN, or a developer's machine. Once a peer with a public address announces, those peers are no longer given to
// others. Both per address family, since peers of one never meet those of the other.
//
//  shared memory: second of the clock of the last public peer, IPv4 │ … IPv6, in cache lines of their own
import { Peer } from '../swarm/peers/peer.ts'
import { ANNOUNCED, PRIVATE_ADDRESS, RESERVED_ADDRESS } from '../swarm/status.ts'
import { readPlainAddress } from '../tcp/address-text.ts'
import { Networks } from '../tcp/networks.ts'
import { classOf, PRIVATE, PUBLIC } from './address-class.ts'
import type { SourceWatch } from './source-watch.ts'

/** A cache line each. */
const LAST_IPV4 = 0
const LAST_IPV6 = 16
const SHARED_WORDS = 32
/** Each worker writes the time this often (seconds): others read the line. */
const NOTE_SEC = 16

export type PrivatePeers = 'auto' | 'store' | 'refuse'

/** Settings. They can change at runtime. */
export interface PeerAddressRules {
  readonly privatePeers: PrivatePeers
  readonly storesReserved: boolean
  /** Networks whose peers are stored with the external address; */
  readonly internal: readonly string[]
  /** '' for a family that has none. */
  readonly externalIPv4: string
  readonly externalIPv6: string
}

/** Called once per process. */
export function createPublicPeers(): SharedArrayBuffer {
  return new SharedArrayBuffer(SHARED_WORDS * 4)
}

/** False if there is none: `text` is empty. */
function readExternal(target: Peer, ipv4: boolean, text: string): boolean {
  const bytes = Buffer.from(text)
  return readPlainAddress(target, ipv4, bytes, 0, bytes.length)
}

export class PeerAddresses {
  /** Watches those that have private addresses; null if nobody does. */
  sources: SourceWatch | null = null
  private readonly last: Int32Array
  /** Null if none are named. */
  private internal: Networks | null = null
  private readonly externalIPv4 = new Peer()
  private readonly externalIPv6 = new Peer()
  private mapsIPv4 = false
  private mapsIPv6 = false
  private storesReserved = false
  private storesPrivate = false
  /** Private peers are stored as long as there are no public ones. */
  private isAuto = false
  /** The second after which this worker notes a public peer again. */
  private nextIPv4 = -1
  private nextIPv6 = -1
  private maxAge = 0
  private now = 0

  /** `shared`: see createPublicPeers. `maxPeerAge`: in seconds. */
  constructor(shared: SharedArrayBuffer, rules: PeerAddressRules, maxPeerAge: number) {
    this.last = new Int32Array(shared)
    this.configure(rules, maxPeerAge)
  }

  /** Also at runtime. */
  configure(rules: PeerAddressRules, maxPeerAge: number): void {
    this.maxAge = maxPeerAge
    this.isAuto = rules.privatePeers === 'auto'
    this.storesPrivate = rules.privatePeers === 'store'
    this.storesReserved = rules.storesReserved
    this.internal = rules.internal.length === 0 ? null : new Networks(rules.internal)
    this.mapsIPv4 = readExternal(this.externalIPv4, true, rules.externalIPv4)
    this.mapsIPv6 = readExternal(this.externalIPv6, false, rules.externalIPv6)
  }

  // HOT: no allocation below this line.

  /** Sets the time (seconds of the monotonic clock) for the peers that follow. */
  setTime(now: number): void {
    this.now = now
  }

  /**
   * ANNOUNCED if the peer is stored; its address is then the external one if it comes from inside. Otherwise why
   * not.
   */
  place(peer: Peer): number {
    const internal = this.internal
    if (internal !== null && (peer.ipv4 ? this.mapsIPv4 : this.mapsIPv6) && internal.has(peer)) {
      peer.setAddress(peer.ipv4 ? this.externalIPv4 : this.externalIPv6)
      return ANNOUNCED
    }
    return this.judge(peer)
  }

  /** ANNOUNCED if a peer is stored whose address has been placed already, by another node. Otherwise why not. */
  judge(peer: Peer): number {
    switch (classOfPeer(peer)) {
      case PUBLIC:
        if (this.isAuto && this.now > (peer.ipv4 ? this.nextIPv4 : this.nextIPv6)) {
          this.notePublic(peer.ipv4)
        }
        return ANNOUNCED
      case PRIVATE:
        this.sources?.noteClient(peer, peer.port)
        return this.takesPrivate(peer.ipv4) ? ANNOUNCED : PRIVATE_ADDRESS
      default:
        return this.storesReserved ? ANNOUNCED : RESERVED_ADDRESS
    }
  }

  /** Whether the peer of a client at `source` may be stored with another address that it names. */
  takesClaim(claimed: Peer, source: Peer): boolean {
    if (this.internal?.has(claimed)) return false
    switch (classOfPeer(claimed)) {
      case PUBLIC:
        return true
      case PRIVATE:
        if (this.storesPrivate) return true
        return classOfPeer(source) !== PUBLIC && this.takesPrivate(claimed.ipv4)
      default:
        return this.storesReserved
    }
  }

  private takesPrivate(ipv4: boolean): boolean {
    if (!this.isAuto) return this.storesPrivate
    const last = Atomics.load(this.last, ipv4 ? LAST_IPV4 : LAST_IPV6)
    return last === 0 || this.now - last > this.maxAge + NOTE_SEC
  }

  private notePublic(ipv4: boolean): void {
    Atomics.store(this.last, ipv4 ? LAST_IPV4 : LAST_IPV6, this.now)
    if (ipv4) this.nextIPv4 = this.now + NOTE_SEC
    else this.nextIPv6 = this.now + NOTE_SEC
  }
}

function classOfPeer({ ipv4, a0, a1, a2, a3 }: Peer): number {
  return classOf(ipv4, a0, a1, a2, a3)
}
