// Reads the head of an HTTP response: status, length of the body, whether the connection ends after it.
// Called by connections.ts for each answer. Strict where clients are: a line ends with CR LF, and there
// is one length.

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const TAB = 0x09
const COLON = 0x3a
const COMMA = 0x2c
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const LOWER_CASE = 0x20

/** No tracker's is longer. */
const HEAD_BYTES_MAX = 8192
/** More digits are no length that an answer can have. */
const LENGTH_DIGITS_MAX = 9

const PREFIX = bytesOf('HTTP/1.')
const CONTENT_LENGTH = bytesOf('content-length')
const CONNECTION = bytesOf('connection')
const CLOSE = bytesOf('close')
const KEEP_ALIVE = bytesOf('keep-alive')
/** «HTTP/1.1 200», after which comes a space or the end of the line. */
const STATUS_AT = 9
const STATUS_END = 12

export const INCOMPLETE = 0
export const MALFORMED = -1

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export class ResponseHead {
  status = 0
  /** −1 when it is not told. */
  contentLength = -1
  /** The sender closes the connection after this answer. */
  closes = false

  // HOT: no allocation below this line.

  /** Returns where the body begins, INCOMPLETE or MALFORMED. */
  read(bytes: Uint8Array, from: number, to: number): number {
    this.contentLength = -1
    const first = this.endOfLine(bytes, from, to)
    if (first <= 0) return first < 0 || to - from > HEAD_BYTES_MAX ? MALFORMED : INCOMPLETE
    if (!this.readStatus(bytes, from, first)) return MALFORMED
    let at = first + 2
    for (;;) {
      const end = this.endOfLine(bytes, at, to)
      if (end <= 0) return end < 0 || to - from > HEAD_BYTES_MAX ? MALFORMED : INCOMPLETE
      if (end === at) return at + 2
      if (!this.readField(bytes, at, end)) return MALFORMED
      at = end + 2
    }
  }

  /** Where the CR of the line stands; 0 when it is not there yet, −1 when a line ends otherwise. */
  private endOfLine(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      if (bytes[at] === LF) return -1
      if (bytes[at] !== CR) continue
      if (at + 1 >= to) return 0
      return bytes[at + 1] === LF ? at : -1
    }
    return 0
  }

  private readStatus(bytes: Uint8Array, from: number, end: number): boolean {
    if (end - from < STATUS_END) return false
    for (let i = 0; i < PREFIX.length; i++) if (bytes[from + i] !== PREFIX[i]) return false
    const minor = bytes[from + PREFIX.length]
    if (minor !== DIGIT_0 && minor !== DIGIT_0 + 1) return false
    if (bytes[from + STATUS_AT - 1] !== SPACE) return false
    let status = 0
    for (let at = from + STATUS_AT; at < from + STATUS_END; at++) {
      if (bytes[at] < DIGIT_0 || bytes[at] > DIGIT_9) return false
      status = status * 10 + bytes[at] - DIGIT_0
    }
    if (end > from + STATUS_END && bytes[from + STATUS_END] !== SPACE) return false
    this.status = status
    // HTTP/1.0 closes unless it says otherwise.
    this.closes = minor === DIGIT_0
    return true
  }

  private readField(bytes: Uint8Array, from: number, end: number): boolean {
    let colon = from
    while (colon < end && bytes[colon] !== COLON) colon++
    if (colon === from || colon === end) return false
    let value = colon + 1
    while (value < end && isBlank(bytes[value])) value++
    let last = end
    while (last > value && isBlank(bytes[last - 1])) last--
    if (isName(bytes, from, colon, CONTENT_LENGTH)) return this.readLength(bytes, value, last)
    if (isName(bytes, from, colon, CONNECTION)) this.readConnection(bytes, value, last)
    return true
  }

  private readLength(bytes: Uint8Array, from: number, end: number): boolean {
    if (this.contentLength >= 0 || end === from || end - from > LENGTH_DIGITS_MAX) return false
    let length = 0
    for (let at = from; at < end; at++) {
      if (bytes[at] < DIGIT_0 || bytes[at] > DIGIT_9) return false
      length = length * 10 + bytes[at] - DIGIT_0
    }
    this.contentLength = length
    return true
  }

  private readConnection(bytes: Uint8Array, from: number, end: number): void {
    let at = from
    while (at < end) {
      let next = at
      while (next < end && bytes[next] !== COMMA) next++
      let last = next
      while (last > at && isBlank(bytes[last - 1])) last--
      if (isName(bytes, at, last, CLOSE)) this.closes = true
      else if (isName(bytes, at, last, KEEP_ALIVE)) this.closes = false
      at = next + 1
      while (at < end && isBlank(bytes[at])) at++
    }
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}

/** Whether these bytes are `name`, in any case. */
function isName(bytes: Uint8Array, from: number, end: number, name: Uint8Array): boolean {
  if (end - from !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    const byte = bytes[from + i]
    if (byte !== name[i] && (byte | LOWER_CASE) !== name[i]) return false
  }
  return true
}
