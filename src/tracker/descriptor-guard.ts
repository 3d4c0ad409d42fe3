// Keeps the runtime from accepting connections while almost no descriptors are left: the listening sockets
// pause, and new clients wait outside until some are free again. Made by main.ts of the protocols that use the
// runtime's sockets, started once the workers serve; runs in the main thread. Owns its timer and a reserve of
// descriptors.
import {
  closeSpares,
  descriptorsLeft,
  type OpenDescriptors,
  openSpares,
} from '../os/descriptors.ts'
import { EventLoops } from '../os/event-loops.ts'
import type { Trouble } from '../process/troubles.ts'

/** How soon after the last descriptor is used the sockets pause. Until then accepting fails in the workers. */
const CHECK_MILLISECONDS = 250
/** Held back until the sockets pause, then used for the operator's connections and for files. */
const RESERVE = 16
/** With fewer left the sockets pause, */
const PAUSE_BELOW = 16
/** and with this many they accept connections again. */
const RESUME_FROM = 32
/** Descriptors that it withholds from connections. */
export const GUARD_DESCRIPTORS = RESERVE + PAUSE_BELOW

/** If a larger share is in use, the operator is told. */
const CROWDED_SHARE = 0.9
const TROUBLE_MILLISECONDS = 60_000

export interface DescriptorGuardOptions {
  /** The ports of the listening sockets. */
  readonly ports: readonly number[]
  readonly descriptors: OpenDescriptors
  readonly limit: number
}

export class DescriptorGuard {
  private readonly options: DescriptorGuardOptions
  private timer: ReturnType<typeof setInterval> | undefined
  private loops: EventLoops | null = null
  private spares: number[] = []
  private paused = false
  private pauseCount = 0
  private pausedAt = Number.NEGATIVE_INFINITY

  constructor(options: DescriptorGuardOptions) {
    this.options = options
  }

  get isPaused(): boolean {
    return this.paused
  }

  /** How often they have paused since startup. */
  get pauses(): number {
    return this.pauseCount
  }

  start(): void {
    this.loops = new EventLoops(this.options.ports)
    this.spares = openSpares(RESERVE)
    this.timer = setInterval(() => this.check(performance.now()), CHECK_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Also for a minute after a pause, since pauses can alternate with being full. */
  trouble(): Trouble | null {
    const { descriptors, limit } = this.options
    const open = descriptors.count()
    const pausedLately = performance.now() - this.pausedAt < TROUBLE_MILLISECONDS
    if (!pausedLately && open < limit * CROWDED_SHARE) return null
    return {
      severity: pausedLately ? 'bad' : 'attention',
      text: pausedLately
        ? `New connections have to wait at times: no more than ${limit} descriptors may be open.`
        : `${open} of ${limit} descriptors are in use.`,
      remedy:
        'Raise the limit on open files (ulimit -n, LimitNOFILE) or lower [limits] max_connections.',
    }
  }

  private check(now: number): void {
    const before = this.paused
    this.paused = !descriptorsLeft(before ? RESUME_FROM + RESERVE : PAUSE_BELOW)
    if (this.paused) this.pausedAt = now
    if (this.paused && before) this.useReserve()
    else if (this.paused) this.pause()
    else if (before) this.resume()
  }

  private pause(): void {
    this.pauseCount++
    this.loops?.setListening(false)
  }

  /** One check after the pause: earlier, a worker that was just accepting would have taken the descriptors. */
  private useReserve(): void {
    closeSpares(this.spares)
    this.spares = []
  }

  /** In this order, for the same reason. */
  private resume(): void {
    this.spares.push(...openSpares(RESERVE - this.spares.length))
    this.loops?.setListening(true)
  }
}
