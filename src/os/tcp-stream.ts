// The system calls of a TCP connection, and native memory for its bytes. Used by src/tcp in the workers.
// Owns the words that the kernel writes a peer's address to.
import { addressOf, errno, libc, nativeWords, permanentWords } from './ffi.ts'
import {
  EAGAIN,
  EINTR,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  IPPROTO_TCP,
  MSG_MORE,
  MSG_NOSIGNAL,
  SHUT_WR,
  SO_LINGER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  TCP_QUICKACK,
} from './kernel.ts'

// What calls return instead of a count.
/** There is nothing now, or no room. */
export const WAIT = -1
/** The connection is broken, or what was to be accepted is. */
export const BROKEN = -2
/** No descriptors, or no memory, are left. */
export const EXHAUSTED = -3

const NAME_BYTES = 28

/** struct sockaddr of the connection accepted last, as packet-batch.ts has it │ 8 its length. */
export const peerName = permanentWords(9)
const nameAddress = addressOf(peerName)

/** l_onoff, l_linger: close at once, with a reset. */
const abrupt = permanentWords(2)
abrupt[0] = 1
const abruptAddress = addressOf(abrupt)

const on = permanentWords(1)
on[0] = 1
const onAddress = addressOf(on)

/** Bytes that both the kernel and JavaScript see. */
export class NativeBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly address: number
  /** Keeps the memory. */
  private readonly words: Int32Array<ArrayBuffer>

  constructor(bytes: number) {
    this.words = nativeWords(Math.ceil(bytes / 4))
    this.bytes = new Uint8Array(this.words.buffer, 0, bytes)
    this.address = addressOf(this.words)
  }

  get length(): number {
    return this.words.length * 4
  }
}

// HOT: no allocation below this line.

/** A connection's descriptor, with its peer in `peerName`; or WAIT, BROKEN, EXHAUSTED. */
export function acceptConnection(listener: number): number {
  peerName[8] = NAME_BYTES
  const fd = libc.accept4(
    listener,
    nameAddress as never,
    (nameAddress + 32) as never,
    SOCK_NONBLOCK | SOCK_CLOEXEC,
  )
  if (fd >= 0) return fd
  const reason = errno()
  if (reason === EAGAIN) return WAIT
  if (reason === EMFILE || reason === ENFILE || reason === ENOBUFS || reason === ENOMEM) {
    return EXHAUSTED
  }
  // One that has failed already, or a signal.
  return BROKEN
}

/** How many bytes came, 0 at their end; or WAIT, BROKEN. */
export function receiveBytes(fd: number, address: number, max: number): number {
  const received = libc.recv(fd, address as never, max as never, 0)
  return received >= 0 ? received : fault()
}

/** How many bytes the system took; or WAIT, BROKEN. `more`: the rest, or the end, follows at once. */
export function sendBytes(fd: number, address: number, bytes: number, more: boolean): number {
  const flags = more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL
  const sent = libc.send(fd, address as never, bytes as never, flags)
  return sent >= 0 ? sent : fault()
}

/** What was sent arrives, then the peer sees the end; it may go on to send. */
export function endSending(fd: number): void {
  libc.shutdown(fd, SHUT_WR)
}

export function closeConnection(fd: number): void {
  libc.close(fd)
}

/** Acknowledges at once what was received, instead of with the next answer or after some 40 ms. */
export function acknowledge(fd: number): void {
  libc.setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, onAddress as never, 4)
}

/** Without what the system still holds for the peer, which gets a reset. */
export function resetConnection(fd: number): void {
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, abruptAddress as never, 8)
  libc.close(fd)
}

/** Between native memories, which may be one. */
export function moveBytes(to: number, from: number, bytes: number): void {
  libc.memmove(to as never, from as never, bytes as never)
}

function fault(): number {
  const reason = errno()
  return reason === EAGAIN || reason === EINTR ? WAIT : BROKEN
}
