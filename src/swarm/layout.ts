// The words of the swarm's shared memory: tables, torrent rows, hash buckets, blocks of peers.
// Read by every file of swarm/; docs/memory-layout.md draws it.
import { PAGE_WORDS } from '../memory/arena.ts'

// ── Table header, in `control`, one per table (a shard of one address family) ──────────────────
//  0 lock │ 1 torrents │ 2 buckets │ 3 seeders │ 4 leechers │ 5 clean cursor │ 6 clean bucket
//  7 contended locks │ 8 clean swarm │ 9 slept for │ 32… per block size: first page with room
export const TABLE_LOCK = 0
export const TABLE_TORRENTS = 1
export const TABLE_BUCKETS = 2
export const TABLE_SEEDERS = 3
export const TABLE_LEECHERS = 4
/** Rows still to visit in the current cleaning, counted from the front; 0 = none is under way. */
export const TABLE_CLEAN_ROW = 5
/** Where a cleaning stopped inside a large swarm: role and buckets left (clean.ts). */
export const TABLE_CLEAN_BUCKET = 6
export const TABLE_CONTENDED = 7
/** The row of the large swarm that a cleaning stopped inside of; 0 = it did not. */
export const TABLE_CLEAN_SWARM = 8
/** Of the contended locks, those that were slept for. */
export const TABLE_SLEPT = 9
export const TABLE_ROOM = 32
export const TABLE_WORDS = 64

// ── Totals over all tables, in front of the headers; touched by atomics only ───────────────────
//  0 torrents │ 1 peers │ 2 max torrents │ 3 max peers │ 4, 5 tables are used alone, or locked
//  6 peers per address and torrent │ 16… pressure (pressure.ts), on a cache line of its own
export const TOTAL_TORRENTS = 0
export const TOTAL_PEERS = 1
export const TOTAL_MAX_TORRENTS = 2
export const TOTAL_MAX_PEERS = 3
/** 1: some threads use tables without locks, which therefore nobody else may touch. */
export const TOTAL_ALONE = 4
/** 1: some threads use tables under their locks. */
export const TOTAL_LOCKED = 5
/** Peers of one address that a torrent keeps at most; 0 = no limit. */
export const TOTAL_PEERS_PER_ADDRESS = 6
/** Written once a second at most, while others of the totals change with each new peer. */
export const TOTAL_PRESSURE = 16
export const TOTAL_WORDS = 32

// ── Torrent row ────────────────────────────────────────────────────────────────────────────────
//  0…4 info hash │ 5 state │ 6… by kind:
//    few peers    6… the peers themselves, seeders first
//    a block      6 block address │ 7 seeders │ 8 leechers │ 9 size class of the block
//    a large one  6 seeder directory │ 7 seeders │ 8 leechers │ 9 leecher directory
export const ROW_STATE = 5
export const ROW_PEERS = 6
export const ROW_BLOCK = 6
export const ROW_SEEDERS = 7
export const ROW_LEECHERS = 8
export const ROW_CLASS = 9
export const ROW_LEECHER_DIRECTORY = 9

// Row state: bits 0–23 completed downloads │ 24–25 seeders, 26–27 leechers (of «few peers») │ 28–29 kind
export const STATE_COMPLETED_MAX = 0xffffff
export const STATE_SEEDERS_SHIFT = 24
export const STATE_LEECHERS_SHIFT = 26
export const STATE_KIND_SHIFT = 28
export const KIND_FEW = 0
export const KIND_BLOCK = 1
export const KIND_LARGE = 2

// Row id, as buckets hold it: bits 0–8 row in its page │ 9–21 page of rows, from 1 │ in a bucket 22–31 tag
export const ROW_ID_SLOT_BITS = 9
export const ROW_ID_BITS = 22
export const ROW_ID_MASK = (1 << ROW_ID_BITS) - 1
export const ROW_PAGES_MAX = (1 << (ROW_ID_BITS - ROW_ID_SLOT_BITS)) - 1

// ── Hash bucket: one cache line ────────────────────────────────────────────────────────────────
//  0…14 entries (tag, row id), packed to the front, 0 = end │ 15 address of an overflow bucket, or 0
export const BUCKET_WORDS = 16
export const BUCKET_ENTRIES = 15
export const BUCKET_OVERFLOW = 15
export const BUCKETS_PER_PAGE_SHIFT = 8

/** A table splits a bucket when it holds more torrents per bucket than this, */
export const SPLIT_LOAD = 9
/** and joins two again when it holds fewer. Far apart, so that it does not oscillate. */
export const JOIN_LOAD = 4

// ── Peer, its last word: bits 0–15 port as on the wire │ 16–30 second last seen │ 31 seeder
//  IPv4: 0 address │ 1 last word       IPv6: 0…3 address │ 4 last word
//  WebSocket: 0…4 peer id │ 5 connection: worker 8, slot 24 │ 6 last word, with the slot's generation for port
export const PEER_PORT_MASK = 0xffff
/** Of a WebSocket peer: its connection. */
export const PEER_CONNECTION = 5
/** The role, redundant beside the order of peers: exports and checks read it. */
export const PEER_SEEDER_BIT = 1 << 31
export const PEER_SEEN_SHIFT = 16
/** 15 bits of seconds: ages wrap after 9.1 hours, so `max_peer_age` and the length of a cleaning must stay below that. */
export const PEER_SEEN_MASK = 0x7fff
/** Greater ages are not real: the peer was seen by a thread whose clock reading was up to 4 minutes newer. */
export const PEER_AGE_MAX = PEER_SEEN_MASK - 256

// ── Directory of one role of a large swarm ─────────────────────────────────────────────────────
//  0 buckets │ 1 segment list address, or 0 │ 2… up to 255 entries of 2 words
//  entry: 0 block address │ 1 bits 0–15 peers, 16–23 size class
//  segment list: addresses of segments of 256 entries each
export const DIRECTORY_BUCKETS = 0
export const DIRECTORY_LIST = 1
export const DIRECTORY_ENTRIES = 2
export const DIRECTORY_OWN_MAX = 255
export const SEGMENT_SHIFT = 8
export const SEGMENT_MASK = 255
export const ENTRY_COUNT_MASK = 0xffff
export const ENTRY_CLASS_SHIFT = 16

/**
 * Blocks come in these sizes (words). Where the buckets of large swarms are, steps are small: with
 * each half as large again as the one before, a large IPv6 swarm took 32 bytes per peer, now 28; a
 * tracker of 300,000 peers takes half a megabyte more, because more pages are begun.
 */
export const BLOCK_WORDS: readonly number[] = [
  8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 512, 1024,
  2048, 4096,
]
export const BLOCK_CLASSES = BLOCK_WORDS.length
export const BLOCK_CLASS_MAX = BLOCK_CLASSES - 1

// ── Page info of a page of blocks (Arena.pageInfo) ─────────────────────────────────────────────
//  0 size class │ 1 first free block, or 0 │ 2 blocks in use │ 3 blocks ever used │ 4 next │ 5 previous page with room
export const PAGE_CLASS = 0
export const PAGE_FREE = 1
export const PAGE_USED = 2
export const PAGE_CARVED = 3
export const PAGE_NEXT = 4
export const PAGE_PREVIOUS = 5

export type PeerKindName = 'ipv4' | 'ipv6' | 'websocket'

export const UDP_KINDS: readonly PeerKindName[] = ['ipv4', 'ipv6']

/** What differs between the kinds of peer rows. */
export interface PeerKind {
  readonly name: PeerKindName
  /** Words per peer, the last word included. */
  readonly stride: number
  readonly rowWords: number
  readonly rowsPerPage: number
  /** Peers that fit into the torrent row itself. */
  readonly few: number
  /** Beyond this many a swarm is split into hashed buckets, so that no announce scans more than some dozens. */
  readonly smallMax: number
  /** What a torrent takes at most, averaged over many: the row, its share of a bucket, some slack. */
  readonly torrentBytes: number
  /** What a peer of a large swarm takes: its words, the free part of its bucket, its share of the directory. */
  readonly peerBytes: number
  /** Peers belong to a connection, and only that may change or remove them. Announces offer to leechers first. */
  readonly owned: boolean
}

function peerKind(
  name: PeerKindName,
  stride: number,
  rowWords: number,
  torrentBytes: number,
  peerBytes: number,
): PeerKind {
  const few = Math.floor((rowWords - ROW_PEERS) / stride)
  const rowsPerPage = Math.floor(PAGE_WORDS / rowWords)
  const owned = name === 'websocket'
  const smallMax = 48
  return {
    name,
    stride,
    rowWords,
    rowsPerPage,
    few,
    smallMax,
    torrentBytes,
    peerBytes,
    owned,
  }
}

export const STRIDE_IPV4 = 2
export const STRIDE_IPV6 = 5
export const STRIDE_WEBSOCKET = 7

const PEER_KINDS: readonly PeerKind[] = [
  peerKind('ipv4', STRIDE_IPV4, 10, 60, 30),
  peerKind('ipv6', STRIDE_IPV6, 11, 60, 30),
  peerKind('websocket', STRIDE_WEBSOCKET, 13, 70, 42),
]

export function peerKindOf(name: PeerKindName): PeerKind {
  return PEER_KINDS.find((kind) => kind.name === name) as PeerKind
}
