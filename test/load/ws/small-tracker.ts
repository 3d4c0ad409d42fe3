// A WebTorrent tracker of a few lines that does one thing wrong now and then: what the load tester has
// to notice. Used by checks.test.ts. It runs in the test's process, on 127.0.0.1.
import type { Server, ServerWebSocket } from 'bun'

// biome-ignore lint/suspicious/noExplicitAny: messages, changed freely by the faults
export type Json = any

export type Kind = 'announce' | 'scrape' | 'offer' | 'answer'

/** A message on its way out; a fault changes it. */
export interface Out {
  to: ServerWebSocket<Peer>
  message: Json
  copies: number
  /** Sent in place of the message. */
  text?: string
}

export interface Peer {
  id: string
  /** By info hash. */
  seeds: Map<string, boolean>
}

export interface Fault {
  readonly kind: Kind
  /** One in so many messages of this kind is changed. */
  readonly every: number
  readonly change: (out: Out, tracker: SmallTracker) => void
}

export class SmallTracker {
  readonly server: Server<Peer>
  readonly sockets = new Set<ServerWebSocket<Peer>>()
  /** Messages changed so far. */
  changed = 0
  /** Answers to offers passed on. */
  answers = 0
  private readonly fault: Fault | null
  private seen = 0

  constructor(fault: Fault | null) {
    this.fault = fault
    this.server = Bun.serve<Peer>({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, server) => {
        const data = { id: '', seeds: new Map() }
        return server.upgrade(request, { data }) ? undefined : new Response('', { status: 426 })
      },
      websocket: {
        open: (socket) => void this.sockets.add(socket),
        close: (socket) => void this.sockets.delete(socket),
        message: (socket, text) => this.message(socket, JSON.parse(String(text))),
      },
    })
  }

  get settings(): string {
    return `server_address = '127.0.0.1:${this.server.port}'\n`
  }

  async stop(): Promise<void> {
    await this.server.stop(true)
  }

  private message(socket: ServerWebSocket<Peer>, message: Json): void {
    if (message.action === 'scrape') this.scrape(socket, message)
    else if (message.answer) this.answer(socket, message)
    else this.announce(socket, message)
  }

  private scrape(socket: ServerWebSocket<Peer>, { info_hash }: Json): void {
    const entries = [info_hash].flat().map((hash: string) => {
      return [hash, { ...this.counts(hash), downloaded: 0 }]
    })
    this.send('scrape', socket, { action: 'scrape', files: Object.fromEntries(entries) })
  }

  private answer(socket: ServerWebSocket<Peer>, message: Json): void {
    const { info_hash, to_peer_id, answer, offer_id } = message
    const to = [...this.sockets].find(({ data }) => data.id === to_peer_id)
    if (to === undefined) return
    this.answers++
    const { id } = socket.data
    this.send('answer', to, { action: 'announce', info_hash, peer_id: id, answer, offer_id })
  }

  private announce(socket: ServerWebSocket<Peer>, message: Json): void {
    const { info_hash, peer_id, offers, left } = message
    socket.data.id = peer_id
    socket.data.seeds.set(info_hash, left === 0)
    const counts = this.counts(info_hash)
    this.send('announce', socket, { action: 'announce', info_hash, interval: 120, ...counts })
    const others = [...this.sockets].filter(
      (other) => other !== socket && other.data.seeds.has(info_hash),
    )
    for (const [i, { offer, offer_id }] of offers.entries()) {
      if (i >= others.length) return
      this.send('offer', others[i], { action: 'announce', info_hash, peer_id, offer, offer_id })
    }
  }

  counts(hash: string): { complete: number; incomplete: number } {
    const found = [...this.sockets].filter(({ data }) => data.seeds.has(hash))
    const complete = found.filter(({ data }) => data.seeds.get(hash)).length
    return { complete, incomplete: found.length - complete }
  }

  private send(kind: Kind, to: ServerWebSocket<Peer>, message: Json): void {
    const out: Out = { to, message, copies: 1 }
    const { fault } = this
    if (fault?.kind === kind && ++this.seen % fault.every === 0) {
      fault.change(out, this)
      this.changed++
    }
    for (let i = 0; i < out.copies; i++) out.to.send(out.text ?? JSON.stringify(out.message))
  }
}
