// How many peers one connection may have: torrents in all, and peer ids in each. Asked by handle.ts before
// an announce that may add one.
//
// Peers that have aged out of their swarms are still on a connection's list (memberships.ts). They are only
// looked for when a limit seems to be reached, at most once a second.
import { Announce } from '../../swarm/announce.ts'
import { ownsPeer } from '../../swarm/owner.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import { hashInfoHash } from '../../swarm/table/torrents.ts'
import { ID_WORDS, INFO_HASH, PEER_ID } from '../wire/request.ts'
import type { Connection } from './connection.ts'
import { MEMBER_PEER_ID, MEMBER_WORDS, type Memberships } from './memberships.ts'

export interface MemberMaxima {
  readonly maxTorrentsPerConnection: number
  readonly maxPeerIdsPerTorrent: number
}

export const FITS = 0
export const TOO_MANY_TORRENTS = 1
export const TOO_MANY_PEER_IDS = 2

export class MemberLimits {
  private readonly swarms: Swarms
  private readonly member = new Announce()

  constructor(swarms: Swarms) {
    this.swarms = swarms
  }

  // HOT: no allocation below this line.

  /** Whether this connection may have the peer of `ids` (request.ts). `now`: second of the monotonic clock. */
  check(connection: Connection, ids: Int32Array, maxima: MemberMaxima, now: number): number {
    const { memberships } = connection
    if (memberships === null) return FITS
    const { maxTorrentsPerConnection, maxPeerIdsPerTorrent } = maxima
    if (memberships.count < Math.min(maxTorrentsPerConnection, maxPeerIdsPerTorrent)) return FITS
    const verdict = verdictOn(memberships, ids, maxima)
    if (verdict === FITS || !this.forgetAged(connection, memberships, now)) return verdict
    return verdictOn(memberships, ids, maxima)
  }

  /** Removes peers that have aged out of the swarms from a connection's list. False if that was just done. */
  private forgetAged(connection: Connection, memberships: Memberships, now: number): boolean {
    if (memberships.sweptAt === now) return false
    memberships.sweptAt = now
    const { words } = memberships
    // Backwards, so that the entry moved into a removed one's place has already been checked.
    for (let index = memberships.count - 1; index >= 0; index--) {
      const at = index * MEMBER_WORDS
      if (!this.isIn(connection, words, at)) memberships.removeAt(index)
    }
    return true
  }

  /** Whether the peer at `words[at]` (memberships.ts) is still in its swarm. */
  private isIn(connection: Connection, words: Int32Array, at: number): boolean {
    const hash = hashInfoHash(this.swarms.websocket[0], words, at)
    const table = this.swarms.websocketTableOf(hash)
    const { member } = this
    setMember(member, connection, words, at, at + MEMBER_PEER_ID)
    member.hash = hash
    table.lock()
    const owns = ownsPeer(table, member)
    table.unlock()
    return owns
  }
}

function verdictOn(memberships: Memberships, ids: Int32Array, maxima: MemberMaxima): number {
  const others = memberships.othersIn(ids, INFO_HASH, ids, PEER_ID)
  if (others < 0) return FITS
  if (memberships.count >= maxima.maxTorrentsPerConnection) return TOO_MANY_TORRENTS
  return others >= maxima.maxPeerIdsPerTorrent ? TOO_MANY_PEER_IDS : FITS
}

/** Sets the peer of a connection that is meant: info hash and peer id are at these positions of `words`. */
export function setMember(
  announce: Announce,
  connection: Connection,
  words: Int32Array,
  infoHash: number,
  peerId: number,
): void {
  announce.source = words
  announce.infoHash = infoHash
  const { peer } = announce
  peer.setWords(words, peerId)
  peer.id4 = words[peerId + ID_WORDS - 1]
  peer.connection = connection.id
  peer.port = connection.generation
}
