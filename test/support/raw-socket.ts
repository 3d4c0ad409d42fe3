// Sends UDP packets with a forged source address, as an attacker would. Needs CAP_NET_RAW. IPv4 only.
// The system completes the checksum and the length of the IP header; UDP goes without a checksum.

import { SystemError } from '../../src/os/error.ts'
import { addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import { AF_INET, IPPROTO_RAW, IPPROTO_UDP, SOCK_RAW } from '../../src/os/kernel.ts'
import { socketAddress } from '../../src/os/socket.ts'
import { addressBytes } from './packets.ts'
import type { Endpoint } from './tracker.ts'

export class RawSocket {
  private readonly fd: number
  private readonly packet = nativeWords(512)
  // struct mmsghdr and the iovec it points to; see src/os/packet-batch.ts.
  private readonly header = nativeWords(16)
  private readonly vector = nativeWords(4)
  private name = nativeWords(8)

  constructor() {
    this.fd = libc.socket(AF_INET, SOCK_RAW, IPPROTO_RAW)
    if (this.fd < 0) throw new SystemError('raw socket', 1)
  }

  send(payload: Buffer, from: Endpoint, to: Endpoint): void {
    const { packet, header, vector } = this
    const bytes = Buffer.from(packet.buffer)
    const length = writeHeaders(bytes, payload.length, from, to)
    bytes.set(payload, length)
    this.name = socketAddress({ family: 4, address: [...addressBytes(to.host)], port: 0 })
    writeAddress(header, 0, this.name)
    header[2] = 16
    writeAddress(header, 4, vector)
    header[6] = 1
    writeAddress(vector, 0, packet)
    vector[2] = length + payload.length
    const sent = libc.sendmmsg(this.fd, addressOf(header) as never, 1, 0)
    if (sent !== 1) throw new Error('a raw packet could not be sent')
  }
}

function writeHeaders(packet: Buffer, payload: number, from: Endpoint, to: Endpoint): number {
  packet.fill(0, 0, 28)
  packet.writeUInt8(0x45, 0)
  packet.writeUInt8(64, 8)
  packet.writeUInt8(IPPROTO_UDP, 9)
  packet.set(addressBytes(from.host), 12)
  packet.set(addressBytes(to.host), 16)
  packet.writeUInt16BE(from.port, 20)
  packet.writeUInt16BE(to.port, 22)
  packet.writeUInt16BE(8 + payload, 24)
  return 28
}

function writeAddress(words: Int32Array, at: number, view: Int32Array): void {
  const address = addressOf(view)
  words[at] = (address % 2 ** 32) | 0
  words[at + 1] = Math.floor(address / 2 ** 32)
}
