// A small WebTorrent tracker that does as our document says, apart from one fault that a test plants. It shares no code with the
// doctor or our trackers. Owns its sockets until close().
import { createHash } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { framesIn, serverFrame, type WsFrame } from './ws-frames.ts'

export type Message = Record<string, unknown>

interface Peer {
  readonly connection: WsConnection
  readonly peerId: string
  readonly seeder: boolean
}

/** What is wrong with it: each part replaces the right one. */
export interface WsFault {
  /** Changes the head of a request. */
  readonly head?: (text: string) => string
  /** Changes the answer to it. */
  readonly response?: (text: string) => string
  readonly frame?: (frame: WsFrame) => WsFrame | null
  /** The code of a close, for another; null: the connection stays open. */
  readonly close?: (code: number) => number | null
  readonly sizeMax?: number
  readonly text?: (text: string) => string
  readonly message?: (message: Message, tracker: WsTracker) => Message | null
  /** Changes what is sent; `to` is the sender of `about` unless it is an offer or an answer. */
  readonly send?: (
    message: Message,
    about: Message,
    tracker: WsTracker,
  ) => Message | readonly Message[] | null
  readonly opcode?: number
  readonly receivers?: (
    fit: readonly Peer[],
    all: readonly Peer[],
    about: Message,
  ) => readonly Peer[]
  readonly leaves?: boolean
  /** Whether an answer is passed on to the peer that it names. */
  readonly passes?: (rightly: boolean, about: Message) => boolean
  readonly owns?: boolean
  /** Answers get a response, as announces do. */
  readonly responds?: boolean
  readonly peerIdsMax?: number
  readonly tls?: TlsOptions
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const DEPTH_MAX = 16

export interface WsConnection {
  readonly socket: Socket
  readonly pending: Map<string, WsConnection>
}

export class WsTracker {
  readonly swarms = new Map<string, Map<string, Peer>>()
  readonly downloads = new Map<string, number>()
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly fault: WsFault

  static async open(fault: WsFault = {}): Promise<WsTracker> {
    const tracker = new WsTracker(fault)
    await new Promise<void>((resolve) => tracker.server.listen(0, '127.0.0.1', resolve))
    return tracker
  }

  private constructor(fault: WsFault) {
    this.fault = fault
    const serve = (socket: Socket) => this.serve(socket)
    this.server = fault.tls === undefined ? createServer(serve) : createTlsServer(fault.tls, serve)
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  close(): void {
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  swarm(hash: string): Map<string, Peer> {
    const known = this.swarms.get(hash) ?? new Map<string, Peer>()
    this.swarms.set(hash, known)
    return known
  }

  private serve(socket: Socket): void {
    let bytes = Buffer.alloc(0)
    let isOpen = false
    const connection: WsConnection = { socket, pending: new Map() }
    const take = this.reader(connection)
    this.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.left(connection))
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data])
      const end = bytes.indexOf('\r\n\r\n')
      if (!isOpen && end >= 0) {
        isOpen = this.shake(socket, bytes.toString('latin1', 0, end))
        bytes = bytes.subarray(end + 4)
      }
      if (!isOpen) return
      const { frames, rest } = framesIn(bytes)
      bytes = Buffer.from(rest)
      for (const frame of frames) take(frame)
    })
  }

  /** Whether the connection is a WebSocket from now on. */
  private shake(socket: Socket, given: string): boolean {
    const head = this.fault.head?.(given) ?? given
    const field = (name: string) =>
      new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(head)?.[1] ?? ''
    const respond = (status: string, more: string, body = '') => {
      const text = `HTTP/1.1 ${status}\r\n${more}\r\n${body}`
      socket.write(this.fault.response?.(text) ?? text)
    }
    const key = field('Sec-WebSocket-Key')
    if (
      /websocket/i.test(field('Upgrade')) &&
      /upgrade/i.test(field('Connection')) &&
      key !== '' &&
      field('Sec-WebSocket-Version') === '13'
    ) {
      const accept = createHash('sha1')
        .update(key + GUID)
        .digest('base64')
      respond(
        '101 X',
        `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`,
      )
      return true
    }
    const target = head.split(' ')[1]
    const failure = 'd14:failure reason9:use wss:/e'
    const [status, body] =
      target === '/health'
        ? ['200 OK', 'OK']
        : target.startsWith('/announce?')
          ? ['200 OK', failure]
          : ['426 X', 'no']
    respond(
      status,
      `Content-Length: ${body.length}\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n`,
      body,
    )
    socket.end()
    return false
  }

  /** Takes frames, one after the other. */
  private reader(connection: WsConnection): (frame: WsFrame) => void {
    let parts: Buffer[] = []
    let isText = true
    let isClosed = false
    const { socket } = connection
    const close = (right: number) => {
      const code = this.fault.close === undefined ? right : this.fault.close(right)
      if (code === null || isClosed) return
      isClosed = true
      if (code !== 1006) socket.write(serverFrame(8, Buffer.from([code >> 8, code & 255])))
      socket.end()
    }
    return (given) => {
      const frame = this.fault.frame === undefined ? given : this.fault.frame(given)
      if (frame === null || isClosed) return
      const { opcode, final, masked, reserved, payload, size } = frame
      if (
        !masked ||
        reserved !== 0 ||
        ![0, 1, 2, 8, 9, 10].includes(opcode) ||
        (opcode > 7 && size > 125)
      )
        return close(1002)
      if (size > (this.fault.sizeMax ?? 65_536)) return close(1009)
      if (opcode === 8) return close(1000)
      if (opcode === 9) return void socket.write(serverFrame(10, payload))
      if (opcode === 10) return
      if (opcode > 0) isText = opcode === 1
      parts.push(payload)
      if (!final) return
      const whole = Buffer.concat(parts)
      parts = []
      const text = new TextDecoder('utf-8').decode(whole)
      if (isText && text.includes('\ufffd')) return close(1007)
      this.receive(connection, this.fault.text?.(text) ?? text)
    }
  }

  private receive(connection: WsConnection, text: string): undefined {
    const parsed = parsedText(text)
    if (parsed === null)
      return this.send(connection, { action: 'announce', 'failure reason': 'Invalid JSON' }, {})
    const message = this.fault.message === undefined ? parsed : this.fault.message(parsed, this)
    if (message === null) return
    const reason = reasonAgainst(message)
    if (reason !== '') return this.refuse(connection, message, reason)
    if (message.action === 'scrape') return this.scrape(connection, message)
    return message.answer === undefined
      ? this.announce(connection, message)
      : this.answer(connection, message)
  }

  private refuse(connection: WsConnection, message: Message, reason: string): undefined {
    const { info_hash: hash, offer_id: offerId } = message
    this.send(
      connection,
      {
        action: message.action === 'scrape' ? 'scrape' : 'announce',
        'failure reason': reason,
        ...(isId(hash) ? { info_hash: hash } : {}),
        ...(typeof offerId === 'string' ? { offer_id: offerId } : {}),
      },
      message,
    )
  }

  private announce(connection: WsConnection, message: Message): undefined {
    const { info_hash: hash, peer_id: peerId, event } = message as Record<string, string>
    const swarm = this.swarm(hash)
    const before = swarm.get(peerId)
    const isAnothers =
      before !== undefined && before.connection !== connection && this.fault.owns !== false
    const seeder = message.left === 0
    if (!isAnothers) {
      const own = [...swarm.values()].filter((peer) => peer.connection === connection)
      if (before === undefined && own.length >= (this.fault.peerIdsMax ?? 4))
        return this.refuse(connection, message, 'Too many peer ids')
      if (event === 'stopped') swarm.delete(peerId)
      else swarm.set(peerId, { connection, peerId, seeder })
      if (event === 'completed' && before?.seeder === false)
        this.downloads.set(hash, (this.downloads.get(hash) ?? 0) + 1)
    }
    const offers = Array.isArray(message.offers) ? (message.offers as unknown[]) : []
    const valid = offers.filter(isOffer)
    const warning =
      valid.length === offers.length
        ? {}
        : { 'warning message': `${offers.length - valid.length} invalid` }
    const { complete, incomplete } = this.counts(hash)
    this.send(
      connection,
      { action: 'announce', interval: 120, complete, incomplete, info_hash: hash, ...warning },
      message,
    )
    if (!isAnothers && event !== 'stopped') this.offer(connection, message, valid)
  }

  private offer(connection: WsConnection, message: Message, offers: readonly Message[]): undefined {
    const { info_hash: hash, peer_id: peerId } = message as Record<string, string>
    const all = [...this.swarm(hash).values()]
    const others = all.filter((peer) => peer.peerId !== peerId)
    const leechers = others.filter((peer) => !peer.seeder)
    const fit =
      message.left === 0 ? leechers : [...leechers, ...others.filter((peer) => peer.seeder)]
    const receivers = this.fault.receivers?.(fit, all, message) ?? fit
    for (const [i, { offer, offer_id }] of offers.slice(0, receivers.length).entries()) {
      const to = receivers[i]
      to.connection.pending.set([hash, to.peerId, peerId, offer_id].join(' '), connection)
      this.send(
        to.connection,
        { action: 'announce', info_hash: hash, peer_id: peerId, offer_id, offer },
        message,
      )
    }
  }

  private answer(connection: WsConnection, message: Message): undefined {
    const { info_hash: hash, peer_id: peerId, to_peer_id: to, offer_id: offerId, answer } = message
    if (typeof answer !== 'object' || answer === null || !isId(to) || typeof offerId !== 'string')
      return this.refuse(connection, message, 'Invalid answer')
    const key = [hash, peerId, to, offerId].join(' ')
    const offerer = connection.pending.get(key)
    const named = [...this.swarms.values()]
      .map((swarm) => swarm.get(to as string))
      .find((peer) => peer !== undefined)
    const passes = this.fault.passes?.(offerer !== undefined, message) ?? offerer !== undefined
    if (!passes) return this.refuse(connection, message, 'No such offer')
    connection.pending.delete(key)
    if (this.fault.responds === true)
      this.send(connection, { action: 'announce', info_hash: hash }, message)
    const target = offerer ?? named?.connection
    if (target !== undefined)
      this.send(
        target,
        { action: 'announce', info_hash: hash, peer_id: peerId, offer_id: offerId, answer },
        message,
      )
  }

  private scrape(connection: WsConnection, message: Message): undefined {
    const { info_hash: asked } = message
    if (asked === undefined) return this.refuse(connection, message, 'No info_hash')
    const files: Message = {}
    for (const hash of Array.isArray(asked) ? asked : [asked])
      if (isId(hash)) files[hash] = this.counts(hash)
    this.send(connection, { action: 'scrape', files }, message)
  }

  private counts(hash: string): { complete: number; downloaded: number; incomplete: number } {
    const peers = [...(this.swarms.get(hash)?.values() ?? [])]
    const complete = peers.filter(({ seeder }) => seeder).length
    return {
      complete,
      downloaded: this.downloads.get(hash) ?? 0,
      incomplete: peers.length - complete,
    }
  }

  private send(to: WsConnection, right: Message, about: Message): undefined {
    const sent = this.fault.send === undefined ? right : this.fault.send(right, about, this)
    for (const each of sent === null ? [] : [sent].flat()) {
      if (to.socket.writable)
        to.socket.write(serverFrame(this.fault.opcode ?? 1, Buffer.from(JSON.stringify(each))))
    }
  }

  private left(connection: WsConnection): void {
    if (this.fault.leaves === false) return
    for (const swarm of this.swarms.values()) {
      for (const [id, peer] of swarm) if (peer.connection === connection) swarm.delete(id)
    }
  }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[\0-\xff]{20}$/.test(value)
}

function isOffer(value: unknown): value is Message {
  const { offer, offer_id: id } = (value ?? {}) as Message
  return typeof offer === 'object' && offer !== null && typeof id === 'string' && id.length <= 64
}

function parsedText(text: string): Message | null {
  let depth = 0
  for (const c of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (c === '[' || c === '{') depth++
    if (depth > DEPTH_MAX) return null
    if (c === ']' || c === '}') depth--
  }
  try {
    const parsed = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}

function reasonAgainst({ action, info_hash: hash, peer_id: peerId, event }: Message): string {
  if (action === 'scrape')
    return hash === undefined || Array.isArray(hash) || isId(hash) ? '' : 'Invalid info_hash'
  if (action !== 'announce') return 'Invalid action'
  if (!isId(hash)) return 'Invalid info_hash'
  if (!isId(peerId)) return 'Invalid peer_id'
  return event === undefined || event === null || typeof event === 'string' ? '' : 'Invalid event'
}
