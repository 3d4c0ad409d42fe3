// The session descriptions in offers and answers: as long as real ones, and made so that whoever gets
// one can tell from whom it is, what for, and whether every character arrived. Used by clients.ts.
//
//   v=0 CRLF o=- CONNECTION TORRENT NUMBER KIND CHECK IN IP4 127.0.0.1 CRLF … the same for all …
//
// The fields are eight hex digits each; CHECK is a hash of the others and the seed. What follows
// is compared character by character. Every 64th has characters that JSON and UTF-8 spell in several
// ways; the others are ASCII with escapes, as real ones are.
import { mix } from '../random.ts'

export const KIND_OFFER = 0x0ffe4
export const KIND_ANSWER = 0xa5e4

const PREFIX = 'v=0\r\no=- '
const FIELD = 9
const FIELDS = 5
const HEAD = PREFIX.length + FIELD * FIELDS
const SPECIAL_EVERY = 64

const START = 'IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n'
const END = 'a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n'
const LINE =
  'a=candidate:1 1 udp 2122262783 192.0.2.1 40000 typ host generation 0 network-cost 999\r\n'
/** Line separator, astral character, quote, backslash, slash, control character, NEL, é. */
const SPECIAL = 'a=x:\u2028 😀 "\\/ \u0001 \u0085 é €\r\n'

/** Shorter ones have no room for the fields. */
export const SDP_CHARACTERS_MIN = HEAD + START.length + END.length + SPECIAL.length

/** What a description says; all but `isWhole` mean nothing unless that is true. */
export interface Read {
  readonly isWhole: boolean
  readonly connection: number
  readonly torrent: number
  readonly number: number
}

const BROKEN: Read = { isWhole: false, connection: -1, torrent: -1, number: -1 }

export class Payload {
  private readonly seed: number
  private readonly plain: Tail
  private readonly special: Tail

  /** `characters`: the length of every description, from SDP_CHARACTERS_MIN. */
  constructor(characters: number, seed: number) {
    this.seed = mix(seed)
    this.plain = tailOf(characters, '')
    this.special = tailOf(characters, SPECIAL)
  }

  /** As it appears inside a JSON string. */
  json(kind: number, connection: number, torrent: number, number: number): string {
    return `v=0\\r\\no=- ${this.fields(kind, connection, torrent, number)}${this.tail(number).json}`
  }

  read(kind: number, sdp: string): Read {
    const connection = field(sdp, 0)
    const torrent = field(sdp, 1)
    const number = field(sdp, 2)
    if (Number.isNaN(connection + torrent + number)) return BROKEN
    const { text } = this.tail(number)
    const isWhole =
      sdp.length === HEAD + text.length &&
      sdp.startsWith(PREFIX) &&
      sdp.startsWith(this.fields(kind, connection, torrent, number), PREFIX.length) &&
      sdp.endsWith(text)
    return isWhole ? { isWhole, connection, torrent, number } : BROKEN
  }

  private fields(kind: number, connection: number, torrent: number, number: number): string {
    const check = hex(this.check(kind, connection, torrent, number))
    return `${hex(connection)} ${hex(torrent)} ${hex(number)} ${hex(kind)} ${check} `
  }

  private tail(number: number): Tail {
    return number % SPECIAL_EVERY === 0 ? this.special : this.plain
  }

  private check(kind: number, connection: number, torrent: number, number: number): number {
    const fields = mix(mix(mix(connection ^ this.seed) ^ torrent) ^ number)
    return mix(fields ^ kind) >>> 0
  }
}

interface Tail {
  readonly text: string
  readonly json: string
}

function tailOf(characters: number, special: string): Tail {
  const room = characters - HEAD - START.length - END.length - special.length
  const filler = LINE.repeat(Math.ceil(room / LINE.length)).slice(0, room)
  const text = START + special + filler + END
  return { text, json: JSON.stringify(text).slice(1, -1) }
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(FIELD - 1, '0')
}

function field(sdp: string, index: number): number {
  const at = PREFIX.length + index * FIELD
  return Number.parseInt(sdp.slice(at, at + FIELD - 1), 16)
}
