// The WebSocket handshake (RFC 6455, 4.2): whether a request's head is one, and the answer that makes the connection a
// WebSocket. Called by worker/upgrade.ts.
import { createHash } from 'node:crypto'
import type { RequestHead } from '../../http-head/head.ts'
import { ascii, isText } from '../../http-head/layout.ts'

/** What becomes of a head that asks for WebSocket. */
export const HANDSHAKE = 0
/** It is none: without a key, for example. */
export const NO_HANDSHAKE = 1
/** Of a version that there is not. */
export const OTHER_VERSION = 2

const VERSION = ascii('13')
/** Appended to the key (1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64; the last of the 22 digits has four bits of padding, which nobody checks. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

export function checkHandshake(head: RequestHead, bytes: Uint8Array): number {
  if (!head.isKnownMethod || head.headOnly || head.old || head.hasBody) return NO_HANDSHAKE
  if (!head.asksForUpgrade || head.webSocketKeys !== 1 || head.webSocketVersions === 0) {
    return NO_HANDSHAKE
  }
  if (!KEY.test(keyOf(head, bytes))) return NO_HANDSHAKE
  const { webSocketVersionFrom, webSocketVersionTo, webSocketVersions } = head
  const isKnown = isText(bytes, webSocketVersionFrom, webSocketVersionTo, VERSION)
  return isKnown && webSocketVersions === 1 ? HANDSHAKE : OTHER_VERSION
}

/** Longer names are not repeated. */
const SUB_PROTOCOL_BYTES_MAX = 64

/** The answer to a head for which `checkHandshake` gave HANDSHAKE. */
export function acceptHandshake(head: RequestHead, bytes: Uint8Array): Uint8Array {
  const accept = createHash('sha1').update(keyOf(head, bytes)).update(GUID).digest('base64')
  return ascii(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n${subProtocol(head, bytes)}\r\n`,
  )
}

/**
 * There is none in this protocol, but browsers close a connection for which they offered some and got none. So the first one is
 * taken, as the tracker of the npm client does.
 */
function subProtocol(head: RequestHead, bytes: Uint8Array): string {
  const { webSocketProtocolFrom: from, webSocketProtocolTo: to } = head
  if (to === from || to - from > SUB_PROTOCOL_BYTES_MAX) return ''
  return `Sec-WebSocket-Protocol: ${Buffer.from(bytes.slice(from, to)).toString('latin1')}\r\n`
}

function keyOf({ webSocketKeyFrom, webSocketKeyTo }: RequestHead, bytes: Uint8Array): string {
  return Buffer.from(bytes.slice(webSocketKeyFrom, webSocketKeyTo)).toString('latin1')
}
