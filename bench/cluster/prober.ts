// How long it takes until a peer that has announced to one node is known at another: announces peers in torrents of their own, and
// scrapes them at the other node every few milliseconds until they are there. What it finds is later than the truth by
// up to that time and a round trip.

import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { nowMilliseconds } from '../../src/os/clock.ts'

const PROTOCOL = Buffer.from('0000041727101980', 'hex')
const CONNECT = 0
const ANNOUNCE = 1
const SCRAPE = 2
const ANNOUNCE_BYTES = 98
const SCRAPED_AT_ONCE = 70
const HASH_BYTES = 20
const COUNTS_BYTES = 12
const HEAD_BYTES = 8
/** Then it is counted as lost. */
const PATIENCE_MILLISECONDS = 5000

interface Marker {
  readonly infoHash: Buffer
  readonly at: number
}

export interface Lags {
  /** Milliseconds, sorted. */
  readonly found: number[]
  readonly lost: number
}

class Client {
  private readonly socket: Socket
  private readonly port: number
  private connection: Buffer | null = null
  private transaction = 0
  private readonly waiting = new Map<number, (body: Buffer) => void>()

  constructor(port: number) {
    this.port = port
    this.socket = createSocket('udp4')
    this.socket.on('message', (message) => {
      const transaction = message.readUInt32BE(4)
      const take = this.waiting.get(transaction)
      this.waiting.delete(transaction)
      if (message.readUInt32BE(0) <= SCRAPE) take?.(message.subarray(HEAD_BYTES))
    })
  }

  async connect(): Promise<void> {
    const body = await new Promise<Buffer>((resolve) =>
      this.send(PROTOCOL, CONNECT, Buffer.alloc(0), resolve),
    )
    this.connection = Buffer.from(body.subarray(0, 8))
  }

  ask(action: number, body: Buffer, take: (body: Buffer) => void): void {
    if (this.connection === null) throw new Error('not connected')
    this.send(this.connection, action, body, take)
  }

  close(): void {
    this.socket.close()
  }

  private send(connection: Buffer, action: number, body: Buffer, take: (body: Buffer) => void) {
    const head = Buffer.alloc(8)
    const transaction = ++this.transaction
    head.writeUInt32BE(action, 0)
    head.writeUInt32BE(transaction, 4)
    this.waiting.set(transaction, take)
    this.socket.send(Buffer.concat([connection, head, body]), this.port, '127.0.0.1')
  }
}

export class Prober {
  private readonly to: Client
  private readonly at: Client
  private open: Marker[] = []
  private found: number[] = []
  private lost = 0
  private readonly timers: ReturnType<typeof setInterval>[] = []

  private constructor(to: Client, at: Client) {
    this.to = to
    this.at = at
  }

  /** `to` and `at`: ports of the two trackers. */
  static async open(to: number, at: number): Promise<Prober> {
    const clients = [new Client(to), new Client(at)]
    for (const client of clients) await client.connect()
    return new Prober(clients[0], clients[1])
  }

  start(everyMilliseconds: number, lookMilliseconds: number): void {
    this.timers.push(
      setInterval(() => this.announce(), everyMilliseconds),
      setInterval(() => this.look(), lookMilliseconds),
    )
  }

  /** What was found since the last time. */
  take(): Lags {
    const lags = { found: this.found.sort((a, b) => a - b), lost: this.lost }
    this.found = []
    this.lost = 0
    return lags
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer)
    this.to.close()
    this.at.close()
  }

  private announce(): void {
    const infoHash = randomBytes(HASH_BYTES)
    const body = Buffer.alloc(ANNOUNCE_BYTES - 16)
    body.set(infoHash, 0)
    body.set(randomBytes(20), 20)
    // Left, peers wanted, port.
    body.writeUInt32BE(1, 60)
    body.writeUInt16BE(1 + (infoHash[0] << 8), 80)
    this.open.push({ infoHash, at: nowMilliseconds() })
    this.to.ask(ANNOUNCE, body, () => {})
  }

  private look(): void {
    const now = nowMilliseconds()
    const late = this.open.filter(({ at }) => now - at > PATIENCE_MILLISECONDS)
    this.lost += late.length
    if (late.length > 0) this.open = this.open.filter((marker) => !late.includes(marker))
    const asked = this.open.slice(0, SCRAPED_AT_ONCE)
    if (asked.length === 0) return
    const body = Buffer.concat(asked.map(({ infoHash }) => infoHash))
    this.at.ask(SCRAPE, body, (counts) => this.heard(asked, counts))
  }

  private heard(asked: readonly Marker[], counts: Buffer): void {
    const now = nowMilliseconds()
    for (const [i, marker] of asked.entries()) {
      const seeders = counts.readUInt32BE(i * COUNTS_BYTES)
      const leechers = counts.readUInt32BE(i * COUNTS_BYTES + 8)
      const index = this.open.indexOf(marker)
      if (seeders + leechers === 0 || index < 0) continue
      this.open.splice(index, 1)
      this.found.push(now - marker.at)
    }
  }
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted.length === 0
    ? Number.NaN
    : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
