// Tells the log of single clients that were refused, or whose connection was ended for what they did. A
// worker posts a message (`ClientReports`); the main thread writes the line (`writeReport`). Only with
// log_level 'debug' or 'trace', and at most so many per worker and minute. Own nothing.
import { clientName, ipv4Text, ipv6NetworkText } from '../../log/clients.ts'
import type { Log, LogAddresses } from '../../log/log.ts'

const REPORTS_PER_MINUTE = 60
const MINUTE_SEC = 60

/** What happened, as lines tell it. */
export const CLIENT_EVENTS = {
  full: 'refused, because [limits] max_connections is reached',
  fullForAddress: 'refused, because it has [limits] max_connections_per_ip connections',
  requests: 'closed: it keeps sending more than [source_limits] allows',
  backlog: 'closed: it does not read, and [limits] max_backlog_bytes wait for it',
  backlogTotal:
    'closed: it does not read, and [limits] max_total_backlog_bytes wait for it and others',
} as const

export type ClientEvent = keyof typeof CLIENT_EVENTS

export interface ClientReport {
  readonly event: ClientEvent
  /** As in tcp/connection-limits.ts. */
  readonly high: number
  readonly low: number
}

export type LoggedReport = ClientReport | { readonly fault: string }

export class ClientReports {
  /** May be replaced while it is at work. */
  wanted: boolean
  private readonly post: (report: ClientReport) => void
  private left = 0
  private minuteEnd = 0
  private now = 0

  constructor(wanted: boolean, post: (report: ClientReport) => void) {
    this.wanted = wanted
    this.post = post
  }

  /** Sets the time (seconds of the monotonic clock) for what follows. */
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

export function writeReport(report: LoggedReport, form: LogAddresses, log: Log): void {
  if ('fault' in report) log.error(report.fault)
  else writeClientReport(report, form, log)
}

function writeClientReport(report: ClientReport, form: LogAddresses, log: Log): void {
  const { event, high, low } = report
  const bytes = [high, low].flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255))
  // IPv4 addresses stand where no IPv6 client is but this machine's own, ::1, whose words are 0.
  const isIPv4 = high === 0 && low !== 0
  const address = isIPv4 ? ipv4Text(bytes.slice(4)) : ipv6NetworkText(bytes)
  log.debug(`${clientName(address, form)} ${CLIENT_EVENTS[event]}`)
}
