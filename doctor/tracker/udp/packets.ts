// BEP 15 as a client writes and reads it, apart from the tracker's own code. Used by the UDP probes and checks.
import { shown, Unmet } from '../check.ts'

export const CONNECT = 0
export const ANNOUNCE = 1
export const SCRAPE = 2
export const ERROR = 3

export const NO_EVENT = 0
export const COMPLETED = 1
export const STARTED = 2
export const STOPPED = 3
export const PAUSED = 4

const PROTOCOL_ID = 0x41727101980n

const CONNECT_BYTES = 16
const ANNOUNCE_HEAD = 20
const SCRAPE_HEAD = 8
const SCRAPE_ENTRY = 12

export interface AnnounceFields {
  readonly hash: Buffer
  readonly port: number
  readonly peerId?: Buffer
  readonly left?: bigint
  readonly event?: number
  readonly ip?: number
  readonly key?: number
  readonly numWant?: number
  /** After byte 98: BEP 41. */
  readonly options?: Buffer
}

export interface UdpPeer {
  readonly address: Buffer
  readonly port: number
}

export interface AnnounceAnswer {
  readonly interval: number
  readonly leechers: number
  readonly seeders: number
  readonly peers: readonly UdpPeer[]
  readonly size: number
}

export interface ScrapeEntry {
  readonly seeders: number
  readonly completed: number
  readonly leechers: number
}

export function connectPacket(transaction: number): Buffer {
  const packet = Buffer.alloc(CONNECT_BYTES)
  packet.writeBigUInt64BE(PROTOCOL_ID, 0)
  packet.writeUInt32BE(CONNECT, 8)
  packet.writeUInt32BE(transaction, 12)
  return packet
}

function head(id: Buffer, action: number, size: number): Buffer {
  const packet = Buffer.alloc(size)
  id.copy(packet, 0, 0, 8)
  packet.writeUInt32BE(action, 8)
  return packet
}

/** Transaction ids are written when it is sent. */
export function announcePacket(id: Buffer, fields: AnnounceFields): Buffer {
  const { hash, port, peerId = defaultPeerId(port), left = 1000n, event = STARTED } = fields
  const packet = head(id, ANNOUNCE, 98)
  hash.copy(packet, 16, 0, 20)
  peerId.copy(packet, 36, 0, 20)
  packet.writeBigUInt64BE(left, 64)
  packet.writeUInt32BE(event, 80)
  packet.writeUInt32BE(fields.ip ?? 0, 84)
  packet.writeUInt32BE(fields.key ?? 0x6b657900, 88)
  packet.writeInt32BE(fields.numWant ?? -1, 92)
  packet.writeUInt16BE(port, 96)
  return Buffer.concat([packet, fields.options ?? Buffer.alloc(0)])
}

export function scrapePacket(id: Buffer, hashes: readonly Buffer[]): Buffer {
  return Buffer.concat([head(id, SCRAPE, 16), ...hashes])
}

export function withAction(id: Buffer, action: number, size: number): Buffer {
  return head(id, action, size)
}

/** One for each port, so that two peers of a check are two clients. */
export function defaultPeerId(port: number): Buffer {
  return Buffer.from(`-AD0001-${String(port).padStart(12, '0')}`, 'latin1')
}

/** BEP 41: the URL's path and query, in options of up to 255 bytes. */
export function urlDataOption(target: string): Buffer {
  const bytes = Buffer.from(target, 'latin1')
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 255) {
    const part = bytes.subarray(at, at + 255)
    parts.push(Buffer.from([2, part.length]), part)
  }
  return Buffer.concat([...parts, Buffer.from([0])])
}

export function actionOf(answer: Buffer): number {
  return answer.length < 4 ? -1 : answer.readUInt32BE(0)
}

export function errorText(answer: Buffer): string {
  return answer.subarray(8).toString('utf8')
}

export function readConnect(answer: Buffer): Buffer {
  expectAction(answer, CONNECT, 'connect')
  if (answer.length < CONNECT_BYTES) throw new Unmet(`a connect answer has ${answer.length} bytes`)
  return Buffer.from(answer.subarray(8, 16))
}

export function readAnnounce(answer: Buffer, family: 4 | 6): AnnounceAnswer {
  expectAction(answer, ANNOUNCE, 'announce')
  const stride = family === 4 ? 6 : 18
  const rest = answer.length - ANNOUNCE_HEAD
  if (rest < 0 || rest % stride !== 0) {
    throw new Unmet(`an announce answer has ${answer.length} bytes: not 20 and ${stride} per peer`)
  }
  const peers: UdpPeer[] = []
  for (let at = ANNOUNCE_HEAD; at < answer.length; at += stride) {
    const address = Buffer.from(answer.subarray(at, at + stride - 2))
    peers.push({ address, port: answer.readUInt16BE(at + stride - 2) })
  }
  return {
    interval: answer.readUInt32BE(8),
    leechers: answer.readUInt32BE(12),
    seeders: answer.readUInt32BE(16),
    peers,
    size: answer.length,
  }
}

export function readScrape(answer: Buffer): ScrapeEntry[] {
  expectAction(answer, SCRAPE, 'scrape')
  if ((answer.length - SCRAPE_HEAD) % SCRAPE_ENTRY !== 0) {
    throw new Unmet(`a scrape answer has ${answer.length} bytes: not 8 and 12 per torrent`)
  }
  const entries: ScrapeEntry[] = []
  for (let at = SCRAPE_HEAD; at < answer.length; at += SCRAPE_ENTRY) {
    entries.push({
      seeders: answer.readUInt32BE(at),
      completed: answer.readUInt32BE(at + 4),
      leechers: answer.readUInt32BE(at + 8),
    })
  }
  return entries
}

function expectAction(answer: Buffer, action: number, what: string): void {
  const got = actionOf(answer)
  if (got === action) return
  const text = got === ERROR ? `the error ${shown(errorText(answer))}` : `action ${got}`
  throw new Unmet(`${what === 'announce' ? 'an' : 'a'} ${what} is answered by ${text}`)
}
