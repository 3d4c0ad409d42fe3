// What the cluster's thread tells the operator, bounded: other nodes and the engine decide how often there is something to
// tell. Used by link.ts.
import { Rate } from './rate.ts'

export type Tell = (severity: 'info' | 'warning' | 'error', text: string) => void

/** Lines at once, as when a large cluster comes up, and afterwards one in each so many milliseconds. */
const LINES_MAX = 600
const LINE_MILLISECONDS = 5000

/** A refusal names a subject, and those that a node uses are few. */
const REFUSALS_MAX = 16

const AGAIN_MILLISECONDS = 60_000

/** That there is no connection: told at once, when there is something else to do about it, and once a minute while it lasts. */
export class Disconnected {
  private since: number
  private tellAt = 0
  /** What has been told to do since it began. */
  private readonly remedies = new Set<string>()
  private readonly tell: Tell

  constructor(tell: Tell, now: number) {
    this.tell = tell
    this.since = now
  }

  begin(now: number): void {
    this.since = now
    this.tellAt = 0
    this.remedies.clear()
  }

  /** `reason`: '' while the first attempt is under way. */
  turn(reason: string, now: number): void {
    const remedy = remedyOf(reason)
    if (reason === '' || (now < this.tellAt && this.remedies.has(remedy))) return
    this.remedies.add(remedy)
    const seconds = Math.round((now - this.since) / 1000)
    const lasts = seconds === 0 || this.tellAt === 0 ? '' : ` for ${seconds} s`
    this.tellAt = now + AGAIN_MILLISECONDS
    this.tell('warning', `no connection${lasts}: ${reason}. ${remedy}`)
  }
}

const REMEDIES: readonly [RegExp, string][] = [
  [
    /authori[sz]ation|authentication|credential|nkey|jwt|expired|revoked/i,
    'Check [cluster] credentials, user and credentials_path, and the account of this node on the server',
  ],
  [/tls|certificate|altname|self.signed|issuer/i, 'Check [cluster] use_tls and tls_ca_path'],
  [/not the protocol/i, 'Check [cluster] servers: another service has that port'],
  [
    /refused|timeout|timed out|unreach|resolve|getaddrinfo|ENOTFOUND/i,
    'Check that the server runs and can be reached, and [cluster] servers',
  ],
]

/** What an operator can do if no server can be used. */
export function remedyOf(reason: string): string {
  const [, remedy] = REMEDIES.find(([pattern]) => pattern.test(reason)) ?? []
  return remedy ?? "The server's log may say more"
}

/** Passes on so much of what is to be told. */
export function boundedTell(tell: Tell, clock: () => number): Tell {
  const lines = new Rate(1000 / LINE_MILLISECONDS, LINES_MAX * LINE_MILLISECONDS)
  let untold = 0
  return (severity, text) => {
    if (!lines.take(1, clock())) {
      untold++
      return
    }
    if (untold > 0) tell('warning', `${untold} messages about the cluster were not logged`)
    untold = 0
    tell(severity, text)
  }
}

/** What the engine refuses while it is connected. It is known until the connection ends, and told once. */
export class Refusals {
  readonly now: string[] = []
  private readonly told = new Set<string>()
  private readonly tell: Tell

  constructor(tell: Tell) {
    this.tell = tell
  }

  add(reason: string): void {
    if (this.now.length < REFUSALS_MAX && !this.now.includes(reason)) this.now.push(reason)
    if (this.told.size >= REFUSALS_MAX || this.told.has(reason)) return
    this.told.add(reason)
    this.tell('error', `the NATS server refuses what this node needs: ${reason}`)
  }

  clear(): void {
    this.now.length = 0
  }
}
