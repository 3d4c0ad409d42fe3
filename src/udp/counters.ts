// What a socket worker counts, and how others read it.
// Workers count in memory of their own; once per batch `publish` copies the counts to the worker's
// slot in shared memory with atomic stores. Main reads them with atomic loads. Counts are 32-bit and
// wrap: a reader adds up differences, and has to look more often than they wrap (at 10 Gbit/s the
// bytes do after 3 seconds).

/** In this order in memory. Names are those of the statistics. */
export const COUNTERS = [
  'requests_connect',
  'requests_announce',
  'requests_scrape',
  'responses_connect',
  'responses_announce',
  'responses_scrape',
  'responses_error',
  'received_bytes',
  'sent_bytes',
  'rejected_source_port',
  'rejected_too_short',
  'rejected_protocol_id',
  'rejected_action',
  'rejected_connection_id',
  'rejected_port',
  'rejected_no_info_hash',
  'rejected_torrents_full',
  'rejected_peers_full',
  'send_failures',
] as const

export type CounterName = (typeof COUNTERS)[number]

// The same as numbers, for the hot path.
export const REQUESTS_CONNECT = 0
export const REQUESTS_ANNOUNCE = 1
export const REQUESTS_SCRAPE = 2
export const RESPONSES_CONNECT = 3
export const RESPONSES_ANNOUNCE = 4
export const RESPONSES_SCRAPE = 5
export const RESPONSES_ERROR = 6
export const RECEIVED_BYTES = 7
export const SENT_BYTES = 8
export const REJECTED_SOURCE_PORT = 9
export const REJECTED_TOO_SHORT = 10
export const REJECTED_PROTOCOL_ID = 11
export const REJECTED_ACTION = 12
export const REJECTED_CONNECTION_ID = 13
export const REJECTED_PORT = 14
export const REJECTED_NO_INFO_HASH = 15
export const REJECTED_TORRENTS_FULL = 16
export const REJECTED_PEERS_FULL = 17
export const SEND_FAILURES = 18

/** Counts per worker in shared memory: whole cache lines, so that no worker disturbs another. */
export const COUNTER_WORDS = 32

/** The sums of all workers' counts since the start. Keeps what it has read, because counts wrap. */
export class CounterReader {
  private readonly shared: Int32Array
  private readonly last: Int32Array
  private readonly sums = new Map<CounterName, number>(COUNTERS.map((name) => [name, 0]))

  constructor(buffer: SharedArrayBuffer) {
    this.shared = new Int32Array(buffer)
    this.last = new Int32Array(this.shared.length)
  }

  read(): ReadonlyMap<CounterName, number> {
    for (let base = 0; base < this.shared.length; base += COUNTER_WORDS) {
      for (const [i, name] of COUNTERS.entries()) {
        const now = Atomics.load(this.shared, base + i)
        const more = (now - this.last[base + i]) >>> 0
        this.last[base + i] = now
        this.sums.set(name, (this.sums.get(name) ?? 0) + more)
      }
    }
    return this.sums
  }
}

// HOT: no allocation below this line.

/** Copies a worker's counts to its slot. */
export function publish(counts: Int32Array, shared: Int32Array, base: number): void {
  for (let i = 0; i < COUNTERS.length; i++) Atomics.store(shared, base + i, counts[i])
}
