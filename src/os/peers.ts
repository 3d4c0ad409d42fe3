// Who is at the other end of a connection of the runtime's. Used by tcp/tls-server.ts. Owns nothing.
import { addressOf, libc } from './ffi.ts'

/** Who is at the other end of a connection, as struct sockaddr and its length. False when it is gone already. */
export function readPeerName(fd: number, name: Int32Array<ArrayBufferLike>): boolean {
  const address = addressOf(name)
  name[8] = 32
  return libc.getpeername(fd, address as never, (address + 32) as never) === 0
}
