// Carries out announces and scrapes on the swarms of IPv4 and IPv6, for any protocol: access list, which peers
// are kept, the table's lock, the sample of clients, the interval to return. A protocol's respond.ts extends it
// with the code that writes its answers. One per worker that owns or locks the tables.
import type { ClientSample } from '../census/sample.ts'
import type { ClusterNotes } from '../cluster/note.ts'
import type { PeerAddresses } from '../peer-addresses/peer-addresses.ts'
import type { Announce } from '../swarm/announce.ts'
import {
  ANNOUNCED,
  CROWDED,
  NOT_ALLOWED,
  PRIVATE_ADDRESS,
  RESERVED_ADDRESS,
  TURNED_AWAY,
} from '../swarm/status.ts'
import type { Swarms } from '../swarm/swarm.ts'
import type { Table } from '../swarm/table/table.ts'
import { hashInfoHash, INFO_HASH_WORDS } from '../swarm/table/torrents.ts'
import { toldInterval } from './told-interval.ts'

/** The part of a protocol's reused request that the swarms need. */
export interface AnnounceRequest {
  /** If clients are counted, the first two words of the peer id follow the info hash. */
  readonly announce: Announce
}

export abstract class SwarmResponder<R extends AnnounceRequest> {
  readonly counts: Int32Array
  /** Which peers are kept, and under which address; null keeps all as they are. */
  addresses: PeerAddresses | null = null
  /** Samples the clients that announce; null if they are not counted. */
  clients: ClientSample | null = null
  /** Notes what happens, for the other nodes; null without a cluster. */
  notes: ClusterNotes | null = null
  protected readonly swarms: Swarms
  /** Without pressure. */
  protected interval = 0
  /** Percent. */
  private jitter = 0
  private now = 0

  constructor(swarms: Swarms, counts: Int32Array) {
    this.swarms = swarms
    this.counts = counts
  }

  /** In seconds. Also at runtime. */
  setInterval(announceInterval: number, jitterPercent: number): void {
    this.interval = announceInterval
    this.jitter = jitterPercent
  }

  /** Sets the time (seconds of the monotonic clock) for the requests that follow. */
  setTime(now: number): void {
    this.now = now
    this.clients?.setTime(now)
    this.addresses?.setTime(now)
    this.notes?.beginTurn()
    this.swarms.keepsOrder = this.notes !== null
    this.swarms.pressure.look()
  }

  /** Called by a worker that may sleep now. Others begin their next turn at once. */
  endTurn(): void {
    this.notes?.endTurn()
  }

  // HOT: no allocation below this line.

  /**
   * Writes the answer to an announce that is ANNOUNCED or not kept (swarm/status.ts), from the counts and the chosen
   * peers of `swarms`. Called under the lock: the peers are read in place.
   */
  protected abstract announced(request: R, status: number, table: Table): number

  /** Writes the refusal of an announce (refusals.ts). */
  protected abstract refused(request: R, status: number): number

  /** Carries out an announce; returns the result of `announced` or `refused`. */
  announce(request: R): number {
    const { announce } = request
    const { source, infoHash, hash, peer } = announce
    const swarms = this.swarms
    if (swarms.access.forbids(source, infoHash, hash)) return this.refused(request, NOT_ALLOWED)
    const addresses = this.addresses
    let status = addresses === null ? ANNOUNCED : addresses.place(peer)
    const table = swarms.tableOf(peer.ipv4, hash)
    announce.now = this.now
    const notes = this.notes
    let end = 0
    table.lock()
    if (announce.stopped) {
      swarms.leave(table, announce)
      status = ANNOUNCED
      notes?.left(announce)
    } else if (status === ANNOUNCED) status = swarms.announce(table, announce)
    else swarms.visit(table, announce)
    if (status === ANNOUNCED || isNotKept(status)) end = this.announced(request, status, table)
    table.unlock()
    if (notes !== null && status === ANNOUNCED && !announce.stopped) notes.seen(announce)
    if (isNotKept(status)) return end
    if (status !== ANNOUNCED) return this.refused(request, status)
    const clients = this.clients
    if (clients !== null) {
      const peerId = infoHash + INFO_HASH_WORDS
      if (announce.stopped) clients.forget(hash, peer)
      else clients.note(hash, peer, source[peerId], source[peerId + 1])
    }
    return end
  }

  /** Fills the counts of `swarms` for a torrent of a scrape, with zeros if the torrent is not allowed. */
  protected count(ipv4: boolean, words: Int32Array, infoHash: number): void {
    const swarms = this.swarms
    const hash = hashInfoHash(swarms.ipv4[0], words, infoHash)
    if (swarms.access.forbids(words, infoHash, hash)) {
      swarms.seeders = 0
      swarms.leechers = 0
      swarms.completed = 0
      return
    }
    const table = swarms.tableOf(ipv4, hash)
    table.lock()
    swarms.scrape(table, words, infoHash, hash)
    table.unlock()
  }

  /** The interval for one client, in seconds, by the counts of `swarms`. */
  protected toldInterval(): number {
    return toldInterval(this.swarms, this.interval, this.jitter)
  }

  /** For a client that is refused: as if its swarm were large. */
  protected refusedInterval(): number {
    return this.swarms.pressure.interval(this.interval, true)
  }
}

/** Whether the announce is answered as usual, although the peer is not kept. */
function isNotKept(status: number): boolean {
  if (status === CROWDED || status === TURNED_AWAY) return true
  return status === PRIVATE_ADDRESS || status === RESERVED_ADDRESS
}
