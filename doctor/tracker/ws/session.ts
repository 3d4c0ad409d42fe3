// Asks one WebTorrent tracker at one address as clients do. Used by the WebTorrent probes and checks. Owns its connections.
import { randomBytes } from 'node:crypto'
import { must, shown } from '../check.ts'
import type { Patience } from '../deadline.ts'
import { addressSeen, type Endpoint } from '../endpoint.ts'
import { Connection } from '../http/connection.ts'
import { type Handshake, type Message, WsClient } from './client.ts'

export interface Offer {
  readonly offer: { readonly type: string; readonly sdp: string }
  readonly offer_id: string
}

export class WsSession {
  readonly endpoint: Endpoint
  readonly patience: Patience
  private readonly clients: WsClient[] = []

  static async open(endpoint: Endpoint, patience: Patience): Promise<WsSession> {
    return new WsSession(endpoint, patience)
  }

  private constructor(endpoint: Endpoint, patience: Patience) {
    this.endpoint = endpoint
    this.patience = patience
  }

  get external(): Buffer | null {
    return addressSeen(this.endpoint)
  }

  async connect(handshake: Handshake = {}): Promise<WsClient> {
    const client = await WsClient.open(this.endpoint, this.patience, handshake)
    this.clients.push(client)
    return client
  }

  /** Each a client of its own. */
  async connectMany(count: number): Promise<WsClient[]> {
    const clients: WsClient[] = []
    for (let i = 0; i < count; i++) clients.push(await this.connect())
    return clients
  }

  async hello(): Promise<void> {
    const connection = await Connection.open(this.endpoint, this.patience)
    connection.close()
  }

  newHash(): string {
    return this.endpoint.hashes.next().toString('latin1')
  }

  newPeerId(): string {
    return `-AD0001-${randomBytes(6).toString('hex')}`
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close()
  }
}

export const LEECHER = 1000
export const SEEDER = 0

export function announceOf(hash: string, peerId: string, more: object = {}): object {
  const common = {
    action: 'announce',
    info_hash: hash,
    peer_id: peerId,
    uploaded: 0,
    downloaded: 0,
  }
  return { ...common, left: LEECHER, numwant: 5, event: 'started', ...more }
}

/** Made up, but with what descriptions have: line breaks, quotes, and characters beyond ASCII. */
export function newOffer(): Offer {
  const mark = randomBytes(6).toString('hex')
  return {
    offer: { type: 'offer', sdp: `v=0\r\no=- ${mark} 2 IN IP4 127.0.0.1\r\ns="\u20ac\\"\r\n` },
    offer_id: randomBytes(20).toString('latin1'),
  }
}

export function answerTo(hash: string, peerId: string, received: Message): object {
  return {
    action: 'announce',
    info_hash: hash,
    peer_id: peerId,
    to_peer_id: received.peer_id,
    offer_id: received.offer_id,
    answer: { type: 'answer', sdp: 'v=0\r\ns="\u20ac\\"\r\na=recvonly\r\n' },
  }
}

/** What a scrape counts: complete/downloaded/incomplete. */
export async function scraped(client: WsClient, hash: string): Promise<string> {
  return entryOf(await client.ask({ action: 'scrape', info_hash: hash }), hash)
}

export function entryOf({ files }: Message, hash: string): string {
  must(typeof files === 'object' && files !== null, 'a scrape has no object "files"')
  const entry = (files as Record<string, unknown>)[hash]
  must(entry !== undefined, 'a scrape lacks the torrent that was asked for')
  must(typeof entry === 'object' && entry !== null, 'an entry of "files" is no object')
  const { complete, downloaded, incomplete } = entry as Message
  return [complete, downloaded, incomplete].map((count) => shown(count)).join('/')
}
