// A peer: who it is, as it will lie in a table, whatever its kind. One reused object carries it from the
// packet or message into the swarm; here is how it is written to a row and read back from one. Filled by
// udp/worker/receive.ts, udp/pipeline/serve-requests.ts, ws/ and restore.ts, read by all of swarm/.
import { hashWords } from '../../memory/half-sip-hash.ts'
import { ADDRESS_BUCKETS, addressBits } from '../address.ts'
import {
  PEER_CONNECTION,
  PEER_PORT_MASK,
  STRIDE_IPV4,
  STRIDE_IPV6,
  STRIDE_WEBSOCKET,
} from '../layout.ts'
import type { Table } from '../table/table.ts'

const ADDRESS_MASK = ADDRESS_BUCKETS - 1

const key = new Int32Array(5)

export class Peer {
  /** The address is an IPv4 one, which stands in `a0`; the other words are 0. */
  ipv4 = false
  /** The address, or the first four words of a WebSocket peer's id. */
  a0 = 0
  a1 = 0
  a2 = 0
  a3 = 0
  /** As on the wire; of a WebSocket peer the generation of its connection's slot. */
  port = 0
  /** WebSocket: the fifth word of the peer id, and the connection. */
  id4 = 0
  connection = 0
  /** How many others of its address (IPv6: its /64) the last unsuccessful search came across. */
  neighbours = 0

  // HOT: no allocation below this line.

  /** An IPv4 address. */
  setIPv4(address: number): void {
    this.ipv4 = true
    this.a0 = address
    this.a1 = 0
    this.a2 = 0
    this.a3 = 0
  }

  /** The four words at `words[at]`: an IPv6 address, or the beginning of a peer id. */
  setWords(words: Int32Array, at: number): void {
    this.ipv4 = false
    this.a0 = words[at]
    this.a1 = words[at + 1]
    this.a2 = words[at + 2]
    this.a3 = words[at + 3]
  }

  /** The address of another peer. */
  setAddress({ ipv4, a0, a1, a2, a3 }: Peer): void {
    this.ipv4 = ipv4
    this.a0 = a0
    this.a1 = a1
    this.a2 = a2
    this.a3 = a3
  }
}

/** Reads the peer of `stride` words at `words[at]`, a row or a copy of one. */
export function readPeer(peer: Peer, words: Int32Array, at: number, stride: number): void {
  peer.port = words[at + stride - 1] & PEER_PORT_MASK
  if (stride === STRIDE_IPV4) {
    peer.setIPv4(words[at])
    return
  }
  peer.setWords(words, at)
  if (stride !== STRIDE_WEBSOCKET) return
  peer.id4 = words[at + 4]
  peer.connection = words[at + PEER_CONNECTION]
}

export function writePeer(table: Table, at: number, peer: Peer, last: number): void {
  const words = table.words
  words[at] = peer.a0
  if (table.stride === STRIDE_IPV4) {
    words[at + 1] = last
    return
  }
  words[at + 1] = peer.a1
  words[at + 2] = peer.a2
  words[at + 3] = peer.a3
  if (table.stride === STRIDE_IPV6) {
    words[at + 4] = last
    return
  }
  words[at + 4] = peer.id4
  words[at + PEER_CONNECTION] = peer.connection
  words[at + 6] = last
}

/**
 * The index of a peer among `count` at `base`, or −1, and then `neighbours` is filled. A WebSocket peer is
 * known by its peer id alone.
 */
export function findPeer(table: Table, base: number, count: number, peer: Peer): number {
  if (table.stride === STRIDE_IPV4) return findIPv4(table.words, base, count, peer)
  return table.stride === STRIDE_IPV6
    ? findIPv6(table.words, base, count, peer)
    : findPeerId(table.words, base, count, peer)
}

function findIPv4(words: Int32Array, base: number, count: number, peer: Peer): number {
  const a0 = peer.a0
  const port = peer.port
  let same = 0
  for (let i = 0, at = base; i < count; i++, at += STRIDE_IPV4) {
    if (words[at] !== a0) continue
    if ((words[at + 1] & PEER_PORT_MASK) === port) return i
    same++
  }
  peer.neighbours = same
  return -1
}

function findIPv6(words: Int32Array, base: number, count: number, peer: Peer): number {
  const a0 = peer.a0
  const a1 = peer.a1
  const a2 = peer.a2
  const a3 = peer.a3
  const port = peer.port
  let same = 0
  for (let i = 0, at = base; i < count; i++, at += STRIDE_IPV6) {
    // The back of the /64 first: neighbours share the front of their addresses.
    if (words[at + 1] !== a1 || words[at] !== a0) continue
    if (words[at + 3] === a3 && words[at + 2] === a2 && (words[at + 4] & PEER_PORT_MASK) === port) {
      return i
    }
    same++
  }
  peer.neighbours = same
  return -1
}

function findPeerId(words: Int32Array, base: number, count: number, peer: Peer): number {
  const a0 = peer.a0
  const a1 = peer.a1
  const a2 = peer.a2
  const a3 = peer.a3
  const a4 = peer.id4
  for (let i = 0, at = base; i < count; i++, at += STRIDE_WEBSOCKET) {
    // From the back: clients put their name and version in front.
    if (
      words[at + 4] === a4 &&
      words[at + 3] === a3 &&
      words[at + 2] === a2 &&
      words[at + 1] === a1 &&
      words[at] === a0
    ) {
      return i
    }
  }
  return -1
}

/** The hash of what a peer is known by, the same for all tables. */
export function hashPeer(table: Table, peer: Peer): number {
  key[0] = peer.a0
  if (table.stride === STRIDE_IPV4) {
    key[1] = peer.port
    return hashKey(table, 2)
  }
  key[1] = peer.a1
  key[2] = peer.a2
  key[3] = peer.a3
  key[4] = table.stride === STRIDE_IPV6 ? peer.port : peer.id4
  return hashKey(table, 5)
}

/** The hash of a stored peer. */
export function hashPeerAt(table: Table, at: number): number {
  const words = table.words
  if (table.stride === STRIDE_WEBSOCKET) return hashWords(words, at, 5, table.key1, table.key0)
  const last = table.stride - 1
  for (let i = 0; i < last; i++) key[i] = words[at + i]
  key[last] = words[at + last] & PEER_PORT_MASK
  return hashKey(table, table.stride)
}

/** The hash of `key`; that of an address and port ends in bits of the address alone (large.ts). */
function hashKey(table: Table, count: number): number {
  const hash = hashWords(key, 0, count, table.key1, table.key0)
  if (table.stride === STRIDE_WEBSOCKET) return hash
  const a1 = table.stride === STRIDE_IPV4 ? 0 : key[1]
  return (hash & ~ADDRESS_MASK) | addressBits(key[0], a1, table.key0)
}
