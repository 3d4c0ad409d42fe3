// A connected datagram socket of the Unix family, for short texts to a service manager.
// Used by process/service-manager.ts. It is connected once, so that it works after a chroot, where
// the path no longer leads to the other end. Owns its descriptor for the process's life.
import { SystemError } from './error.ts'
import { addressOf, cString, errno, libc, nativeWords } from './ffi.ts'
import {
  AF_UNIX,
  EAFNOSUPPORT,
  ENAMETOOLONG,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from './kernel.ts'

// struct sockaddr_un: 0:2 family │ 2:108 path, a name of the abstract kind begins with a zero byte
const PATH_AT = 2
const PATH_BYTES = 108

export class NotifySocket {
  private readonly fd: number

  /** `address`: an absolute path, or `@` and a name in the abstract space. Throws SystemError. */
  constructor(address: string) {
    const { words, bytes } = unixAddress(address)
    this.fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
    if (this.fd < 0) throw new SystemError('socket', errno())
    if (libc.connect(this.fd, addressOf(words) as never, bytes) === 0) return
    const error = new SystemError('connect', errno())
    libc.close(this.fd)
    throw error
  }

  /** Sends one datagram without waiting; false when the system did not take it. */
  send(text: string): boolean {
    const words = cString(text)
    const bytes = Buffer.byteLength(text)
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL
    return libc.send(this.fd, addressOf(words) as never, bytes as never, flags) === bytes
  }

  close(): void {
    libc.close(this.fd)
  }
}

/** The address as the system wants it, and its length in bytes. */
export function unixAddress(address: string): { words: Int32Array<ArrayBuffer>; bytes: number } {
  if (!/^[/@]./.test(address)) throw new SystemError('connect', EAFNOSUPPORT)
  const path = Buffer.from(address)
  // A path ends with a zero byte; an abstract name is as long as it is.
  const bytes = PATH_AT + path.length + (address.startsWith('/') ? 1 : 0)
  if (bytes > PATH_AT + PATH_BYTES) throw new SystemError('connect', ENAMETOOLONG)
  const words = nativeWords(Math.ceil((PATH_AT + PATH_BYTES) / 4))
  words[0] = AF_UNIX
  const target = new Uint8Array(words.buffer)
  target.set(path, PATH_AT)
  if (address.startsWith('@')) target[PATH_AT] = 0
  return { words, bytes }
}
