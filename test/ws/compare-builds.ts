// Compares two builds of aquatic_ws: both get the same generated messages and frames, and have to send the same bytes back,
// to whoever made the offers as well, and to close with the same codes. Prints what differs, grouped, with an example.
// Usage: bun compare-builds.ts OLD NEW [messages] [seed]      (paths of executables)
//
// A session is two connections with a few torrents of their own, each with one peer per torrent, so that there is one
// receiver for every offer and nothing depends on chance. One of them sends some messages and a scrape that marks their
// end; then the other sends such a scrape. A session ends with frames that are wrong, or with a close.
import { writeFileSync } from 'node:fs'
import type { Socket as TcpSocket } from 'node:net'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { randomWords } from '../support/random.ts'
import { listenOn, Tracker } from '../support/tracker.ts'
import { waitFor } from '../support/wait.ts'
import { openSocket } from '../support/ws-client.ts'
import { Generated } from './generated.ts'

const SESSIONS_AT_ONCE = 200
const STEPS_PER_SESSION = 60
/** Fewer offers in a turn than a connection takes before it counts as busy. */
const MESSAGES_PER_STEP = 7
const CHANGED_PER_MESSAGE = 3
const TIMEOUT_MILLISECONDS = 60_000

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9

const [oldBuild, newBuild, messagesWanted = '1000000', seed = '1'] = process.argv.slice(2)
if (oldBuild === undefined || newBuild === undefined) {
  throw new Error('usage: compare-builds.ts OLD NEW [messages] [seed]')
}

const SETTINGS = `socket_workers = 1
${listenOn('127.0.0.1:0')}
websocket_max_message_size = 20000
[limits]
max_torrents = 100000
max_peers = 100000
max_connections = 900
max_peer_ids_per_torrent = 1
[cleaning]
ping_interval_seconds = 600
`

/** One connection to one build. */
class Client {
  readonly received: string[] = []
  /** How it ended: the close frame's payload, or that there was none. */
  end = ''
  private readonly socket: TcpSocket
  private bytes: Buffer = Buffer.alloc(0)
  private isOpen = false
  private wake: () => void = () => {}

  constructor(port: number) {
    this.socket = openSocket({ host: '127.0.0.1', port })
    this.socket.on('data', (data: Buffer) => this.take(data))
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      if (this.end === '') this.end = 'no close frame'
      this.wake()
    })
    this.socket.write(
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    )
  }

  write(frames: Buffer): void {
    this.socket.write(frames)
  }

  /** Resolves when `is` holds, or the connection has ended. */
  async until(is: () => boolean): Promise<void> {
    const late = Date.now() + TIMEOUT_MILLISECONDS
    while (!is() && this.end === '') {
      const left = late - Date.now()
      const more = new Promise<void>((resolve) => {
        this.wake = resolve
      })
      if (left > 0) await waitFor(more, left)
      else this.end = 'nothing came any more'
    }
  }

  get open(): boolean {
    return this.isOpen
  }

  destroy(): void {
    this.socket.destroy()
  }

  private take(data: Buffer): void {
    this.bytes = this.bytes.length === 0 ? data : Buffer.concat([this.bytes, data])
    if (!this.isOpen) {
      const end = this.bytes.indexOf('\r\n\r\n')
      if (end < 0) return
      this.isOpen = true
      this.bytes = this.bytes.subarray(end + 4)
    }
    while (this.takeFrame()) {}
    this.wake()
  }

  private takeFrame(): boolean {
    const { bytes } = this
    if (bytes.length < 2) return false
    let size = bytes[1] & 127
    let head = 2
    if (size === 126) {
      if (bytes.length < 4) return false
      size = bytes.readUInt16BE(2)
      head = 4
    } else if (size === 127) {
      if (bytes.length < 10) return false
      size = Number(bytes.readBigUInt64BE(2))
      head = 10
    }
    if (bytes.length < head + size) return false
    const payload = bytes.subarray(head, head + size)
    this.bytes = bytes.subarray(head + size)
    const opcode = bytes[0] & 15
    if (opcode === CLOSE) {
      this.end = size < 2 ? 'close without a code' : `close ${payload.readUInt16BE(0)}`
    } else if (opcode !== PING) {
      this.received.push(`${bytes[0]} ${payload.toString('latin1')}`)
    }
    return true
  }
}

interface Build {
  readonly name: string
  readonly tracker: Tracker
}

interface Step {
  /** Which of the two sends. */
  readonly sender: 0 | 1
  readonly frames: Buffer
  /** Two scrapes, of the sender and then of the other. */
  readonly marks: readonly [Buffer, Buffer]
}

interface Session {
  readonly steps: readonly Step[]
  /** What each sends in the end. */
  readonly last: readonly [Buffer, Buffer]
  readonly messages: number
}

const random = randomWords(Number(seed))
const generated = new Generated(random)
const differences = new Map<string, { count: number; example: string }>()
let marked = 0

/** A frame, whose parts can be wrong. */
function frame(first: number, payload: Uint8Array, masked = true, sizeBytes = 0): Buffer {
  const { length } = payload
  const short = sizeBytes === 0 ? (length < 126 ? 0 : length < 65_536 ? 2 : 8) : sizeBytes
  const head = Buffer.alloc(2 + short + (masked ? 4 : 0))
  head[0] = first
  head[1] = (masked ? 0x80 : 0) | (short === 0 ? length : short === 2 ? 126 : 127)
  if (short === 2) head.writeUInt16BE(length, 2)
  if (short === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!masked) return Buffer.concat([head, payload])
  const mask = head.subarray(2 + short)
  mask.writeUInt32LE(random())
  return Buffer.concat([head, payload.map((byte, i) => byte ^ mask[i & 3])])
}

/** A message in one frame or several, with a ping between them now and then. */
function framesOf(message: Uint8Array): Buffer[] {
  const text = isText(message)
  const opcode = text && generated.below(8) > 0 ? TEXT : BINARY
  if (generated.below(10) > 0) return [frame(0x80 | opcode, message)]
  const cut = generated.below(message.length + 1)
  const parts = [message.subarray(0, cut), message.subarray(cut)]
  return [frame(opcode, parts[0]), frame(0x80, parts[1])]
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function isText(message: Uint8Array): boolean {
  try {
    decoder.decode(message)
    return true
  } catch {
    return false
  }
}

/** A scrape of a torrent that nobody has, whose answer tells that all before it has been answered. */
function mark(): Buffer {
  marked++
  const info_hash = `mark${String(marked).padStart(16, '0')}`
  return frame(0x80 | TEXT, Buffer.from(JSON.stringify({ action: 'scrape', info_hash })))
}

/** Frames that end a connection, most of them because they are wrong. */
function lastFrames(): Buffer {
  const payload = Buffer.from(JSON.stringify(generated.scrape(['x'.repeat(20)])))
  const wrongText = Buffer.concat([payload, Buffer.from([0xc3])])
  const close = (...bytes: number[]) => frame(0x88, Buffer.from(bytes))
  const ways: (() => Buffer)[] = [
    () => close(),
    () => close(3, 232),
    () => close(3, 233, 0x61),
    () => close(3),
    () => close(3, 237),
    () => close(0, 0),
    () => close(3, 232, 0xff),
    () => close(15, 160),
    () => frame(0x81, wrongText),
    () => frame(0xc1, payload),
    () => frame(0x91, payload),
    () => frame(0x83, payload),
    () => frame(0x8b, Buffer.alloc(0)),
    () => frame(0x80, payload),
    () => Buffer.concat([frame(0x01, payload), frame(0x81, payload)]),
    () => frame(0x81, payload, false),
    () => frame(0x89, Buffer.alloc(126)),
    () => frame(0x09, Buffer.alloc(3)),
    () => frame(0x81, payload, true, 8),
    () => frame(0x81, Buffer.alloc(20_001, 0x20)),
    () =>
      Buffer.concat([
        frame(0x01, Buffer.alloc(15_000, 0x20)),
        frame(0x80, Buffer.alloc(15_000, 0x20)),
      ]),
    () => frame(0x81, Buffer.alloc(70_000, 0x20)),
  ]
  return generated.pick(ways)()
}

function newSession(): Session {
  const hashes = Array.from({ length: 4 }, () => generated.id())
  const peers = Array.from({ length: 6 }, () => generated.id())
  const steps: Step[] = []
  let messages = 0
  for (let i = 0; i < STEPS_PER_SESSION; i++) {
    const frames: Buffer[] = []
    for (let n = 0; n < MESSAGES_PER_STEP; n++) {
      const message = Buffer.from(generated.message(hashes, peers))
      const changes = generated.below(CHANGED_PER_MESSAGE) === 0
      frames.push(...framesOf(changes ? generated.changed(message) : message))
      messages++
    }
    const sender = generated.below(2) === 0 ? 0 : 1
    steps.push({ sender, frames: Buffer.concat(frames), marks: [mark(), mark()] })
  }
  return { steps, last: [lastFrames(), lastFrames()], messages }
}

/** What both connections were sent, step by step. */
async function run(session: Session, { tracker }: Build): Promise<string[][]> {
  const port = tracker.endpoints[0].port
  const clients = [new Client(port), new Client(port)]
  const results: string[][] = []
  for (const client of clients) await client.until(() => client.open)
  for (const { sender, frames, marks } of session.steps) {
    const [one, other] = [clients[sender], clients[1 - sender]]
    one.write(Buffer.concat([frames, marks[0]]))
    await one.until(() => isMark(one.received.at(-1)))
    other.write(marks[1])
    await other.until(() => isMark(other.received.at(-1)))
    for (const each of [one, other]) results.push(each.received.splice(0))
  }
  for (const [i, client] of clients.entries()) {
    client.write(session.last[i])
    await client.until(() => false)
    results.push([...client.received, client.end])
    client.destroy()
  }
  return results
}

function isMark(message: string | undefined): boolean {
  return message?.includes('"mark0') ?? false
}

function note(kind: string, example: string): void {
  const known = differences.get(kind)
  if (known === undefined) differences.set(kind, { count: 1, example })
  else known.count++
}

function compare(session: Session, [before, after]: readonly string[][][]): void {
  const steps = session.steps.length * 2
  for (const [i, was] of before.entries()) {
    const is = after[i]
    if (JSON.stringify(was) === JSON.stringify(is)) continue
    const longer = was.length > is.length ? was : is
    const at = longer.findIndex((_, n) => was[n] !== is[n])
    const kind = i < steps ? 'messages' : `end: ${was.at(-1)} → ${is.at(-1)}`
    const sent = i < steps ? session.steps[i >> 1].frames : session.last[i - steps]
    const counts = `${was.length} and ${is.length} messages, first different: ${at}`
    note(
      kind,
      `${counts}\n  was ${was[at]}\n  is  ${is[at]}\n  all ${is.join('\n      ')}\n  sent ${sent.toString('base64')}`,
    )
  }
}

async function main(folder: string): Promise<void> {
  const file = join(folder, 'tracker.toml')
  writeFileSync(file, SETTINGS)
  const builds: Build[] = []
  for (const [name, executable] of [
    ['old', oldBuild],
    ['new', newBuild],
  ]) {
    const tracker = new Tracker({ executable, file })
    await tracker.waitForStart()
    builds.push({ name, tracker })
  }
  let messages = 0
  let answers = 0
  const work = async () => {
    while (messages < Number(messagesWanted)) {
      const session = newSession()
      messages += session.messages
      const results = await Promise.all(builds.map((build) => run(session, build)))
      answers += results[0].flat().length
      compare(session, results)
    }
  }
  await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, work))
  for (const { tracker } of builds) await tracker.discard()
  for (const [kind, { count, example }] of differences)
    console.log(`${count} × ${kind}\n  ${example}`)
  console.log(`${messages} messages, ${answers} received, ${differences.size} kinds of differences`)
}

await inFolder(main)
