// Listening sockets of the Unix family, for workers that accept by themselves: opened by main threads, listened on by
// the workers that serve them, by tcp-listener.ts as those of TCP. Plain descriptors of the process.
import { SystemError } from './error.ts'
import { addressOf, errno, libc } from './ffi.ts'
import { AF_UNIX, F_DUPFD_CLOEXEC, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from './kernel.ts'
import { unixAddress } from './notify-socket.ts'
import { check } from './socket.ts'

/** Makes the file; nobody can connect until it is listened on. Throws SystemError. */
export function openUnixListener(path: string): number {
  const { words, bytes } = unixAddress(path)
  const fd = check('socket', libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
  if (libc.bind(fd, addressOf(words) as never, bytes) === 0) return fd
  const error = new SystemError('bind', errno())
  libc.close(fd)
  throw error
}

/** Another descriptor of the same socket. */
export function duplicate(fd: number): number {
  return check('fcntl', libc.fcntl(fd, F_DUPFD_CLOEXEC, 0 as never))
}

/** Why nobody can connect to the socket of that path, such as ECONNREFUSED; null = somebody listens. */
export function connectFault(path: string): SystemError | null {
  const { words, bytes } = unixAddress(path)
  const fd = check('socket', libc.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
  const result = libc.connect(fd, addressOf(words) as never, bytes)
  const error = result === 0 ? null : new SystemError('connect', errno())
  libc.close(fd)
  // So many wait to be accepted that there is no room.
  return error?.code === 'EAGAIN' ? null : error
}
