// TCP ports for servers that open their sockets themselves: is a port free, and who may share it.
// Called by ws/main/listen.ts in the main thread, around the start of the workers. Owns the descriptors of
// the ports that it holds.
//
// A port is shared by all sockets with SO_REUSEPORT whose owner is the same user. So a port must be
// found free before anybody shares it, and once the process becomes another user, its sockets must
// too: otherwise it could never open the port a second time, for new certificates.
import { addressOf, libc, nativeWords } from './ffi.ts'
import {
  AF_INET,
  AF_INET6,
  IPV6_V6ONLY,
  RLIMIT_NOFILE,
  SO_ACCEPTCONN,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_IPV6,
  SOL_SOCKET,
} from './kernel.ts'
import { bindSocket, check, setOption } from './socket.ts'

export interface TcpAddress {
  readonly family: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: readonly number[]
  readonly port: number
  /** IPv6: take IPv4 connections too. */
  readonly dualStack: boolean
}

export interface HeldPort {
  readonly fd: number
  readonly port: number
}

/**
 * Keeps the port of an address for sockets of ours, and makes sure that nobody else listens there,
 * unless it is `shared` with another process. Throws SystemError. Let it go when they listen.
 */
export function holdTcpPort(address: TcpAddress, shared: boolean): HeldPort {
  if (shared) return openBound(address, true)
  const probe = openBound(address, false)
  libc.close(probe.fd)
  return openBound({ ...address, port: probe.port }, true)
}

export function releaseTcpPort(held: HeldPort): void {
  libc.close(held.fd)
}

/** How many descriptors the process may have, and so how many connections. */
export function descriptorLimit(): number {
  const words = nativeWords(4)
  check('getrlimit', libc.getrlimit(RLIMIT_NOFILE, addressOf(words) as never))
  // Two 64-bit numbers, the one in force first; one that needs more than 31 bits is no limit.
  return words[1] === 0 && words[0] >= 0 ? words[0] : Number.MAX_SAFE_INTEGER
}

/** A socket of its own on the address; `share`: others of this user may have the port too. */
export function openBound(address: TcpAddress, share: boolean): HeldPort {
  const family = address.family === 4 ? AF_INET : AF_INET6
  const fd = check('socket', libc.socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0))
  try {
    // Connections of an earlier run that are still winding down are no reason not to start.
    setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (share) setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    if (address.family === 6) setOption(fd, SOL_IPV6, IPV6_V6ONLY, address.dualStack ? 0 : 1)
    return { fd, port: bindSocket(fd, address) }
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

export function listens(fd: number): boolean {
  const words = nativeWords(2)
  words[1] = 4
  const at = addressOf(words)
  const length = (at + 4) as never
  if (libc.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, at as never, length) < 0) return false
  return words[0] === 1
}
