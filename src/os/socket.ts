// What sockets of both kinds need: addresses as the kernel wants them, options, ports.
// Used by udp-socket.ts and tcp-port.ts.
import { SystemError } from './error.ts'
import { addressOf, errno, libc, nativeWords } from './ffi.ts'
import { AF_INET, AF_INET6, SOL_SOCKET } from './kernel.ts'

/** Binds a socket to an address; returns its port, which the system chooses for port 0. */
export function bindSocket(
  fd: number,
  options: { family: 4 | 6; address: readonly number[]; port: number },
): number {
  const address = socketAddress(options)
  check('bind', libc.bind(fd, addressOf(address) as never, options.family === 4 ? 16 : 28))
  return boundPort(fd)
}

/** struct sockaddr_in: family u16 │ port, big endian │ 4 address. sockaddr_in6: … │ 4 flow │ 16 address │ 4 scope. */
export function socketAddress(options: {
  family: 4 | 6
  address: readonly number[]
  port: number
}): Int32Array<ArrayBuffer> {
  const words = nativeWords(8)
  const bytes = new Uint8Array(words.buffer)
  words[0] = options.family === 4 ? AF_INET : AF_INET6
  bytes[2] = options.port >> 8
  bytes[3] = options.port & 0xff
  bytes.set(options.address, options.family === 4 ? 4 : 8)
  return words
}

export function setOption(fd: number, level: number, option: number, value: number): void {
  const words = nativeWords(1)
  words[0] = value
  check('setsockopt', libc.setsockopt(fd, level, option, addressOf(words) as never, 4))
}

export function getOption(fd: number, option: number): number {
  const words = nativeWords(2)
  words[1] = 4
  const at = addressOf(words)
  check('getsockopt', libc.getsockopt(fd, SOL_SOCKET, option, at as never, (at + 4) as never))
  return words[0]
}

export function boundPort(fd: number): number {
  const bytes = boundName(fd)
  return bytes[2] * 256 + bytes[3]
}

/** The struct sockaddr of the socket's own end. */
export function boundName(fd: number): Uint8Array {
  const words = nativeWords(9)
  words[8] = 32
  const at = addressOf(words)
  check('getsockname', libc.getsockname(fd, at as never, (at + 32) as never))
  return new Uint8Array(words.buffer)
}

export function check(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, errno())
  return result
}
