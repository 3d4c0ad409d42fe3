// TCP connections by the thousand to one server, without the runtime's sockets: blocking calls, one after the
// other. Used by tests of faults.
import { addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import { AF_INET, SO_LINGER, SOCK_STREAM, SOL_SOCKET } from '../../src/os/kernel.ts'
import { check, socketAddress } from '../../src/os/socket.ts'
import { closeConnection, NativeBytes, receiveBytes, sendBytes } from '../../src/os/tcp-stream.ts'
import type { Endpoint } from './tracker.ts'

export class ManyConnections {
  readonly fds: number[] = []
  private readonly addresses: readonly Int32Array<ArrayBuffer>[]
  private readonly memory = new NativeBytes(65536)
  private readonly text = new Map<string, NativeBytes>()

  /** To IPv4 addresses by turns: the system takes long to find a free port where one address has used up many. */
  constructor(endpoints: readonly Endpoint[]) {
    this.addresses = endpoints.map(({ host, port }) => {
      return socketAddress({ family: 4, address: host.split('.').map(Number), port })
    })
  }

  open(): number {
    const fd = check('socket', libc.socket(AF_INET, SOCK_STREAM, 0))
    const address = this.addresses[fd % this.addresses.length]
    check('connect', libc.connect(fd, addressOf(address) as never, 16))
    this.fds.push(fd)
    return fd
  }

  send(fd: number, text: string): void {
    let bytes = this.text.get(text)
    if (bytes === undefined) {
      bytes = new NativeBytes(text.length)
      bytes.bytes.set(Buffer.from(text, 'latin1'))
      this.text.set(text, bytes)
    }
    check('send', sendBytes(fd, bytes.address, text.length, false))
  }

  /** Waits for what comes next; '' = the end. */
  receive(fd: number): string {
    const bytes = receiveBytes(fd, this.memory.address, 65536)
    if (bytes <= 0) return ''
    return Buffer.from(this.memory.bytes.slice(0, bytes)).toString('latin1')
  }

  /** With a reset. */
  reset(fd: number): void {
    const linger = nativeWords(2)
    linger[0] = 1
    check('setsockopt', libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, addressOf(linger) as never, 8))
    this.close(fd)
  }

  close(fd: number): void {
    closeConnection(fd)
    const at = this.fds.lastIndexOf(fd)
    if (at >= 0) this.fds.splice(at, 1)
  }

  closeAll(): void {
    for (const fd of this.fds) closeConnection(fd)
    this.fds.length = 0
  }
}
