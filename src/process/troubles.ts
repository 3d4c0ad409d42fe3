// What goes wrong while the tracker serves, in terms an operator understands: which troubles there are now, how bad they
// are, and what to do. One list per process, in the main thread (tracker/tracker.ts makes it). Any part that can detect a
// kind of trouble adds a source; all of them are asked once a second. The page, /stats.json, /health,
// the metrics and the service manager show what was found, and the log reports it at every level but `off`,
// at most once a minute for each kind. Owns a timer and what was last found.
//
// A source looks at figures that are there anyway and costs next to nothing. What is counted is best added
// with `lossSource` (losses.ts), which sums up the last minute and chooses the severity by the share.
import type { Log } from '../log/log.ts'
import { nowMilliseconds } from '../os/clock.ts'

/** attention: something is not as it should be, clients hardly notice. bad: they do. */
export type Severity = 'attention' | 'bad'
export type Condition = 'good' | Severity

export interface Trouble {
  readonly severity: Severity
  /** One plain sentence with its figure. */
  readonly text: string
  /** What the operator can do, in a sentence or two. */
  readonly remedy: string
  /** Only a restart may help: /health answers 503. */
  readonly restartHelps?: boolean
  /** Its source has logged it itself. */
  readonly isLogged?: boolean
}

export interface TroubleSource {
  /** In snake_case. A label of the metrics and the key in /stats.json: it never changes. */
  readonly name: string
  /** Asked once a second: what is wrong now, or null. */
  readonly find: () => Trouble | null
}

export interface FoundTrouble extends Trouble {
  readonly name: string
  /** Milliseconds of the monotonic clock. */
  readonly since: number
}

const CHECK_MILLISECONDS = 1000
/** Between two lines about one kind of trouble, when its figures have changed. */
const LINE_MILLISECONDS = 60_000
/** When they have not. */
const SAME_LINE_MILLISECONDS = 3_600_000

interface Line {
  at: number
  text: string
}

export class Troubles {
  private readonly log: Log
  private readonly clock: () => number
  private readonly sources: TroubleSource[] = []
  private found: readonly FoundTrouble[] = []
  private readonly lines = new Map<string, Line>()
  private readonly changeListeners: ((troubles: readonly FoundTrouble[]) => void)[] = []
  private timer: ReturnType<typeof setInterval> | undefined

  /** `clock` gives milliseconds of a clock that nobody sets. */
  constructor(log: Log, clock: () => number = nowMilliseconds) {
    this.log = log
    this.clock = clock
  }

  add(...sources: readonly TroubleSource[]): void {
    this.sources.push(...sources)
  }

  /** Calls `listener` when a trouble comes, goes, or gets better or worse. */
  onChange(listener: (troubles: readonly FoundTrouble[]) => void): void {
    this.changeListeners.push(listener)
  }

  start(): void {
    this.timer = setInterval(() => this.check(), CHECK_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Of all sources, in the order in which they were added. */
  names(): string[] {
    return this.sources.map(({ name }) => name)
  }

  /** As of the last check: what is bad first. */
  current(): readonly FoundTrouble[] {
    return this.found
  }

  check(): void {
    const now = this.clock()
    const before = new Map(this.found.map((trouble) => [trouble.name, trouble]))
    const found = this.sources.flatMap(({ name, find }): FoundTrouble[] => {
      const trouble = find()
      if (trouble === null) return []
      return [{ ...trouble, name, since: before.get(name)?.since ?? now }]
    })
    for (const trouble of found) {
      before.delete(trouble.name)
      if (trouble.isLogged !== true) this.tell(trouble, now)
    }
    for (const { name } of before.values()) this.log.info(`${name} is over`)
    const was = kindsOf(this.found)
    this.found = found.sort((a, b) => rank(b) - rank(a))
    if (was === kindsOf(this.found)) return
    for (const listener of this.changeListeners) listener(this.found)
  }

  private tell({ name, severity, text, remedy }: FoundTrouble, now: number): void {
    const line = `${severity}: ${text} ${remedy}`
    const last = this.lines.get(name)
    const pause = last?.text === line ? SAME_LINE_MILLISECONDS : LINE_MILLISECONDS
    // A wall clock that was set back must not silence it for that long.
    if (last !== undefined && Math.abs(now - last.at) < pause) return
    this.lines.set(name, { at: now, text: line })
    this.log.error(line)
  }
}

export function conditionOf(troubles: readonly Trouble[]): Condition {
  const worst = troubles.some(({ severity }) => severity === 'bad') ? 'bad' : 'attention'
  return troubles.length === 0 ? 'good' : worst
}

function kindsOf(troubles: readonly FoundTrouble[]): string {
  return troubles.map(({ name, severity }) => `${name} ${severity}`).join()
}

function rank({ severity }: Trouble): number {
  return severity === 'bad' ? 1 : 0
}
