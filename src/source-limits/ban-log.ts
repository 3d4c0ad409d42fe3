// Logs bans, whatever the protocol. A worker that bans an address writes a record into a ring of its own
// (ban-writer.ts); the main thread reads the rings once a second. Made by the tracker (tracker.ts), which gives
// each worker that bans its end. Lines per minute are limited, since a botnet can have a thousand addresses
// banned at once; the next minute's report says how many were left out. Owns its readers and its timer.
import { createRing, RingReader } from '../channel/ring.ts'
import { clientName, ipv4Text, ipv6NetworkText } from '../log/clients.ts'
import type { Log, LogAddresses } from '../log/log.ts'
import {
  BAN_ADDRESS,
  BAN_IPV4,
  BAN_LIMIT,
  BAN_REASON,
  BAN_SECONDS,
  BANNED_FOR_NEW_TORRENTS,
  BANNED_FOR_REQUESTS,
  BANNED_FOR_SUSTAINED_REQUESTS,
  type BanWriterData,
} from './ban-writer.ts'

/** About a hundred records, more than a minute's lines. Between two reports, further bans are only counted. */
const RING_WORDS = 1024

const REPORT_MILLISECONDS = 1000
const LINES_PER_MINUTE = 20
const MINUTE_MILLISECONDS = 60_000

/** The setting that was exceeded, for the log line. */
const SETTINGS: Readonly<Record<number, string>> = {
  [BANNED_FOR_REQUESTS]: 'requests_per_second',
  [BANNED_FOR_NEW_TORRENTS]: 'new_torrents_per_second',
  [BANNED_FOR_SUSTAINED_REQUESTS]: 'sustained_requests_per_second',
}

export class BanLog {
  private readonly readers: RingReader[] = []
  private readonly log: Log
  /** Bans since the start. */
  private readonly total = new Int32Array(new SharedArrayBuffer(4))
  private timer: ReturnType<typeof setInterval> | undefined
  private lines = 0
  private told = 0
  /** The total at the last report. */
  private before = 0
  private minuteStart = Number.NEGATIVE_INFINITY

  constructor(log: Log) {
    this.log = log
  }

  /** For another worker. */
  newWriter(): BanWriterData {
    const ring = createRing(RING_WORDS)
    this.readers.push(new RingReader(ring))
    return { ring, total: this.total.buffer }
  }

  /** `addresses`: the setting for how log lines show addresses, as currently in force. */
  start(addresses: () => LogAddresses): void {
    this.timer = setInterval(() => this.report(performance.now(), addresses()), REPORT_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** `now` in milliseconds. */
  report(now: number, addresses: LogAddresses): void {
    if (now - this.minuteStart >= MINUTE_MILLISECONDS) {
      const untold = this.before - this.told
      if (untold > 0) this.log.info(`${untold} more ${untold === 1 ? 'was' : 'were'} banned`)
      this.told = Math.max(this.told, this.before)
      this.lines = 0
      this.minuteStart = now
    }
    // Read before the rings, which then have the records of all bans counted here.
    const total = Atomics.load(this.total, 0)
    for (const reader of this.readers) {
      if (!reader.refresh()) continue
      for (let at = reader.next(); at !== 0; at = reader.next()) {
        this.tell(reader.words, at, addresses)
      }
      reader.release()
    }
    this.before = total
  }

  private tell(words: Int32Array, at: number, addresses: LogAddresses): void {
    if (this.lines >= LINES_PER_MINUTE) return
    this.lines++
    this.told++
    const bytes = [...new Uint8Array(words.slice(at + BAN_ADDRESS, at + BAN_REASON).buffer)]
    const ipv4 = words[at + BAN_IPV4] === 1
    const address = ipv4 ? ipv4Text(bytes.slice(0, 4)) : ipv6NetworkText(bytes)
    const setting = SETTINGS[words[at + BAN_REASON]]
    this.log.info(
      `banned for ${words[at + BAN_SECONDS]} s: ${clientName(address, addresses)} goes on ` +
        `beyond [source_limits] ${setting} = ${words[at + BAN_LIMIT]}`,
    )
  }
}
