// Listening TCP sockets for workers that accept by themselves: opened by main threads while they have the
// rights for low ports, listened on by the worker that serves them. Plain descriptors of the process.
import { addressOf, errno, libc, nativeWords } from './ffi.ts'
import {
  EOPNOTSUPP,
  F_SETFL,
  IPPROTO_TCP,
  O_NONBLOCK,
  TCP_DEFER_ACCEPT,
  TCP_INFO,
  TCP_NODELAY,
} from './kernel.ts'
import { check, setOption } from './socket.ts'
import { openBound, type TcpAddress } from './tcp-port.ts'

/** The kernel hands a connection out once its first bytes are there, or after this long (seconds). */
const DEFER_ACCEPT_SECONDS = 5

/** struct tcp_info in words: of a listening socket the sixth counts the connections that wait for accept. */
const INFO_WORDS = 8
const INFO_UNACKED = 6

/**
 * Opens a socket with a port that others of this user share. It hears of no connection until `listenOn`, so
 * that none waits for a worker that does not run yet. Throws SystemError.
 */
export function openListener(address: TcpAddress): number {
  const { fd } = openBound(address, true)
  check('fcntl', libc.fcntl(fd, F_SETFL, O_NONBLOCK as never))
  // Connections inherit it: an answer is one segment or several whole ones, never waiting for another.
  setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1)
  setOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_SECONDS)
  return fd
}

/** `backlog`: connections that may wait for accept; the system's own limit is net.core.somaxconn. */
export function listenOn(fd: number, backlog: number): void {
  check('listen', libc.listen(fd, backlog))
}

/** Connections that wait for accept; 0 for a Unix socket, which does not tell. */
export function waitingConnections(fd: number): number {
  const words = nativeWords(INFO_WORDS + 1)
  words[INFO_WORDS] = INFO_WORDS * 4
  const at = addressOf(words)
  const length = (at + INFO_WORDS * 4) as never
  const result = libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, at as never, length)
  if (result < 0 && errno() === EOPNOTSUPP) return 0
  check('getsockopt', result)
  return words[INFO_UNACKED]
}
