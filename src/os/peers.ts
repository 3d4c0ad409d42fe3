// The TCP connections of this process, of which the runtime shows only those with a request: finds who is
// at the other end, and closes some. Used by ws/main/listener-guard.ts in the main thread. Owns nothing.
import { addressOf, libc, nativeWords } from './ffi.ts'
import { AF_INET, AF_INET6, F_GETFL, SHUT_RDWR } from './kernel.ts'
import { FAMILY_MASK, isMapped } from './message.ts'

/** The other end of a connection: an IPv4 address, with 0 as `high`, or the /64 of an IPv6 one. */
export interface Peer {
  readonly high: number
  readonly low: number
  readonly port: number
}

/** Calls `visit` for each TCP connection. `open`: about how many descriptors the process has. */
export function forEachPeer(
  open: number,
  limit: number,
  visit: (peer: Peer, fd: number) => void,
): void {
  // struct sockaddr and its length. 0 family u16, port, big endian │ IPv4: 1 address │ IPv6: 2–5 address.
  const name = nativeWords(9)
  const address = addressOf(name)
  const bytes = new DataView(name.buffer)
  for (let fd = 0, seen = 0; fd < limit && seen < open; fd++) {
    if (libc.fcntl(fd, F_GETFL, null) < 0) continue
    seen++
    name[8] = 32
    if (libc.getpeername(fd, address as never, (address + 32) as never) < 0) continue
    const family = name[0] & FAMILY_MASK
    const port = bytes.getUint16(2)
    if (family === AF_INET) visit({ high: 0, low: bytes.getInt32(4), port }, fd)
    if (family !== AF_INET6) continue
    const high = bytes.getInt32(8)
    if (isMapped(name, 0)) visit({ high: 0, low: bytes.getInt32(20), port }, fd)
    // This machine's own ::1 would be an IPv4 address.
    else if (high !== 0) visit({ high, low: bytes.getInt32(12), port }, fd)
  }
}

/** Who is at the other end of a connection, as struct sockaddr and its length. False when it is gone already. */
export function readPeerName(fd: number, name: Int32Array<ArrayBufferLike>): boolean {
  const address = addressOf(name)
  name[8] = 32
  return libc.getpeername(fd, address as never, (address + 32) as never) === 0
}

/** Ends a connection at both ends; its owner, the runtime, notices and closes the descriptor. */
export function endConnection(fd: number): void {
  libc.shutdown(fd, SHUT_RDWR)
}
