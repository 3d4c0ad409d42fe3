// Finds the key in the path of a tracker's URL: /KEY/announce, /announce/KEY, or /KEY alone where paths have no other
// use. Called for the path in BEP 41 options (udp) and in a WebSocket handshake (ws); http/wire/parse.ts has its own,
// because its paths have other meanings too.

const SLASH = 0x2f
const QUESTION_MARK = 0x3f
const HASH_SIGN = 0x23
const ANNOUNCE = new TextEncoder().encode('announce')

export class PathKey {
  /** Where `find` found the key; equal if there is none. */
  from = 0
  to = 0

  // HOT: no allocation below this line.

  /** Searches the path from `bytes[from]` to `bytes[to]`, which a query may follow. */
  find(bytes: Uint8Array, from: number, to: number): void {
    this.from = 0
    this.to = 0
    const end = pathEnd(bytes, from, to)
    if (from === end || bytes[from] !== SLASH) return
    const first = from + 1
    const firstEnd = segmentEnd(bytes, first, end)
    const isAnnounce = isAnnounceAt(bytes, first, firstEnd)
    if (firstEnd === end) {
      if (!isAnnounce) this.set(first, firstEnd)
      return
    }
    const second = firstEnd + 1
    const secondEnd = segmentEnd(bytes, second, end)
    if (secondEnd !== end) return
    if (isAnnounceAt(bytes, second, secondEnd)) this.set(first, firstEnd)
    else if (isAnnounce) this.set(second, secondEnd)
  }

  private set(from: number, to: number): void {
    this.from = from
    this.to = to
  }
}

function pathEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] !== QUESTION_MARK && bytes[at] !== HASH_SIGN) at++
  return at
}

function segmentEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] !== SLASH) at++
  return at
}

function isAnnounceAt(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== ANNOUNCE.length) return false
  for (let i = 0; i < ANNOUNCE.length; i++) if (bytes[from + i] !== ANNOUNCE[i]) return false
  return true
}
