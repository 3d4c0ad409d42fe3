// Asks one UDP tracker at one address as clients do, and remembers which peers it announced, to stop them at the end.
// Used by the UDP probes and checks. Owns its sockets until close().
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { Skip, Unmet } from '../check.ts'
import { type Patience, pause, within } from '../deadline.ts'
import { addressSeen, type Endpoint, sameAddress } from '../endpoint.ts'
import {
  type AnnounceAnswer,
  type AnnounceFields,
  announcePacket,
  connectPacket,
  readAnnounce,
  readConnect,
  readScrape,
  type ScrapeEntry,
  STOPPED,
  scrapePacket,
  urlDataOption,
} from './packets.ts'

/** UDP loses packets: clients ask again. */
const TRIES = 3
/** Nobody who answers as asked sends more before it is read. */
const KEPT_MAX = 64
const STOPPED_MAX = 1000

export interface UdpAnswer {
  readonly bytes: Buffer
  readonly host: string
  readonly port: number
  /** Since it was asked, the last time. */
  readonly ms: number
}

/** A client's socket. */
export class UdpSocket {
  private socket!: Bun.udp.Socket<'buffer'>
  private readonly endpoint: Endpoint
  private readonly patience: Patience
  private readonly kept: UdpAnswer[] = []
  private wake: () => void = () => {}
  private sentAt = 0

  static async open(
    endpoint: Endpoint,
    patience: Patience,
    localAddress?: string,
  ): Promise<UdpSocket> {
    const opened = new UdpSocket(endpoint, patience)
    const hostname = localAddress ?? (endpoint.family === 4 ? '0.0.0.0' : '::')
    opened.socket = await Bun.udpSocket({
      hostname,
      socket: {
        data: (_, bytes, port, host) => opened.receive(Buffer.from(bytes), host, port),
        // ICMP errors of a closed port; the time limit decides.
        error: () => {},
      },
    })
    return opened
  }

  private constructor(endpoint: Endpoint, patience: Patience) {
    this.endpoint = endpoint
    this.patience = patience
  }

  get port(): number {
    return this.socket.port
  }

  /** The address from which the system sends to the tracker; null if it does not tell. */
  async localAddressTo(): Promise<string | null> {
    const { address, url, family } = this.endpoint
    try {
      const probe = createSocket(family === 4 ? 'udp4' : 'udp6')
      const told = new Promise<string | null>((resolve) => {
        probe.once('error', () => resolve(null))
        probe.connect(url.port, address, () => resolve(probe.address().address))
      })
      const local = (await within(told, this.patience.answerMs)) ?? null
      probe.close()
      return local
    } catch {
      return null
    }
  }

  close(): void {
    this.socket.close()
  }

  send(packet: Buffer): void {
    this.sentAt = performance.now()
    try {
      this.socket.send(packet, this.endpoint.url.port, this.endpoint.address)
    } catch {
      // The system tells here what came back for an earlier packet; the time limit decides.
    }
  }

  /** The answer with a new transaction id, from wherever it comes; undefined when there is none. */
  async ask(packet: Buffer, tries = TRIES): Promise<UdpAnswer | undefined> {
    const transaction = numbered(packet)
    for (let i = 0; i < tries; i++) {
      this.send(packet)
      const answer = await this.waitFor(
        (bytes) => bytes.length >= 8 && bytes.readUInt32BE(4) === transaction,
      )
      if (answer !== undefined) return answer
    }
    return undefined
  }

  /** Everything that comes after a packet that should get no answer. */
  async answersTo(packet: Buffer): Promise<UdpAnswer[]> {
    this.kept.length = 0
    if (packet.length >= 16) numbered(packet)
    this.send(packet)
    await pause(this.patience.silenceMs)
    return this.kept.splice(0)
  }

  private receive(bytes: Buffer, host: string, port: number): void {
    if (this.kept.length >= KEPT_MAX) this.kept.shift()
    this.kept.push({ bytes, host, port, ms: performance.now() - this.sentAt })
    this.wake()
  }

  private async waitFor(fits: (bytes: Buffer) => boolean): Promise<UdpAnswer | undefined> {
    const deadline = performance.now() + this.patience.answerMs
    for (;;) {
      const index = this.kept.findIndex(({ bytes }) => fits(bytes))
      if (index >= 0) return this.kept.splice(index, 1)[0]
      const left = deadline - performance.now()
      if (left <= 0) return undefined
      const news = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      await within(news, left)
    }
  }
}

function numbered(packet: Buffer): number {
  const transaction = randomInt(1, 2 ** 32)
  packet.writeUInt32BE(transaction, 12)
  return transaction
}

/** What clients have left. */
export const LEECHER = 1000n
export const SEEDER = 0n

interface Announced {
  readonly fields: AnnounceFields
  readonly socket: UdpSocket
}

export class UdpSession {
  readonly endpoint: Endpoint
  readonly patience: Patience
  readonly main: UdpSocket
  private readonly sockets: UdpSocket[]
  private id: Buffer | undefined
  private readonly live = new Map<string, Announced>()
  private nextPort = randomInt(20_000, 50_000)

  static async open(endpoint: Endpoint, patience: Patience): Promise<UdpSession> {
    return new UdpSession(endpoint, patience, await UdpSocket.open(endpoint, patience))
  }

  private constructor(endpoint: Endpoint, patience: Patience, main: UdpSocket) {
    this.endpoint = endpoint
    this.patience = patience
    this.main = main
    this.sockets = [main]
  }

  async openSocket(localAddress?: string): Promise<UdpSocket> {
    try {
      const socket = await UdpSocket.open(this.endpoint, this.patience, localAddress)
      this.sockets.push(socket)
      return socket
    } catch {
      throw new Skip(`no socket on ${localAddress}`)
    }
  }

  async hello(): Promise<void> {
    if ((await this.main.ask(connectPacket(0))) === undefined)
      throw new Unmet('the tracker does not answer')
  }

  /** Nobody else's torrent. */
  newHash(): Buffer {
    return this.endpoint.hashes.next()
  }

  /** The address by which the tracker must know this machine; null if only the tracker can tell. */
  get external(): Buffer | null {
    return addressSeen(this.endpoint)
  }

  newPort(): number {
    return this.nextPort++
  }

  /** A connection id, kept for the session: they last a minute at least. */
  async connectionId(): Promise<Buffer> {
    this.id ??= await this.connect()
    return Buffer.from(this.id)
  }

  async connect(socket = this.main): Promise<Buffer> {
    const { bytes } = await this.request(connectPacket(0), 'a connect', socket)
    return readConnect(bytes)
  }

  /** An answer from where it was asked, or the check fails. */
  async request(packet: Buffer, what: string, socket = this.main): Promise<UdpAnswer> {
    const answer = await socket.ask(packet)
    if (answer === undefined) throw new Unmet(`${what} gets no answer`)
    const { address, url } = this.endpoint
    if (!sameAddress(answer.host, address) || answer.port !== url.port) {
      throw new Unmet(
        `${what} is answered from ${answer.host} port ${answer.port}, which clients ignore`,
      )
    }
    return answer
  }

  /** New peers of a torrent; returns their ports. */
  async join(hash: Buffer, lefts: readonly bigint[]): Promise<number[]> {
    const ports: number[] = []
    for (const left of lefts) {
      const port = this.newPort()
      ports.push(port)
      await this.announce({ hash, port, left })
    }
    return ports
  }

  async announceRaw(fields: AnnounceFields, socket = this.main): Promise<UdpAnswer> {
    const id = await this.connectionId()
    this.remember(fields, socket)
    return this.request(announcePacket(id, this.withPath(fields)), 'an announce', socket)
  }

  async announce(fields: AnnounceFields, socket = this.main): Promise<AnnounceAnswer> {
    return readAnnounce((await this.announceRaw(fields, socket)).bytes, this.endpoint.family)
  }

  async scrape(hashes: readonly Buffer[]): Promise<ScrapeEntry[]> {
    const id = await this.connectionId()
    return readScrape((await this.request(scrapePacket(id, hashes), 'a scrape')).bytes)
  }

  /** Takes its peers out of the tracker again, without waiting for answers. */
  async close(): Promise<void> {
    const { id } = this
    if (id !== undefined) {
      for (const { fields, socket } of [...this.live.values()].slice(0, STOPPED_MAX)) {
        const packet = announcePacket(id, this.withPath({ ...fields, event: STOPPED }))
        numbered(packet)
        socket.send(packet)
      }
    }
    // Bun sends what the system has no room for only once the event loop turns.
    await pause(1)
    for (const socket of this.sockets) socket.close()
  }

  /** BEP 41 as libtorrent does it, where the path says more than «announce». */
  private withPath(fields: AnnounceFields): AnnounceFields {
    const { target } = this.endpoint.url
    if (fields.options !== undefined || target === '/' || target === '/announce') return fields
    return { ...fields, options: urlDataOption(target) }
  }

  private remember(fields: AnnounceFields, socket: UdpSocket): void {
    const key = `${fields.hash.toString('hex')} ${fields.port}`
    if (fields.event === STOPPED) this.live.delete(key)
    else this.live.set(key, { fields, socket })
  }
}
