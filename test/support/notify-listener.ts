// A service manager's end of sd_notify: a datagram socket that gathers what a program says of itself.
// Used by the tests of the socket, of the service manager's part, and of the trackers.
import { closeSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { SystemError } from '../../src/os/error.ts'
import { addressOf, errno, libc } from '../../src/os/ffi.ts'
import { AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK } from '../../src/os/kernel.ts'
import { unixAddress } from '../../src/os/notify-socket.ts'
import { newFolder, removeFolder } from './folder.ts'
import { waitUntil } from './wait.ts'

export class NotifyListener {
  readonly address: string
  /** What arrived, one text per datagram, oldest first. */
  readonly texts: string[] = []
  private readonly folder = newFolder()
  private closed = false
  private readonly fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)

  constructor(kind: 'path' | 'abstract' = 'path') {
    this.address = kind === 'path' ? join(this.folder, 'notify') : `@${this.folder.slice(1)}`
    const { words, bytes } = unixAddress(this.address)
    if (libc.bind(this.fd, addressOf(words) as never, bytes) !== 0) {
      throw new SystemError('bind', errno())
    }
  }

  count(text: string): number {
    this.read()
    return this.texts.filter((line) => line === text).length
  }

  /** Waits until so many datagrams have that text, or one begins with it. */
  async waitFor(text: string, times = 1): Promise<string> {
    const found = () => this.texts.filter((line) => line.startsWith(text))
    await waitUntil(`${times} × ${text}`, () => {
      this.read()
      return found().length >= times
    })
    return found()[times - 1]
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    closeSync(this.fd)
    removeFolder(this.folder)
  }

  private read(): void {
    const buffer = Buffer.alloc(4096)
    for (;;) {
      try {
        this.texts.push(buffer.toString('utf8', 0, readSync(this.fd, buffer)))
      } catch (error) {
        if ((error as { code?: string }).code === 'EAGAIN') return
        throw error
      }
    }
  }
}

export async function withNotifyListener<T>(
  use: (listener: NotifyListener) => Promise<T>,
  kind: 'path' | 'abstract' = 'path',
): Promise<T> {
  const listener = new NotifyListener(kind)
  try {
    return await use(listener)
  } finally {
    listener.close()
  }
}
