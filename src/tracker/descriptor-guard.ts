// Keeps the runtime from accepting connections while nearly no descriptor is left: the listening sockets rest, and
// newcomers wait outside until some are free again. Made by main.ts of the protocols whose sockets are the runtime's,
// started once the workers serve; runs in the main thread. Owns its timer and a reserve of descriptors.
import {
  closeSpares,
  descriptorsLeft,
  type OpenDescriptors,
  openSpares,
} from '../os/descriptors.ts'
import { EventLoops } from '../os/event-loops.ts'
import type { Trouble } from '../process/troubles.ts'

/** How soon after the last descriptor the sockets rest. Until then the workers ask in vain. */
const CHECK_MILLISECONDS = 250
/** Held back until the sockets rest, and then for the operator's connections, and files. */
const RESERVE = 16
/** With fewer left the sockets rest, */
const PAUSE_BELOW = 16
/** and with so many they take connections again. */
const RESUME_FROM = 32
/** What it keeps from connections. */
export const GUARD_DESCRIPTORS = RESERVE + PAUSE_BELOW

/** With a larger share in use the operator is told. */
const CROWDED_SHARE = 0.9
const TROUBLE_MILLISECONDS = 60_000

export interface DescriptorGuardOptions {
  /** Of the listening sockets. */
  readonly ports: readonly number[]
  readonly descriptors: OpenDescriptors
  readonly limit: number
  /** Called at each look, while nobody replaces the listening sockets. */
  readonly look?: (now: number) => void
}

export class DescriptorGuard {
  private readonly options: DescriptorGuardOptions
  private timer: ReturnType<typeof setInterval> | undefined
  private loops: EventLoops | null = null
  private suspended = false
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

  /** How often they have rested since the start. */
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

  /** Workers replace their listening sockets: nothing may be done to those until they have. */
  suspend(): void {
    this.suspended = true
  }

  listenersChanged(): void {
    this.suspended = false
    this.loops?.findListeners()
    if (this.paused) this.loops?.setListening(false)
  }

  /** Also for a minute after the sockets have rested: they may do so in turns with being full. */
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
    if (this.suspended) return
    const before = this.paused
    this.paused = !descriptorsLeft(before ? RESUME_FROM + RESERVE : PAUSE_BELOW)
    if (this.paused) this.pausedAt = now
    if (this.paused && before) this.useReserve()
    else if (this.paused) this.pause()
    else if (before) this.resume()
    this.options.look?.(now)
  }

  private pause(): void {
    this.pauseCount++
    this.loops?.setListening(false)
  }

  /** One look later: a worker that was accepting at that moment would have taken it. */
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
