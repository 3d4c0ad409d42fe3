// All frames of a network card, as a sniffer has them, and any frame to it. Used by scripts that run in a network namespace
// (two-networks.ts), as root: unlike RawLink it also sees what was not meant for it.
import { SystemError } from '../../src/os/error.ts'
import { addressOf, errno, libc, nativeWords } from '../../src/os/ffi.ts'
import {
  AF_PACKET,
  MSG_DONTWAIT,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from '../../src/os/kernel.ts'
import { cardOf } from '../../src/os/network-card.ts'
import { check, setOption } from '../../src/os/socket.ts'

/** Of all protocols, in the order of the network. */
const ETH_P_ALL = 0x0300
/** struct sockaddr_ll: family u16 │ protocol u16 │ card s32 │ … */
const NAME_BYTES = 20
const FRAME_BYTES_MAX = 10_000
const BUFFER_BYTES = 64 << 20

export class PacketSocket {
  private readonly fd: number
  private readonly words = nativeWords(FRAME_BYTES_MAX / 4)
  private readonly bytes = Buffer.from(this.words.buffer)

  constructor(name: string) {
    const card = cardOf(name)
    if (card === null) throw new Error(`there is no ${name}`)
    this.fd = check('socket', libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, ETH_P_ALL))
    setOption(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    const place = nativeWords(NAME_BYTES / 4)
    place[0] = AF_PACKET | (ETH_P_ALL << 16)
    place[1] = card.index
    check('bind', libc.bind(this.fd, addressOf(place) as never, NAME_BYTES))
  }

  /** Returns whether the card takes it: none takes frames longer than its MTU. */
  send(frame: Uint8Array): boolean {
    this.bytes.set(frame)
    const result = libc.send(this.fd, addressOf(this.words) as never, frame.length as never, 0)
    if (result === frame.length) return true
    const error = new SystemError('send', errno())
    if (error.code === 'EMSGSIZE' || error.code === 'EINVAL') return false
    throw error
  }

  /** All frames that have come or gone since. */
  take(): Buffer[] {
    const frames: Buffer[] = []
    const at = addressOf(this.words) as never
    for (;;) {
      const bytes = libc.recv(this.fd, at, FRAME_BYTES_MAX as never, MSG_DONTWAIT)
      if (bytes < 0) return frames
      frames.push(Buffer.from(this.bytes.subarray(0, bytes)))
    }
  }

  close(): void {
    libc.close(this.fd)
  }
}
