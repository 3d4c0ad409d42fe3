// The requests of a worker that wait for their answers: what was asked, and what was known when it was.
// Owned by one worker: connections.ts takes and frees places, generate.ts fills them, judge.ts reads them.
// Requests of a connection are linked in the order in which they were sent, for HTTP answers in that.

// A request in words: 0 kind │ 1 torrent (scrape: seed) │ 2 rank (scrape: number of torrents)
// │ 3 known seeders, 4 known leechers when it was made │ 5 the next one │ 6 source │ 7 bytes of a flood's
const SHIFT = 3
export const KIND = 0
export const TORRENT = 1
export const RANK = 2
export const KNOWN_SEEDERS = 3
export const KNOWN_LEECHERS = 4
export const NEXT = 5
export const SOURCE = 6
export const BYTES = 7

export const NONE = -1

export class Requests {
  readonly words: Int32Array
  /** Milliseconds of the monotonic clock from which each request's latency counts. */
  readonly times: Float64Array
  taken = 0
  /** Of those that are to be asked again, linked like the others. */
  firstRetry = NONE
  private lastRetry = NONE
  private free = 0

  constructor(places: number) {
    this.words = new Int32Array(places << SHIFT)
    this.times = new Float64Array(places)
    for (let i = 0; i < places; i++) this.words[(i << SHIFT) + NEXT] = i + 1
    this.words[((places - 1) << SHIFT) + NEXT] = NONE
  }

  // HOT: no allocation below this line.

  /** A place for a request; there are as many as can wait. */
  take(): number {
    const id = this.free
    if (id === NONE) return NONE
    this.free = this.words[(id << SHIFT) + NEXT]
    this.words[(id << SHIFT) + NEXT] = NONE
    this.taken++
    return id
  }

  release(id: number): void {
    this.words[(id << SHIFT) + NEXT] = this.free
    this.free = id
    this.taken--
  }

  /** Behind the others. */
  putRetry(id: number): void {
    this.link(id, NONE)
    if (this.firstRetry === NONE) this.firstRetry = id
    else this.link(this.lastRetry, id)
    this.lastRetry = id
  }

  takeRetry(): number {
    const id = this.firstRetry
    this.firstRetry = this.nextOf(id)
    this.link(id, NONE)
    return id
  }

  /** Gives up those that wait for longer than since `sinceMs`; returns how many. */
  expireRetries(sinceMs: number): number {
    let lost = 0
    while (this.firstRetry !== NONE && this.times[this.firstRetry] <= sinceMs) {
      this.release(this.takeRetry())
      lost++
    }
    return lost
  }

  nextOf(id: number): number {
    return this.words[(id << SHIFT) + NEXT]
  }

  link(id: number, next: number): void {
    this.words[(id << SHIFT) + NEXT] = next
  }
}

export function requestAt(id: number): number {
  return id << SHIFT
}
