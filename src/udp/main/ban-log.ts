// Tells the log who was banned. A worker that bans an address writes a record into a ring of its own
// (source-limits.ts), which is rare and then costs some nanoseconds; the main thread looks once a second
// (main.ts). Lines are bounded per minute, since a botnet can have a thousand addresses banned at once;
// how many were left out is told with the next minute. Owns its readers.
//
//  record: 0 IPv4 1, IPv6 0 │ 1, 2 the address, as in packets │ 3 what it exceeded
import { createRing, RingReader, RingWriter } from '../../channel/ring.ts'
import { clientName, ipv4Text, ipv6NetworkText } from '../../log/clients.ts'
import type { Log, LogAddresses } from '../../log/log.ts'

const RECORD_WORDS = 4
const BAN_IPV4 = 0
const BAN_ADDRESS = 1
const BAN_REASON = 3
/** About a hundred: what is banned between two looks, beyond a minute's lines. */
const RING_WORDS = 512

const LINES_PER_MINUTE = 20
const MINUTE_MILLISECONDS = 60_000

// What an address exceeded.
export const BANNED_FOR_REQUESTS = 0
export const BANNED_FOR_NEW_TORRENTS = 1
export const BANNED_FOR_SUSTAINED_REQUESTS = 2
const SETTINGS = [
  'requests_per_second',
  'new_torrents_per_second',
  'sustained_requests_per_second',
] as const

/** The settings that a line tells of. */
interface BanSettings {
  readonly log_addresses: LogAddresses
  readonly source_limits: Readonly<Record<(typeof SETTINGS)[number] | 'ban_seconds', number>>
}

/** One per worker. */
export function createBanRings(workers: number): SharedArrayBuffer[] {
  return Array.from({ length: workers }, () => createRing(RING_WORDS))
}

export class BanLog {
  private readonly readers: readonly RingReader[]
  private readonly log: Log
  private lines = 0
  private told = 0
  /** As of the last look. */
  private total = 0
  private minuteStart = Number.NEGATIVE_INFINITY

  constructor(rings: readonly SharedArrayBuffer[], log: Log) {
    this.readers = rings.map((ring) => new RingReader(ring))
    this.log = log
  }

  /** `total`: bans since the start; `now` in milliseconds. */
  look(total: number, now: number, config: BanSettings): void {
    if (now - this.minuteStart >= MINUTE_MILLISECONDS) {
      const untold = this.total - this.told
      if (untold > 0) this.log.info(`${untold} more ${untold === 1 ? 'was' : 'were'} banned`)
      this.told = Math.max(this.told, this.total)
      this.lines = 0
      this.minuteStart = now
    }
    for (const reader of this.readers) {
      if (!reader.refresh()) continue
      for (let at = reader.next(); at !== 0; at = reader.next()) this.tell(reader.words, at, config)
      reader.release()
    }
    // Not before: what the rings held may have been counted since the look before.
    this.total = total
  }

  private tell(words: Int32Array, at: number, { source_limits, log_addresses }: BanSettings): void {
    if (this.lines >= LINES_PER_MINUTE) return
    this.lines++
    this.told++
    const bytes = [...new Uint8Array(words.slice(at + BAN_ADDRESS, at + BAN_REASON).buffer)]
    const ipv4 = words[at + BAN_IPV4] === 1
    const address = ipv4 ? ipv4Text(bytes.slice(0, 4)) : ipv6NetworkText(bytes)
    const setting = SETTINGS[words[at + BAN_REASON]]
    this.log.info(
      `banned for ${source_limits.ban_seconds} s: ${clientName(address, log_addresses)} goes on ` +
        `beyond [source_limits] ${setting} = ${source_limits[setting]}`,
    )
  }
}

/** A worker's end. */
export class BanWriter {
  private readonly ring: RingWriter

  constructor(ring: SharedArrayBuffer) {
    this.ring = new RingWriter(ring, RECORD_WORDS)
  }

  // HOT: no allocation below this line.

  /** Nothing is told when the ring is full. */
  write(ipv4: boolean, a0: number, a1: number, reason: number): void {
    const { ring } = this
    const at = ring.room(RECORD_WORDS)
    if (at === 0) return
    ring.words[at + BAN_IPV4] = ipv4 ? 1 : 0
    ring.words[at + BAN_ADDRESS] = a0
    ring.words[at + BAN_ADDRESS + 1] = a1
    ring.words[at + BAN_REASON] = reason
    ring.append(at, RECORD_WORDS)
    ring.publish()
  }
}
