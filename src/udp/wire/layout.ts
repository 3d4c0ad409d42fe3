// The wire format of the UDP tracker protocol (BEP 15), as 32-bit words in memory, and sizes that are not
// settings. Used by parse, handle, serialize and the load generators.
//
// Packets are big endian, memory is little endian: constants here have the value that a word load returns, so
// that most fields are compared and copied without swapping bytes.

/** The most packets per receive call: more gain nothing, and delay the first answers. */
export const MAX_BATCH_PACKETS = 256

/**
 * A request of 255 info hashes has 5,116 bytes; longer packets are truncated, which affects no valid request.
 * An odd number of cache lines (81), so that the starts of slots do not compete for the same few cache sets.
 */
export const RECEIVE_SLOT_BYTES = 5184

/**
 * The longest answers, whatever the settings say. IPv4: an Ethernet frame (1,500 − 28). IPv6: the smallest link
 * it allows (1,280 − 48), since routers do not fragment IPv6.
 */
export const ANSWER_BYTES_MAX_IPV4 = 1472
export const ANSWER_BYTES_MAX_IPV6 = 1232
/** On the smallest link of IPv6, which tunnels choose for IPv4 too (1,280 − 28). */
export const ANSWER_BYTES_USUAL = 1252
/** What every IPv4 host takes (RFC 1122: 576 − 28): the least that answers can be limited to. */
export const ANSWER_BYTES_MIN = 548

// ── All requests: 0:8 connection id │ 8:4 action │ 12:4 transaction id ─────────────────────────
export const REQUEST_ID = 0
export const REQUEST_ACTION = 2
export const REQUEST_TRANSACTION = 3
export const REQUEST_BYTES_MIN = 16

/** The protocol id in place of a connection id, 0x41727101980. */
export const PROTOCOL_ID_0 = 0x17040000
export const PROTOCOL_ID_1 = 0x80191027 | 0

export const ACTION_CONNECT = 0
export const ACTION_ANNOUNCE = 1 << 24
export const ACTION_SCRAPE = 2 << 24
export const ACTION_ERROR = 3 << 24

// ── Connect response: 0:4 action │ 4:4 transaction id │ 8:8 connection id ──────────────────────
export const CONNECT_RESPONSE_BYTES = 16

// ── Announce request: 16:20 info hash │ 36:20 peer id │ 56:8 downloaded │ 64:8 left │ 72:8 uploaded
//    │ 80:4 event │ 84:4 ip │ 88:4 key │ 92:4 num want │ 96:2 port │ 98… options (BEP 41)
export const ANNOUNCE_INFO_HASH = 4
export const ANNOUNCE_PEER_ID = 9
export const ANNOUNCE_LEFT = 16
export const ANNOUNCE_EVENT = 20
export const ANNOUNCE_NUM_WANT = 23
export const ANNOUNCE_PORT = 24
export const ANNOUNCE_BYTES_MIN = 98

export const EVENT_COMPLETED = 1 << 24
export const EVENT_STOPPED = 3 << 24

// ── Announce response: 0:4 action │ 4:4 transaction id │ 8:4 interval │ 12:4 leechers
//    │ 16:4 seeders │ 20… peers: IPv4 4:2 each, IPv6 16:2 each
export const ANNOUNCE_RESPONSE_PEERS_BYTES = 20
export const PEER_BYTES_IPV4 = 6
export const PEER_BYTES_IPV6 = 18

// ── Scrape request: 16… info hashes of 20 bytes. Response: 0:4 action │ 4:4 transaction id
//    │ 8… per info hash 4 seeders, 4 completed, 4 leechers
export const SCRAPE_INFO_HASHES = 4
export const INFO_HASH_BYTES = 20
export const SCRAPE_RESPONSE_ENTRIES_BYTES = 8
export const SCRAPE_ENTRY_BYTES = 12
/** The most torrents that any answer has. */
export const SCRAPE_MAX = scrapeTorrentsIn(ANSWER_BYTES_MAX_IPV4)

// ── Error response: 0:4 action │ 4:4 transaction id │ 8… text ──────────────────────────────────
export const ERROR_RESPONSE_TEXT_BYTES = 8
/** Errors are only this long for a proven address, and fit any packet. */
export const ERROR_BYTES_MAX = 512

/** The longest answer of a family, with `max_response_bytes`. */
export function answerBytes(ipv4: boolean, maxResponseBytes: number): number {
  return Math.min(maxResponseBytes, ipv4 ? ANSWER_BYTES_MAX_IPV4 : ANSWER_BYTES_MAX_IPV6)
}

/** How many peers fit an answer to an announce. */
export function peersIn(bytes: number, ipv4: boolean): number {
  const peerBytes = ipv4 ? PEER_BYTES_IPV4 : PEER_BYTES_IPV6
  return Math.floor((bytes - ANNOUNCE_RESPONSE_PEERS_BYTES) / peerBytes)
}

/** How many torrents fit an answer to a scrape. */
export function scrapeTorrentsIn(bytes: number): number {
  return Math.floor((bytes - SCRAPE_RESPONSE_ENTRIES_BYTES) / SCRAPE_ENTRY_BYTES)
}
