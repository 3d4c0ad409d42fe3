// The peers of one torrent, of all protocols, for a test; and forgetting those that have expired without waiting for the
// workers' next cleaning. Runs in the main thread, under the tables' locks. Owns nothing.

import { clockSeconds, readClock } from '../os/clock.ts'
import {
  PEER_AGE_MAX,
  PEER_SEEDER_BIT,
  PEER_SEEN_MASK,
  PEER_SEEN_SHIFT,
  type PeerKindName,
  peerKindOf,
} from '../swarm/layout.ts'
import { Peer, readPeer } from '../swarm/peers/peer.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { cleanSlice, startCleaning } from '../swarm/walks/clean.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../swarm/walks/export.ts'
import { addressOfBytes } from '../tcp/client-address.ts'

const KINDS = ['ipv4', 'ipv6', 'websocket'] as const
const SLICE_PEERS = 1000
const INFO_HASH_BYTES = 20

/** A peer as a test sees it: by address, or of WebTorrent by its peer id. */
export interface ShownPeer {
  readonly swarm: PeerKindName
  readonly address?: string
  readonly port?: number
  /** In hexadecimal. */
  readonly peerId?: string
  readonly seeder: boolean
  readonly secondsAgo: number
}

/** `infoHash`: 40 hexadecimal digits. */
export function peersOf(swarms: Swarms, infoHash: string): ShownPeer[] {
  const wanted = Buffer.from(infoHash, 'hex')
  readClock()
  const now = clockSeconds()
  const found: ShownPeer[] = []
  const walk = new Walk(false)
  for (const kind of KINDS) {
    const { stride } = peerKindOf(kind)
    for (const table of swarms[kind]) {
      walk.open(table)
      for (let more = true; more; ) {
        more = walk.slice(SLICE_PEERS)
        takePieces(walk, wanted, stride, (at) => found.push(shown(kind, walk.words, at, now)))
      }
    }
  }
  return found
}

function takePieces(
  { words, used }: Walk,
  wanted: Buffer,
  stride: number,
  take: (at: number) => void,
): void {
  for (let piece = 0; piece < used; ) {
    const from = piece + PIECE_HEAD_WORDS
    const end = from + words[piece + PIECE_PEERS] * stride
    const infoHash = Buffer.from(words.buffer, words.byteOffset + piece * 4, INFO_HASH_BYTES)
    if (infoHash.equals(wanted)) for (let at = from; at < end; at += stride) take(at)
    piece = end
  }
}

function shown(swarm: PeerKindName, words: Int32Array, at: number, now: number): ShownPeer {
  const { stride } = peerKindOf(swarm)
  const last = words[at + stride - 1]
  const age = (now - (last >>> PEER_SEEN_SHIFT)) & PEER_SEEN_MASK
  const state = {
    seeder: (last & PEER_SEEDER_BIT) !== 0,
    // Another thread's reading of the clock may be a moment newer.
    secondsAgo: age > PEER_AGE_MAX ? 0 : age,
  }
  const peer = new Peer()
  readPeer(peer, words, at, stride)
  const { a0, a1, a2, a3, id4 } = peer
  const bytes = Buffer.from(Int32Array.of(a0, a1, a2, a3, id4).buffer)
  if (swarm === 'websocket') return { swarm, peerId: bytes.toString('hex'), ...state }
  const port = ((peer.port & 255) << 8) | (peer.port >>> 8)
  const address = addressOfBytes(bytes.subarray(0, peer.ipv4 ? 4 : 16))
  return { swarm, address, port, ...state }
}

/**
 * Removes peers by address that were last seen more than `maxAge` seconds ago. Those of WebTorrent live as long as their
 * connections, which workers know.
 */
export function forgetExpired(swarms: Swarms, maxAge: number): void {
  readClock()
  const now = clockSeconds()
  for (const table of [...swarms.ipv4, ...swarms.ipv6]) {
    startCleaning(table)
    while (!cleanSlice(swarms, table, now, maxAge, SLICE_PEERS));
  }
}
