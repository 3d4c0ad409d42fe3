// An HTTP tracker of a page, right in everything or wrong in one thing, for the tests of the load tester's
// checks. Written from BEP 3, 7, 23 and 48 and not from our tracker, so that both can be wrong alone.
import type { Socket, TCPSocketListener } from 'bun'
import { type Announced, announcedText, Swarms } from '../swarms.ts'

const INTERVAL_SEC = 1800
/** The first answers are right, so that a run gets going. */
const RIGHT_ANSWERS = 200
const PIECE_BYTES = 13

export type Dictionary = [key: string | Buffer, value: Value][]
export type Value = number | string | Buffer | Value[] | { readonly dictionary: Dictionary }

/** An answer before it is sent. */
export interface Answer {
  readonly kind: 'announce' | 'scrape' | 'other'
  readonly socket: Socket<Peer>
  status: string
  /** Lines of the head; the length is added unless it is there. */
  head: string[]
  body: Buffer
  closes: boolean
  /** How much of it is sent, or that all is, in small pieces. */
  part: 'all' | 'half' | 'none' | 'pieces'
  /** Close at once, whatever was sent. */
  cut: boolean
  after: Buffer
  delayMs: number
}

interface Peer {
  waiting: Buffer
  /** Answers are sent in the order of the requests. */
  last: Promise<void>
}

/** Each may change one in `every` answers, of the kind it is about. */
export interface Fault {
  readonly announced?: (answer: Announced) => void
  /** What an announce or scrape is answered with, as a dictionary in order. */
  readonly fields?: (fields: Dictionary, kind: Answer['kind']) => void
  readonly answer?: (answer: Answer) => void
  /** Serves requests that are not valid, too. */
  readonly servesAnything?: boolean
  /** Closes after each answer, whatever was asked for, without saying so. */
  readonly neverKeeps?: boolean
  /** The first answers are wrong, too. */
  readonly fromStart?: boolean
  /** Default 5: most answers are right. */
  readonly every?: number
}

export interface SmallTrackerOptions {
  readonly hostname?: string
  readonly tls?: { readonly cert: string; readonly key: string }
}

export class SmallTracker {
  answers = 0
  /** Answers that a fault has changed. */
  faults = 0
  connections = 0
  /** Requests that were no announces or scrapes. */
  others = 0
  /** The first heads that came. */
  readonly requests: string[] = []
  private listener!: TCPSocketListener<Peer>
  private readonly swarms = new Swarms(INTERVAL_SEC)
  private readonly fault: Fault

  private constructor(fault: Fault) {
    this.fault = fault
  }

  static open(fault: Fault, options: SmallTrackerOptions = {}): SmallTracker {
    const tracker = new SmallTracker(fault)
    tracker.listener = Bun.listen<Peer>({
      hostname: options.hostname ?? '127.0.0.1',
      port: 0,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      socket: {
        open: (socket) => {
          tracker.connections++
          socket.data = { waiting: Buffer.alloc(0), last: Promise.resolve() }
        },
        data: (socket, bytes) => tracker.receive(socket, bytes),
        error: () => {},
      },
    } as Bun.TCPSocketListenOptions<Peer>)
    return tracker
  }

  get port(): number {
    return this.listener.port
  }

  close(): void {
    this.listener.stop(true)
  }

  private receive(socket: Socket<Peer>, bytes: Buffer): void {
    socket.data.waiting = Buffer.concat([socket.data.waiting, bytes])
    for (;;) {
      const end = socket.data.waiting.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = socket.data.waiting.toString('latin1', 0, end)
      socket.data.waiting = socket.data.waiting.subarray(end + 4)
      if (this.requests.length < 1000) this.requests.push(head)
      const answer = this.answerTo(head, socket)
      socket.data.last = socket.data.last.then(() => send(answer))
    }
  }

  private answerTo(head: string, socket: Socket<Peer>): Answer {
    const [line, ...lines] = head.split('\r\n')
    const [, path = '', query = ''] = /^GET (\/[a-z]+)\??(\S*) HTTP\/1\.1$/.exec(line) ?? []
    const asks = new Map<string, Buffer[]>()
    for (const pair of query.split('&')) {
      const [name, value = ''] = pair.split('=')
      asks.set(name, [...(asks.get(name) ?? []), decoded(value)])
    }
    const hashes = asks.get('info_hash') ?? []
    const isValid = hashes.length > 0 && hashes.every(({ length }) => length === 20)
    const closes = !lines.some((field) => /^connection: keep-alive$/i.test(field))
    const answer: Answer = {
      kind: !isValid ? 'other' : path === '/scrape' ? 'scrape' : 'announce',
      socket,
      status: '200 OK',
      head: closes && this.fault.neverKeeps !== true ? ['Connection: close'] : [],
      body: Buffer.alloc(0),
      closes: closes || this.fault.neverKeeps === true,
      part: 'all',
      cut: false,
      after: Buffer.alloc(0),
      delayMs: 0,
    }
    const fields = this.fieldsOf(answer, asks)
    this.answers++
    if (!isValid) this.others++
    if (this.fault.fields !== undefined && this.isDue()) {
      const before = encode({ dictionary: fields })
      this.fault.fields(fields, answer.kind)
      if (!encode({ dictionary: fields }).equals(before)) this.faults++
    }
    answer.body = encode({ dictionary: fields })
    if (this.fault.answer !== undefined && this.isDue()) {
      const before = textOf(answer)
      this.fault.answer(answer)
      if (textOf(answer) !== before) this.faults++
    }
    return answer
  }

  private isDue(): boolean {
    const isLater = this.fault.fromStart === true || this.answers > RIGHT_ANSWERS
    return isLater && this.answers % (this.fault.every ?? 5) === 0
  }

  private fieldsOf({ kind, socket }: Answer, asks: Map<string, Buffer[]>): Dictionary {
    if (kind === 'announce') return this.announce(asks, socket.remoteAddress)
    if (kind === 'scrape') return this.scrape(asks.get('info_hash') ?? [])
    const peers = this.fault.servesAnything === true ? [['peers', ''] as [string, string]] : []
    return [['failure reason', 'the request is not valid'], ...peers]
  }

  private announce(asks: Map<string, Buffer[]>, address: string): Dictionary {
    const text = (name: string) => asks.get(name)?.[0].toString('latin1') ?? ''
    const announced = this.swarms.announce({
      infoHash: asks.get('info_hash')?.[0].toString('hex') ?? '',
      address,
      port: Number(text('port')),
      isSeeder: text('left') === '0',
      wanted: Number(text('numwant')),
    })
    if (this.fault.announced !== undefined && this.isDue()) {
      const before = announcedText(announced)
      this.fault.announced(announced)
      if (announcedText(announced) !== before) this.faults++
    }
    const isIPv6 = address.includes(':')
    const peers = Buffer.concat(announced.peers)
    return [
      ['complete', announced.seeders],
      ['incomplete', announced.leechers],
      ['interval', announced.interval],
      ['min interval', INTERVAL_SEC / 2],
      ['peers', isIPv6 ? '' : peers],
      ...(isIPv6 ? [['peers6', peers] as [string, Buffer]] : []),
    ]
  }

  private scrape(hashes: Buffer[]): Dictionary {
    const unique = [...new Set(hashes.map((hash) => hash.toString('hex')))].sort()
    const files = unique.map((infoHash): [Buffer, Value] => {
      const { seeders, leechers } = this.swarms.counts(infoHash)
      const counts: Dictionary = [
        ['complete', seeders],
        ['downloaded', 0],
        ['incomplete', leechers],
      ]
      return [Buffer.from(infoHash, 'hex'), { dictionary: counts }]
    })
    return [['files', { dictionary: files }]]
  }
}

/** Waits because that is what a slow tracker does, and not for anything. */
function aSlowTrackersTime(milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setTimeout(resolve, milliseconds)
  return promise
}

async function send(answer: Answer): Promise<void> {
  const { socket, status, head, body, closes, part, cut, after, delayMs } = answer
  if (delayMs > 0) await aSlowTrackersTime(delayMs)
  const length = head.some((field) => /^(content-length:|no-length)/i.test(field))
    ? []
    : [`Content-Length: ${body.length}`]
  const fields = [...head.filter((field) => field !== 'no-length'), ...length]
  const text = `HTTP/1.1 ${[status, ...fields].join('\r\n')}\r\n\r\n`
  const bytes = Buffer.concat([Buffer.from(text, 'latin1'), body, after])
  if (part === 'all') socket.write(bytes)
  else if (part === 'half') socket.write(bytes.subarray(0, bytes.length >> 1))
  else if (part === 'pieces') await sendPieces(socket, bytes)
  if (closes || cut) socket.end()
}

/** As a slow network delivers: a part of the head, of a number, of a peer. */
async function sendPieces(socket: Socket<Peer>, bytes: Buffer): Promise<void> {
  socket.setNoDelay(true)
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    socket.write(bytes.subarray(at, at + PIECE_BYTES))
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

export function encode(value: Value): Buffer {
  if (typeof value === 'number') return Buffer.from(`i${value}e`)
  if (typeof value === 'string') return encode(Buffer.from(value))
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from('l'), ...value.map(encode), Buffer.from('e')])
  }
  const items = value.dictionary.flatMap(([key, item]) => [encode(key), encode(item)])
  return Buffer.concat([Buffer.from('d'), ...items, Buffer.from('e')])
}

function decoded(text: string): Buffer {
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1')
}

function textOf(answer: Answer): string {
  const { status, head, body, closes, part, cut, after, delayMs } = answer
  return [status, ...head, body.toString('hex'), closes, part, cut, after.toString(), delayMs].join(
    ' ',
  )
}
