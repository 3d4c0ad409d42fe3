// The bytes of what nodes of a cluster tell each other: a batch is a head and records of one address family. Written by
// pack.ts and catch-up.ts, checked by unpack.ts. All of it is 32-bit words in the order of this machine (little-endian
// everywhere we run); info hash, address and port are as in a tracker's packets, whose bytes are copied as they are.
//
// Ages travel, which say a second of the cluster's clock (cluster-clock.ts): the same one, whenever the batch is sent and whenever it
// comes.

// ── Batch ──────────────────────────────────────────────────────────────────────────────────────
//  0 magic 24, version 8 │ 1 sequence │ 2 start of the node │ 3 records │ 4 words per record: 7 IPv4, 10 IPv6
//  5 seconds per unit of age │ 6 purpose │ 7 ticket │ 8, 9 packed at: milliseconds, low and high │ 10 seconds since that start
//  11 oldest sequence kept │ 12 flags │ 13 the cluster's clock │ 14 seconds from the sender's own to that │ 15… records
export const BATCH_MAGIC_VERSION = 0
/** Of a beat: the last one that was sent. Of a part of an answer: its number, from 0. */
export const BATCH_SEQUENCE = 1
/** Chosen anew each time a node starts, so that others notice. */
export const BATCH_START = 2
export const BATCH_RECORDS = 3
export const BATCH_RECORD_WORDS = 4
export const BATCH_AGE_UNIT = 5
export const BATCH_PURPOSE = 6
/** Of an answer: the number that the request had. Otherwise 0. */
export const BATCH_TICKET = 7
/**
 * By the sender's monotonic clock: ages count back from AHEAD_MAX_SEC (order.ts) after the whole second of that, also when the
 * batch is sent again.
 */
export const BATCH_SENT_LOW = 8
export const BATCH_SENT_HIGH = 9
export const BATCH_UPTIME = 10
/** Older ones cannot be asked for any more. */
export const BATCH_OLDEST = 11
export const BATCH_FLAGS = 12
/** These two are of when it was packed; if it had no clock then, or has taken over another one since, of the moment of sending. */
export const BATCH_CLOCK = 13
export const BATCH_OFFSET = 14
export const BATCH_HEAD_WORDS = 15

// Flags.
/** The node is about to end. */
export const FLAG_LEAVING = 1
/** It has missed nothing of the nodes that it hears, nor of what was before it started. */
export const FLAG_WHOLE = 2
export const FLAGS_MAX = 3

/** «aqc» in front of the version, as bytes: 61 71 63. */
export const MAGIC = 0x637161
export const VERSION = 2
export const MAGIC_AND_VERSION = MAGIC | (VERSION << 24)

// Purposes.
/** What has just happened at the sender, in the order of sequences; without records it is a beat. */
export const PURPOSE_LOG = 0
/** A part of an answer to a request: what the sender knows, whoever it heard it from. Control messages end it. */
export const PURPOSE_CATCH_UP = 1
export const PURPOSE_MAX = 1

/** A message of NATS should not be much longer than 14 KB: its price per record does not fall any more. */
export const BATCH_RECORDS_MAX = 500

/**
 * Of a walk, so many parts are sent before the node that gets them asks for more. They are kept until then, so that they can be
 * sent again.
 */
export const SEGMENT_PARTS = 64

// ── Record ─────────────────────────────────────────────────────────────────────────────────────
//  0…4 info hash │ 5 address (IPv6: 5…8), or a count │ last word: port 16, age 12, kind 3, seeder 1
export const RECORD_ADDRESS = 5
export const RECORD_WORDS_IPV4 = 7
export const RECORD_WORDS_IPV6 = 10
export const BATCH_WORDS_MAX = BATCH_HEAD_WORDS + BATCH_RECORDS_MAX * RECORD_WORDS_IPV6
export const BATCH_BYTES_MAX = BATCH_WORDS_MAX * 4

// The last word. Between a tracker's worker and the cluster's, a second takes the place of the age (note.ts).
export const RECORD_PORT_MASK = 0xffff
export const RECORD_AGE_SHIFT = 16
export const RECORD_AGE_MASK = 0xfff
export const RECORD_KIND_SHIFT = 28
export const RECORD_KIND_MASK = 7
export const RECORD_SEEDER_BIT = 1 << 31

// Kinds.
/** The peer is there, with this role: it came, or it goes on. */
export const KIND_SEEN = 0
/** It left. The age is that of the youngest announce that this undoes (note.ts). */
export const KIND_LEFT = 1
/** It has just completed its download, and the sender has counted that. */
export const KIND_COMPLETED = 2
/** The torrent has so many completed downloads: the first word of the address. No peer, no age. */
export const KIND_COUNT = 3
export const KIND_MAX = 3

/** Ages beyond 12 bits need a longer unit: this covers all 15 bits of the tables' seconds. */
export const AGE_UNIT_MAX = 8

// HOT: no allocation below this line.

export function kindOfRecord(last: number): number {
  return (last >>> RECORD_KIND_SHIFT) & RECORD_KIND_MASK
}

/** In units. */
export function ageOfRecord(last: number): number {
  return (last >>> RECORD_AGE_SHIFT) & RECORD_AGE_MASK
}
