// Writes requests that a tracker must refuse: noise, and requests that lack or break what BEP 3 demands.
// Called by generate.ts in mode 'flood'. An answer with peers or torrents counts as wrong.
import { mix } from '../random.ts'

export type FloodKind = 'garbage' | 'bad_requests' | 'mixed'

const GARBAGE_BYTES_MAX = 2048
const HASH_STEP = 0x9e3779b9
const TWO_32 = 4294967296
const CR = 0x0d
const LF = 0x0a
/** More than a request line or a field of any client has. */
const LONG = 'a'.repeat(12_000)
const REST = '&peer_id=-AQ0001-000000000000&port=6881&uploaded=0&downloaded=0&left=1&compact=1'

function badRequests(host: string, path: string): string[] {
  const join = path.includes('?') ? '&' : '?'
  const rest = ` HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  const get = (target: string) => `GET ${target}${rest}`
  const short = '%01'.repeat(19)
  return [
    get(path),
    get(`${path}${join}${REST.slice(1)}`),
    get(`${path}${join}info_hash=${short}${REST}`),
    get(`${path}${join}info_hash=${short}%02%03${REST}`),
    get(`${path}${join}info_hash=${short}%zz${REST}`),
    get(`${path}${join}info_hash=${LONG}${REST}`),
    get('/no-such-page'),
    get('no-path-at-all'),
    `DELETE ${path}${rest}`,
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 5\r\n\r\nabcde`,
    `GET ${path} HTTP/9.9\r\nHost: ${host}\r\n\r\n`,
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${LONG}\r\nConnection: close\r\n\r\n`,
    `\r\n\r\n${get(path)}`,
  ]
}

export class Flood {
  /** The longest request. */
  readonly bytesMax: number
  private readonly requests: readonly Uint8Array[]
  private readonly garbage: boolean
  private readonly bad: boolean

  constructor(kind: FloodKind, { host, path }: { host: string; path: string }) {
    this.garbage = kind !== 'bad_requests'
    this.bad = kind !== 'garbage'
    this.requests = badRequests(host, path).map((text) => new TextEncoder().encode(text))
    const longest = Math.max(...this.requests.map(({ length }) => length))
    this.bytesMax = Math.max(longest, GARBAGE_BYTES_MAX + 4)
  }

  // HOT: no allocation below this line.

  /** Writes what follows from `seed`; returns its end. */
  write(bytes: Uint8Array, at: number, seed: number): number {
    const isGarbage = this.garbage && (!this.bad || (seed & 1) === 0)
    if (isGarbage) return this.writeGarbage(bytes, at, seed)
    const random = mix(seed) >>> 0
    const request = this.requests[Math.floor((random * this.requests.length) / TWO_32)]
    for (let i = 0; i < request.length; i++) bytes[at + i] = request[i]
    return at + request.length
  }

  /** With the end of a head behind it, so that nobody has to wait for more. */
  private writeGarbage(bytes: Uint8Array, first: number, seed: number): number {
    const length = 1 + Math.floor(((mix(seed) >>> 0) * GARBAGE_BYTES_MAX) / TWO_32)
    let at = first
    for (let i = 0; i < length; i++) bytes[at++] = mix(seed + Math.imul(i, HASH_STEP))
    for (let i = 0; i < 2; i++) {
      bytes[at++] = CR
      bytes[at++] = LF
    }
    return at
  }
}
