// Logs single clients that were refused, or whose connection was closed for what they did. A worker posts a
// message (`ClientReports`); the main thread writes the line (`writeReport`). Only with log_level 'debug' or
// 'trace', and only a limited number per worker and minute.
import { clientName, ipv4Text, ipv6NetworkText } from '../../log/clients.ts'
import type { Log, LogAddresses } from '../../log/log.ts'

const REPORTS_PER_MINUTE = 60
const MINUTE_SEC = 60

/** The texts of the log lines. */
export const CLIENT_EVENTS = {
  full: 'refused: [limits] max_connections is reached',
  fullForAddress: 'refused: it already has [limits] max_connections_per_ip connections',
  requests: 'closed: it keeps sending more than [source_limits] allows',
  backlog: 'closed: it does not read, and [limits] max_backlog_bytes are waiting for it',
  backlogTotal:
    'closed: it does not read, and [limits] max_total_backlog_bytes are waiting for it and others',
} as const

export type ClientEvent = keyof typeof CLIENT_EVENTS

export interface ClientReport {
  readonly event: ClientEvent
  /** As in tcp/connection-limits.ts. */
  readonly high: number
  readonly low: number
}

export class ClientReports {
  /** Can be replaced at runtime. */
  wanted: boolean
  private readonly post: (report: ClientReport) => void
  private left = 0
  private minuteEnd = 0
  private now = 0

  constructor(wanted: boolean, post: (report: ClientReport) => void) {
    this.wanted = wanted
    this.post = post
  }

  /** Sets the time (seconds of the monotonic clock) for later calls. */
  setTime(now: number): void {
    this.now = now
  }

  tell(event: ClientEvent, high: number, low: number): void {
    if (!this.wanted) return
    if (this.now >= this.minuteEnd) {
      this.minuteEnd = this.now + MINUTE_SEC
      this.left = REPORTS_PER_MINUTE
    }
    if (this.left === 0) return
    this.left--
    this.post({ event, high, low })
  }
}

export function writeReport(report: ClientReport, form: LogAddresses, log: Log): void {
  const { event, high, low } = report
  const bytes = [high, low].flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255))
  // IPv4 addresses are in the second word, with 0 in the first; the only IPv6 client like that is this
  // machine's own ::1.
  const isIPv4 = high === 0 && low !== 0
  const address = isIPv4 ? ipv4Text(bytes.slice(4)) : ipv6NetworkText(bytes)
  log.debug(`${clientName(address, form)} ${CLIENT_EVENTS[event]}`)
}
