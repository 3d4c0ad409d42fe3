// Headers of the PROXY protocol, and a parser of them that is easy to see through: the model of src/tcp/proxy-header.ts.
// Used by the tests beside it, and by those of HTTP.
import { isIPv4, isIPv6 } from 'node:net'

export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
export const LOCAL = 0x20
export const PROXY = 0x21

/** Version 2. `family`: with the transport. */
export function binaryHeader(command: number, family: number, fields: Uint8Array): Buffer {
  const head = Buffer.from([command, family, fields.length >> 8, fields.length & 255])
  return Buffer.concat([SIGNATURE, head, fields])
}

export function ipv4Fields(source: string, port: number): Buffer {
  return Buffer.from([...source.split('.').map(Number), 127, 0, 0, 1, port >> 8, port & 255, 0, 80])
}

/** `source`: 16 bytes in hexadecimal digits. */
export function ipv6Fields(source: string, port: number): Buffer {
  const ports = Buffer.from([port >> 8, port & 255, 0, 80])
  return Buffer.concat([Buffer.from(source, 'hex'), Buffer.alloc(16, 9), ports])
}

export function field(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value])
}

/** With a right checksum as its last field. */
export function withChecksum(command: number, family: number, fields: Uint8Array): Buffer {
  const all = Buffer.concat([fields, field(3, Buffer.alloc(4))])
  const header = binaryHeader(command, family, all)
  header.writeUInt32BE(naiveCrc32c(header), header.length - 4)
  return header
}

export function naiveCrc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
  }
  return (sum ^ 0xffffffff) >>> 0
}

export interface Read {
  readonly bytes: number
  /** Address in hexadecimal digits and port; null where nobody is named. */
  readonly client: string | null
}

export type Outcome = Read | 'bad' | 'incomplete'

export function naiveRead(bytes: Buffer): Outcome {
  if (bytes.length === 0) return 'incomplete'
  return bytes[0] === 0x50 ? naiveText(bytes) : naiveBinary(bytes)
}

function naiveText(bytes: Buffer): Outcome {
  const text = bytes.subarray(0, 107).toString('latin1')
  const end = text.indexOf('\n')
  if (end < 0) {
    const isBegin = text.startsWith('PROXY ') || 'PROXY '.startsWith(text)
    return isBegin && bytes.length < 107 ? 'incomplete' : 'bad'
  }
  const line = text.slice(0, end + 1)
  if (/^PROXY UNKNOWN( .*)?\r\n$/s.test(line)) return { bytes: line.length, client: null }
  const parts = /^PROXY TCP([46]) ([^ ]+) ([^ ]+) (\d+) (\d+)\r\n$/.exec(line)
  if (parts === null) return 'bad'
  const [, family, source, destination, ...ports] = parts
  const isAddress = family === '4' ? isIPv4 : isIPv6
  if (!isAddress(source) || !isAddress(destination) || /%/.test(line)) return 'bad'
  if (ports.some((port) => String(Number(port)) !== port || Number(port) > 65535)) return 'bad'
  return { bytes: line.length, client: `${hexOf(source)} ${ports[0]}` }
}

function naiveBinary(bytes: Buffer): Outcome {
  const begin = bytes.subarray(0, 12)
  if (!begin.equals(SIGNATURE.subarray(0, begin.length))) return 'bad'
  if (bytes.length < 16) return 'incomplete'
  const [command, family] = [bytes[12], bytes[13]]
  const size = 16 + bytes.readUInt16BE(14)
  if ((command !== LOCAL && command !== PROXY) || size > 4096) return 'bad'
  if (bytes.length < size) return 'incomplete'
  if (command === LOCAL || family === 0) return { bytes: size, client: null }
  const addresses = { 17: 12, 33: 36, 49: 216 }[family]
  if (addresses === undefined || 16 + addresses > size) return 'bad'
  const header = bytes.subarray(0, size)
  for (let at = 16 + addresses; at < size; ) {
    if (at + 3 > size) return 'bad'
    const length = header.readUInt16BE(at + 1)
    const value = header.subarray(at + 3, at + 3 + length)
    if (value.length !== length) return 'bad'
    if (header[at] === 3) {
      const copy = Buffer.from(header)
      copy.fill(0, at + 3, at + 3 + length)
      if (length !== 4 || value.readUInt32BE() !== naiveCrc32c(copy)) return 'bad'
    }
    at += 3 + length
  }
  if (family === 0x31) return { bytes: size, client: null }
  if (family === 0x11) {
    return { bytes: size, client: `${header.toString('hex', 16, 20)} ${header.readUInt16BE(24)}` }
  }
  return {
    bytes: size,
    client: `${unmapped(header.toString('hex', 16, 32))} ${header.readUInt16BE(48)}`,
  }
}

function hexOf(address: string): string {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number)).toString('hex')
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (dotted !== null) {
    const [, front, ...octets] = dotted
    const [a, b, c, d] = octets.map(Number)
    return hexOf(`${front}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`)
  }
  const [front, back] = address.split('::').map((part) => part.split(':').filter((x) => x !== ''))
  const zeros = back === undefined ? 0 : 8 - front.length - back.length
  const groups = [...front, ...Array<string>(zeros).fill('0'), ...(back ?? [])]
  return unmapped(
    groups
      .map((group) => group.padStart(4, '0'))
      .join('')
      .toLowerCase(),
  )
}

/** An IPv4 address in IPv6 is that IPv4 address. */
function unmapped(hex: string): string {
  return hex.startsWith('00000000000000000000ffff') ? hex.slice(24) : hex
}
