// What is read from the head of an HTTP request, whatever it asks for. One reused object per worker; a protocol adds what it
// reads from the target. Filled by read-head.ts; the sender's address by whoever has the connection, and by proxies.ts.
import { Peer } from '../swarm/peers/peer.ts'

/** The most header fields of proxies that are used: the last ones, added by the nearest proxies. */
export const PROXY_FIELDS_MAX = 8

export class RequestHead {
  // ── Given by the caller ────────────────────────────────────────────────────────────────────
  /** The sender, from the connection or from a trusted proxy's header. */
  readonly source = new Peer()
  /** It came over a Unix socket, whose peer has no address: a proxy has to name its client. */
  isLocal = false
  /** Its proxy has said that it names nobody (PROXY protocol): no header field is believed. */
  isAnonymous = false
  /** The name of the proxies' header field, in lower case; empty for none. */
  proxyHeader: Uint8Array = new Uint8Array(0)

  // ── What read-head.ts has read; positions are in the bytes that it was given ───────────────
  /** The method is GET or HEAD; of others only the head is read. */
  isKnownMethod = false
  /** HEAD: the answer has no body. */
  headOnly = false
  /** Where path and query are. */
  targetFrom = 0
  targetTo = 0
  /** HTTP/1.0. */
  old = false
  /** The connection ends with the answer. */
  close = false
  /** A body follows the head. It is never read: the connection ends with the answer. */
  hasBody = false
  /** Its length as the head says it; −1 when it does not. */
  bodyBytes = -1
  /** First and last position of each value of the proxy's header field, in their order. */
  readonly proxyValues = new Int32Array(PROXY_FIELDS_MAX * 2)
  proxyValueCount = 0

  // ── Of a WebSocket handshake (RFC 6455, 4.2.1) ─────────────────────────────────────────────
  /** `Upgrade` names WebSocket, perhaps among others. */
  asksForWebSocket = false
  /** `Connection` names `Upgrade`, perhaps among others. */
  asksForUpgrade = false
  /** Where the last value of each field is, and how many there are of each. */
  webSocketKeyFrom = 0
  webSocketKeyTo = 0
  webSocketKeys = 0
  webSocketVersionFrom = 0
  webSocketVersionTo = 0
  webSocketVersions = 0
  /** Where the first sub-protocol is that the client would speak; nowhere if there is none. */
  webSocketProtocolFrom = 0
  webSocketProtocolTo = 0
  originFrom = 0
  originTo = 0
  origins = 0
}
