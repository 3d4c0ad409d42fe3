// Ethernet frames with UDP packets, built and taken apart byte by byte: nothing here is shared with src/xdp. Used by
// the tests of the path past the kernel.
import { addressBytes } from './packets.ts'
import type { Endpoint } from './tracker.ts'

export interface FrameFields {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly payload: Uint8Array
  /** Of the receiver and of the sender. */
  readonly macs?: readonly [to: Uint8Array, from: Uint8Array]
  /** Before checksums are computed. Offsets count from the IP header. */
  readonly change?: (ip: Buffer) => void
  /** IPv4 options, a multiple of four bytes. */
  readonly options?: Uint8Array
  /** In place of the UDP checksum. */
  readonly checksum?: number
}

export const MACS: readonly [Uint8Array, Uint8Array] = [
  Uint8Array.of(2, 0, 0, 0, 0, 1),
  Uint8Array.of(2, 0, 0, 0, 0, 2),
]

export function buildFrame(fields: FrameFields): Buffer {
  const { from, to, payload, macs = MACS, options = new Uint8Array(0) } = fields
  const [source, destination] = [addressBytes(from.host), addressBytes(to.host)]
  const isIPv4 = source.length === 4
  const head = isIPv4 ? 20 + options.length : 40
  const ip = Buffer.alloc(head + 8 + payload.length)
  if (isIPv4) {
    ip[0] = 0x40 | (head / 4)
    ip.writeUInt16BE(ip.length, 2)
    ip.writeUInt16BE(0x1234, 4)
    ip[8] = 63
    ip[9] = 17
    ip.set(source, 12)
    ip.set(destination, 16)
    ip.set(options, 20)
  } else {
    ip[0] = 0x60
    ip.writeUInt16BE(8 + payload.length, 4)
    ip[6] = 17
    ip[7] = 63
    ip.set(source, 8)
    ip.set(destination, 24)
  }
  ip.writeUInt16BE(from.port, head)
  ip.writeUInt16BE(to.port, head + 2)
  ip.writeUInt16BE(8 + payload.length, head + 4)
  ip.set(payload, head + 8)
  fields.change?.(ip)
  if (isIPv4) ip.writeUInt16BE(internetChecksum([ip.subarray(0, head)]), 10)
  ip.writeUInt16BE(0, head + 6)
  const sum = udpChecksum(ip, head)
  ip.writeUInt16BE(fields.checksum ?? (sum === 0 ? 0xffff : sum), head + 6)
  return Buffer.concat([...macs, Uint8Array.of(...(isIPv4 ? [8, 0] : [0x86, 0xdd])), ip])
}

/** What a card would still have to add up: the sum of the pseudo header alone. */
export function partialChecksum(frame: Buffer): number {
  const ip = frame.subarray(14)
  const head = ip[0] >> 4 === 4 ? 20 : 40
  return ~internetChecksum([pseudoHeader(ip, head)]) & 0xffff
}

export interface ReadFrame extends Required<Pick<FrameFields, 'from' | 'to' | 'payload' | 'macs'>> {
  readonly timeToLive: number
  readonly id: number
}

/**
 * Throws if a length or checksum is wrong, or anything else is not as an answer should be. `fromKernel`: which leaves
 * the UDP checksum to the card.
 */
export function readFrame(frame: Buffer, fromKernel = false): ReadFrame {
  const ip = frame.subarray(14)
  const isIPv4 = frame.readUInt16BE(12) === 0x0800
  if (!isIPv4) expectSame('type', frame.readUInt16BE(12), 0x86dd)
  const head = isIPv4 ? 20 : 40
  expectSame('version', ip[0], isIPv4 ? 0x45 : 0x60)
  // The kernel may choose a flow label for each client; we have none.
  const service = isIPv4 ? ip[1] : ip.readUInt32BE(0) & (fromKernel ? 0x0ff00000 : 0x0fffffff)
  expectSame('type of service', service, 0)
  expectSame('length', isIPv4 ? ip.readUInt16BE(2) : 40 + ip.readUInt16BE(4), ip.length)
  expectSame('protocol', ip[isIPv4 ? 9 : 6], 17)
  if (isIPv4) expectSame('sum', internetChecksum([ip.subarray(0, 20)]), 0)
  if (isIPv4) expectSame('fragment', ip.readUInt16BE(6), 0)
  expectSame('UDP length', ip.readUInt16BE(head + 4), ip.length - head)
  const checksum = ip.readUInt16BE(head + 6)
  if (checksum === 0) throw new Error('no UDP checksum')
  if (!fromKernel || checksum !== partialChecksum(frame)) {
    expectSame('UDP sum', udpChecksum(ip, head), 0)
  }
  const [source, destination] = isIPv4 ? [12, 16] : [8, 24]
  const bytes = isIPv4 ? 4 : 16
  const at = (offset: number) => hostOf(ip.subarray(offset, offset + bytes))
  return {
    from: { host: at(source), port: ip.readUInt16BE(head) },
    to: { host: at(destination), port: ip.readUInt16BE(head + 2) },
    payload: ip.subarray(head + 8),
    macs: [frame.subarray(0, 6), frame.subarray(6, 12)],
    timeToLive: ip[isIPv4 ? 8 : 7],
    id: isIPv4 ? ip.readUInt16BE(4) : 0,
  }
}

function expectSame(what: string, is: number, should: number): void {
  if (is !== should) throw new Error(`${what} is ${is} instead of ${should}`)
}

function hostOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}

function pseudoHeader(ip: Buffer, head: number): Buffer {
  const addresses = head === 40 ? ip.subarray(8, 40) : ip.subarray(12, 20)
  const rest = Buffer.alloc(8)
  rest.writeUInt32BE(ip.readUInt16BE(head + 4), 0)
  rest[7] = 17
  return Buffer.concat([addresses, rest])
}

function udpChecksum(ip: Buffer, head: number): number {
  const length = Math.min(ip.readUInt16BE(head + 4), ip.length - head)
  return internetChecksum([pseudoHeader(ip, head), ip.subarray(head, head + length)])
}

function internetChecksum(parts: readonly Buffer[]): number {
  let sum = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += part[i] * 256 + (part[i + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536)
  return ~sum & 0xffff
}
