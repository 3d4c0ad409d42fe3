// A client of a UDP tracker over a real socket. Asks again when no answer comes, as clients do,
// because UDP may lose packets even on one machine. Used by the tests that start a tracker.
import {
  type AnnounceAnswer,
  type AnnounceFields,
  announceRequest,
  connectRequest,
  readAnnounce,
  readConnect,
  readScrape,
  type ScrapeEntry,
  scrapeRequest,
} from './packets.ts'
import type { Endpoint } from './tracker.ts'
import { waitFor } from './wait.ts'

export interface Answer extends Endpoint {
  readonly packet: Buffer
}

/** A busy machine needs no second request: tests that count them would notice. */
const RESEND_MS = 2000
const TRIES = 20

/** How long an answer is waited for, and how often it is asked for. */
export interface Patience {
  readonly resendMs: number
  readonly tries: number
}

/** Transaction ids start here, so that they are not small numbers. */
const FIRST_TRANSACTION = 0x51000000

export class UdpClient {
  /** Requests that were sent more than once. */
  resent = 0
  private socket!: Bun.udp.Socket<'buffer'>
  private readonly answers = new Map<number, Answer>()
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private nextTransaction = FIRST_TRANSACTION
  private patience: Patience = { resendMs: RESEND_MS, tries: TRIES }

  /** Bound to an address, and to a port that the system chooses. */
  static async open(hostname = '127.0.0.1', patience?: Patience): Promise<UdpClient> {
    const client = new UdpClient()
    client.patience = patience ?? client.patience
    client.socket = await Bun.udpSocket({
      hostname,
      socket: {
        data: (_, packet, port, host) =>
          client.receive({ packet: Buffer.from(packet), port, host }),
        // For a tracker that has ended, ICMP errors come; the request's own time limit decides.
        error: () => {},
      },
    })
    return client
  }

  get port(): number {
    return this.socket.port
  }

  close(): void {
    this.socket.close()
  }

  /** The answer to a packet, whose transaction id is replaced by a new one. */
  async request(packet: Buffer, to: Endpoint): Promise<Answer> {
    const transaction = this.number(packet)
    for (let i = 0; i < this.patience.tries; i++) {
      if (i > 0) this.resent++
      this.send(packet, to)
      const answer = await this.answerTo(transaction)
      if (answer !== undefined) return answer
    }
    throw new Error(`no answer from ${to.host}:${to.port}`)
  }

  /** Whether a packet gets no answer: a connect sent behind it is answered first. */
  async isSilent(packet: Buffer, to: Endpoint): Promise<boolean> {
    const transaction = packet.length >= 16 ? this.number(packet) : -1
    this.send(packet, to)
    await this.request(connectRequest(), to)
    return !this.answers.has(transaction)
  }

  async connect(to: Endpoint): Promise<Buffer> {
    return readConnect((await this.request(connectRequest(), to)).packet).connectionId
  }

  /** Connects and announces. */
  async announce(to: Endpoint, fields: AnnounceFields = {}): Promise<AnnounceAnswer> {
    const { packet } = await this.request(announceRequest(await this.connect(to), fields), to)
    return readAnnounce(packet, to.host.includes(':') ? 6 : 4)
  }

  /** Connects and scrapes one torrent. */
  async scrape(to: Endpoint, infoHash: Uint8Array): Promise<ScrapeEntry> {
    const { packet } = await this.request(scrapeRequest(await this.connect(to), [infoHash]), to)
    return readScrape(packet).entries[0]
  }

  send(packet: Buffer, to: Endpoint): void {
    this.socket.send(packet, to.port, to.host)
  }

  /** Sends many packets at once; the system may drop some. */
  sendMany(packets: readonly Buffer[], to: Endpoint): void {
    this.socket.sendMany(packets.flatMap((packet) => [packet, to.port, to.host]))
  }

  private number(packet: Buffer): number {
    const transaction = this.nextTransaction++
    packet.writeUInt32BE(transaction, 12)
    return transaction
  }

  private receive(answer: Answer): void {
    if (answer.packet.length < 8) return
    const transaction = answer.packet.readUInt32BE(4)
    this.answers.set(transaction, answer)
    this.waiting.get(transaction)?.(answer)
  }

  private answerTo(transaction: number): Promise<Answer | undefined> {
    const answer = new Promise<Answer>((resolve) => this.waiting.set(transaction, resolve))
    const known = this.answers.get(transaction)
    return known === undefined ? waitFor(answer, this.patience.resendMs) : Promise.resolve(known)
  }
}

/** Opens a client, has it used, and closes it. */
export async function withClient<T>(
  hostname: string,
  use: (client: UdpClient) => T | Promise<T>,
): Promise<T> {
  const client = await UdpClient.open(hostname)
  try {
    return await use(client)
  } finally {
    client.close()
  }
}
