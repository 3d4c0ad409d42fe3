// Starts TCP connections without waiting for them. Used by the load tester for HTTP trackers, whose
// workers open some ten thousand a second. Owns nothing but the words for its options.
import { addressOf, errno, libc, permanentWords } from './ffi.ts'
import {
  EINPROGRESS,
  IP_BIND_ADDRESS_NO_PORT,
  IPPROTO_TCP,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_IP,
  TCP_NODELAY,
} from './kernel.ts'
import { socketAddress } from './socket.ts'

const on = permanentWords(1)
on[0] = 1
const onAddress = addressOf(on)

export interface Endpoint {
  readonly family: 4 | 6
  /** 4 or 16 bytes. */
  readonly address: readonly number[]
  readonly port: number
}

/** An address as the kernel wants it, in memory that stays where it is. */
export class SocketName {
  readonly address: number
  readonly length: number
  readonly domain: number
  /** Keeps the memory. */
  private readonly words: Int32Array<ArrayBuffer>

  constructor(endpoint: Endpoint) {
    this.words = socketAddress(endpoint)
    this.address = addressOf(this.words)
    this.length = endpoint.family === 4 ? 16 : 28
    this.domain = this.words[0] & 0xffff
  }
}

// HOT: no allocation below this line.

/**
 * Begins to connect; returns the descriptor, or −1. `from`: with port 0, which the system then chooses for
 * this destination, so that an address has as many ports for each; null leaves the address to the system.
 */
export function startConnection(to: SocketName, from: SocketName | null): number {
  const fd = libc.socket(to.domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd < 0) return -1
  if (from !== null) {
    libc.setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, onAddress as never, 4)
    if (libc.bind(fd, from.address as never, from.length) < 0) return closed(fd)
  }
  const result = libc.connect(fd, to.address as never, to.length)
  return result === 0 || errno() === EINPROGRESS ? fd : closed(fd)
}

/** What is sent leaves at once, whatever is not acknowledged yet. */
export function sendAtOnce(fd: number): void {
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, onAddress as never, 4)
}

function closed(fd: number): number {
  libc.close(fd)
  return -1
}
