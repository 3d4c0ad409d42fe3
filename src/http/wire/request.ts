// An HTTP request: its sender, its content, and where the answer goes. One reused object per worker carries it
// from the bytes (parse.ts) to the answer (handle.ts, respond.ts). Owns the memory of its info hashes.
import { RequestHead } from '../../http-head/head.ts'
import { Announce } from '../../swarm/announce.ts'
import { Peer } from '../../swarm/peers/peer.ts'
import { INFO_HASH_WORDS, SCRAPE_HASHES_MAX } from './layout.ts'

// What a request asks for.
export const ANNOUNCE = 1
export const SCRAPE = 2
export const PAGE = 3
export const HEALTH = 4
export const UNKNOWN_PATH = 5
export const UNKNOWN_METHOD = 6
/** The public page as JSON, where there is one. */
export const STATUS = 7

export class HttpRequest extends RequestHead {
  // ── Given by the caller ────────────────────────────────────────────────────────────────────
  /** The answer is written to `out[to]`, where there is room for ANSWER_BYTES_MAX. */
  out: Uint8Array = new Uint8Array(0)
  to = 0
  /** Whether `ip`, `ipv4` and `ipv6` are read. */
  readsAddresses = false
  /** The most info hashes read from a scrape; the others are left out. */
  scrapeMax = SCRAPE_HASHES_MAX
  /** The connection ends with the answer, whatever the client wants. */
  mustClose = false

  // ── Results for the caller ─────────────────────────────────────────────────────────────────
  /** Where the answer ends. */
  end = 0
  /** The client may still be sending data that is not read: a body, or what follows an invalid head. */
  isUnread = false

  // ── What parse.ts has read ─────────────────────────────────────────────────────────────────
  /** Where the counters of its address family start. */
  family = 0
  kind = 0
  /** Where the key in the path is; both 0 without one. Positions are in the parsed bytes. */
  keyFrom = 0
  keyTo = 0

  readonly announce = new Announce()
  /** Info hashes as words; in an announce, followed by the peer id. */
  readonly words: Int32Array
  readonly bytes: Uint8Array
  /** How many there are; −1 if one does not have 20 bytes. */
  infoHashCount = 0
  compact = true
  /** The value of `numwant`; −1 without a usable one. */
  wanted = -1
  /** The address in `ip`, `ipv4` or `ipv6`, if there is a valid one. */
  readonly claimed = new Peer()
  readonly claimedIPv4 = new Peer()
  readonly claimedIPv6 = new Peer()
  hasClaimed = false
  hasClaimedIPv4 = false
  hasClaimedIPv6 = false

  // ── For serialize.ts ───────────────────────────────────────────────────────────────────────
  /** Where the answer's length and its body are. */
  lengthAt = 0
  bodyAt = 0

  constructor() {
    super()
    const buffer = new ArrayBuffer((SCRAPE_HASHES_MAX + 1) * INFO_HASH_WORDS * 4)
    this.words = new Int32Array(buffer)
    this.bytes = new Uint8Array(buffer)
    this.announce.source = this.words
  }
}
