// Packets of the UDP tracker protocol as its specification draws them (BEP 15): requests built, and
// responses read, byte by byte. Shares no code and no constants with the tracker, so that a mistake
// in one of the two shows. Used by the tests of udp/.

/** The magic number of a connect request. */
export const PROTOCOL_ID = 0x41727101980n

export const CONNECT = 0
export const ANNOUNCE = 1
export const SCRAPE = 2
export const ERROR = 3

export const NONE = 0
export const COMPLETED = 1
export const STARTED = 2
export const STOPPED = 3
/** BEP 21. */
export const PAUSED = 4

export interface AnnounceFields {
  readonly transaction?: number
  readonly infoHash?: Uint8Array
  readonly peerId?: Uint8Array
  readonly downloaded?: bigint
  readonly left?: bigint
  readonly uploaded?: bigint
  readonly event?: number
  readonly ip?: number
  readonly key?: number
  readonly numWant?: number
  readonly port?: number
  /** What follows the 98 bytes: options of BEP 41, or anything. */
  readonly trailing?: Uint8Array
}

export function connectRequest(transaction = 1, protocolId = PROTOCOL_ID): Buffer {
  const packet = Buffer.alloc(16)
  packet.writeBigUInt64BE(protocolId, 0)
  packet.writeUInt32BE(CONNECT, 8)
  packet.writeUInt32BE(transaction, 12)
  return packet
}

/** A leecher's announce, where `fields` say nothing else. */
export function announceRequest(connectionId: Uint8Array, fields: AnnounceFields = {}): Buffer {
  const packet = Buffer.alloc(98)
  packet.set(connectionId, 0)
  packet.writeUInt32BE(ANNOUNCE, 8)
  packet.writeUInt32BE(fields.transaction ?? 1, 12)
  packet.set(fields.infoHash ?? infoHash(1), 16)
  packet.set(fields.peerId ?? Buffer.from('-XX0001-abcdefghijkl'), 36)
  packet.writeBigUInt64BE(fields.downloaded ?? 0n, 56)
  packet.writeBigUInt64BE(fields.left ?? 1000n, 64)
  packet.writeBigUInt64BE(fields.uploaded ?? 0n, 72)
  packet.writeUInt32BE(fields.event ?? NONE, 80)
  packet.writeUInt32BE(fields.ip ?? 0, 84)
  packet.writeUInt32BE(fields.key ?? 0, 88)
  packet.writeInt32BE(fields.numWant ?? -1, 92)
  packet.writeUInt16BE(fields.port ?? 6881, 96)
  return Buffer.concat([packet, fields.trailing ?? Buffer.alloc(0)])
}

export function scrapeRequest(
  connectionId: Uint8Array,
  infoHashes: readonly Uint8Array[],
  transaction = 1,
): Buffer {
  const head = Buffer.alloc(16)
  head.set(connectionId, 0)
  head.writeUInt32BE(SCRAPE, 8)
  head.writeUInt32BE(transaction, 12)
  return Buffer.concat([head, ...infoHashes])
}

/** Twenty bytes that differ in many places from those of other numbers. */
export function infoHash(number: number): Buffer {
  const bytes = Buffer.alloc(20)
  for (let i = 0; i < 5; i++) {
    bytes.writeUInt32BE(Math.imul(number + 7 * i + 1, 0x9e3779b1) >>> 0, i * 4)
  }
  return bytes
}

export interface ConnectAnswer {
  readonly transaction: number
  readonly connectionId: Buffer
}

export interface AnnounceAnswer {
  readonly transaction: number
  readonly interval: number
  readonly leechers: number
  readonly seeders: number
  /** As `peer` writes them. */
  readonly peers: readonly string[]
}

export interface ScrapeEntry {
  readonly seeders: number
  readonly completed: number
  readonly leechers: number
}

export interface ScrapeAnswer {
  readonly transaction: number
  readonly entries: readonly ScrapeEntry[]
}

export interface ErrorAnswer {
  readonly transaction: number
  readonly text: string
}

export function readConnect(packet: Buffer): ConnectAnswer {
  const transaction = readHead(packet, CONNECT)
  if (packet.length !== 16) throw new Error(`a connect response of ${packet.length} bytes`)
  return { transaction, connectionId: Buffer.from(packet.subarray(8, 16)) }
}

/** `family` is that of the datagram: nothing inside the packet tells. */
export function readAnnounce(packet: Buffer, family: 4 | 6): AnnounceAnswer {
  const transaction = readHead(packet, ANNOUNCE)
  const addressBytes = family === 4 ? 4 : 16
  const peers: string[] = []
  let at = 20
  for (; at + addressBytes + 2 <= packet.length; at += addressBytes + 2) {
    const address = packet.subarray(at, at + addressBytes)
    peers.push(peer(address, packet.readUInt16BE(at + addressBytes)))
  }
  if (at !== packet.length) throw new Error(`an announce response of ${packet.length} bytes`)
  return {
    transaction,
    interval: packet.readUInt32BE(8),
    leechers: packet.readUInt32BE(12),
    seeders: packet.readUInt32BE(16),
    peers,
  }
}

export function readScrape(packet: Buffer): ScrapeAnswer {
  const transaction = readHead(packet, SCRAPE)
  if ((packet.length - 8) % 12 !== 0) throw new Error(`a scrape response of ${packet.length} bytes`)
  const entries: ScrapeEntry[] = []
  for (let at = 8; at < packet.length; at += 12) {
    entries.push({
      seeders: packet.readUInt32BE(at),
      completed: packet.readUInt32BE(at + 4),
      leechers: packet.readUInt32BE(at + 8),
    })
  }
  return { transaction, entries }
}

export function readError(packet: Buffer): ErrorAnswer {
  const transaction = readHead(packet, ERROR)
  return { transaction, text: packet.toString('utf8', 8) }
}

function readHead(packet: Buffer, action: number): number {
  const found = packet.readUInt32BE(0)
  if (found !== action) {
    const text = found === ERROR ? ` «${packet.toString('utf8', 8)}»` : ''
    throw new Error(`action ${found}${text} in place of ${action}`)
  }
  return packet.readUInt32BE(4)
}

/** How tests write a peer, of either family: the bytes of its address in decimal, and its port. */
export function peer(address: Uint8Array, port: number): string {
  return `${address.join('.')}:${port}`
}

/** The bytes of an address in its usual text form. */
export function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number))
  const [front = '', back] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const left = groups(front)
  const right = groups(back ?? '')
  const zeros = Array<string>(back === undefined ? 0 : 8 - left.length - right.length).fill('0')
  const numbers = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16))
  return Buffer.from(numbers.flatMap((number) => [number >> 8, number & 255]))
}
