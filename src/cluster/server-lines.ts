// What a NATS server sends, cut into lines and payloads before the library parses it (nats-transport.ts). The library has no
// limit for a line, for how much of what it has to answer, or for a message, and prints what it cannot parse. So all of that
// ends the connection here, and messages longer than any node's are left out. Owns the part of a line that has come.

/** A line of the server: its greeting, which lists other servers, is the longest. */
const LINE_BYTES_MAX = 65_536
/** Of a message. Nodes send less; other programs of the same account may send what the server takes. */
const MESSAGE_BYTES_MAX = 1_048_576
/** The most that a server can be set to. */
const PAYLOAD_BYTES_MAX = 64 * 1_048_576
/** A PING is answered, and an INFO read as JSON: a server sends one in minutes. */
const COSTLY_AT_ONCE = 200
const COSTLY_PER_SECOND = 20
/** Other lines: above all -ERR for each message that the account may not publish. */
const LINES_AT_ONCE = 100_000
const LINES_PER_SECOND = 20_000

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const LINE_END_BYTES = 2

const DIGITS = /^\d{1,15}$/
const VERSION = /\d+.\d+.\d+/

export const NOT_NATS = 'the server sent what is not the protocol of NATS'
export const FLOOD = 'the server sent more lines than it has reason to'

/** So many in a second, with some at once. */
class Allowance {
  private readonly atOnce: number
  private readonly perSecond: number
  private readonly clock: () => number
  private left: number
  private at: number

  constructor(atOnce: number, perSecond: number, clock: () => number) {
    this.atOnce = atOnce
    this.perSecond = perSecond
    this.clock = clock
    this.left = atOnce
    this.at = clock()
  }

  take(): boolean {
    if (this.left < 1) {
      const now = this.clock()
      this.left = Math.min(this.atOnce, this.left + ((now - this.at) / 1000) * this.perSecond)
      this.at = now
      if (this.left < 1) return false
    }
    this.left--
    return true
  }
}

export class ServerLines {
  /** Why the connection has to end; '' while nothing is wrong. */
  fault = ''
  /** Messages that were too long for any node's. */
  tooLong = 0
  private readonly costly: Allowance
  private readonly others: Allowance
  /** What has come of a line. */
  private readonly line = new Uint8Array(LINE_BYTES_MAX)
  private lineBytes = 0
  /** What is to come of a payload, with its line end. */
  private payload = 0
  private isLeftOut = false

  /** `clock`: milliseconds. */
  constructor(clock: () => number) {
    this.costly = new Allowance(COSTLY_AT_ONCE, COSTLY_PER_SECOND, clock)
    this.others = new Allowance(LINES_AT_ONCE, LINES_PER_SECOND, clock)
  }

  /** The parts of it that the library may have, in order: whole lines, and payloads as they come. */
  take(chunk: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = []
    let from = 0
    let at = 0
    while (at < chunk.length && this.fault === '') {
      if (this.payload > 0) {
        at = this.takePayload(chunk, at)
        if (this.isLeftOut) from = at
        if (this.payload === 0) this.isLeftOut = false
        continue
      }
      const end = chunk.indexOf(LINE_FEED, at)
      const isSplit = this.lineBytes > 0
      const piece = chunk.subarray(at, end < 0 ? chunk.length : end + 1)
      if (end < 0 || isSplit) {
        if (!this.keep(piece)) break
        if (at > from) parts.push(chunk.subarray(from, at))
        from = at + piece.length
      }
      at += piece.length
      if (end < 0) break
      const line = isSplit ? this.line.slice(0, this.lineBytes) : piece
      this.lineBytes = 0
      this.judge(line)
      if (this.fault !== '') break
      if (isSplit && !this.isLeftOut) parts.push(line)
      if (this.isLeftOut && !isSplit) {
        if (at - piece.length > from) parts.push(chunk.subarray(from, at - piece.length))
        from = at
      }
    }
    if (this.fault === '' && at > from) parts.push(chunk.subarray(from, at))
    return parts
  }

  private keep(piece: Uint8Array): boolean {
    if (this.lineBytes + piece.length > LINE_BYTES_MAX) {
      this.fault = NOT_NATS
      return false
    }
    this.line.set(piece, this.lineBytes)
    this.lineBytes += piece.length
    return true
  }

  private takePayload(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.payload, chunk.length - at)
    const rest = this.payload - count
    // The line end, of which this chunk has some.
    for (let left = this.payload; left > rest; ) {
      if (left > LINE_END_BYTES) left = Math.max(rest, LINE_END_BYTES)
      else {
        const wanted = left === LINE_END_BYTES ? CARRIAGE_RETURN : LINE_FEED
        if (chunk[at + this.payload - left] !== wanted) this.fault = NOT_NATS
        left--
      }
    }
    this.payload = rest
    return at + count
  }

  private judge(line: Uint8Array): void {
    const end = line.length - LINE_END_BYTES
    if (end < 0 || line[end] !== CARRIAGE_RETURN) {
      this.fault = NOT_NATS
      return
    }
    const first = line[0]
    if (first === 0x4d || first === 0x48) this.judgeMessage(textOf(line, end))
    else this.judgeOther(textOf(line, end))
  }

  /** MSG subject id [reply] size, and HMSG subject id [reply] headers size. */
  private judgeMessage(text: string): void {
    const words = text.split(' ')
    const numbers = text.startsWith('MSG ') ? 1 : text.startsWith('HMSG ') ? 2 : 0
    const [size, headers] = words.slice(-numbers).reverse()
    const isNumbers = [words[2], size, headers ?? size].every((number) => DIGITS.test(number))
    const isComplete = words.length === numbers + 3 || words.length === numbers + 4
    const isWhole = numbers > 0 && isComplete && isNumbers && !words.includes('')
    if (!isWhole || Number(size) > PAYLOAD_BYTES_MAX || Number(headers ?? 0) > Number(size)) {
      this.fault = NOT_NATS
      return
    }
    this.payload = Number(size) + LINE_END_BYTES
    this.isLeftOut = Number(size) > MESSAGE_BYTES_MAX
    if (this.isLeftOut) this.tooLong++
  }

  private judgeOther(text: string): void {
    const isInfo = text.startsWith('INFO ')
    if (isInfo ? !isGreeting(text.slice(5)) : !/^(?:PING|PONG|\+OK|-ERR .*)$/.test(text)) {
      this.fault = NOT_NATS
      return
    }
    const allowance = isInfo || text === 'PING' ? this.costly : this.others
    if (!allowance.take()) this.fault = FLOOD
  }
}

/** One character for each byte. */
function textOf(line: Uint8Array, end: number): string {
  return Buffer.from(line.buffer, line.byteOffset, end).toString('latin1')
}

/** What the library takes without an exception. */
function isGreeting(text: string): boolean {
  try {
    const info = JSON.parse(text) as { version?: unknown } | null
    return (
      typeof info === 'object' && typeof info?.version === 'string' && VERSION.test(info.version)
    )
  } catch {
    return false
  }
}
