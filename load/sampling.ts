// A snapshot of the load each second, from the start of a run to its end, and the part of the run that
// the summary is about. Used by run.ts, in the main thread.
import type { Snapshot, Timed } from './measure.ts'
import type { CommonSettings } from './settings.ts'

const SAMPLE_MS = 1000
/** A tracker that stalls for some seconds is still measured; after this long it counts as gone. */
const SILENCE_MS = 10_000

/** What is sampled. */
export interface Measured<S, P> {
  snapshot(): S
  /** What happened from one snapshot to another. */
  between(from: S, to: S): P
  /** What was requested in a period, attempted connections included, and with what result. */
  traffic(period: P): { readonly asked: number; readonly heard: number }
}

export class Sampling<S extends Snapshot, P extends Timed> {
  readonly periods: P[] = []
  private readonly settings: CommonSettings
  private readonly measured: Measured<S, P>
  private readonly show: (elapsedSec: number, period: P, snapshot: S) => void
  private readonly snapshots: S[] = []
  /** Since when the tracker has been asked and has said nothing, or null. */
  private silentSinceMs: number | null = null

  /** `show` is called once a second. */
  constructor(
    settings: CommonSettings,
    measured: Measured<S, P>,
    show: (elapsedSec: number, period: P, snapshot: S) => void,
  ) {
    this.settings = settings
    this.measured = measured
    this.show = show
  }

  get first(): S {
    return this.snapshots[0]
  }

  /** Just before the load begins. */
  begin(): void {
    this.snapshots.push(this.measured.snapshot())
  }

  /** Goes on until the end of the run; returns why it ended early, or null. */
  async watch(
    interrupted: Promise<void>,
    failed: Promise<never>,
    ended: () => string | null,
  ): Promise<string | null> {
    const { duration } = this.settings
    const start = performance.now()
    let stopped = false
    const interruption = interrupted.then(() => {
      stopped = true
    })
    for (let second = 1; duration === 0 || second <= duration; second++) {
      const wait = Math.max(0, start + second * SAMPLE_MS - performance.now())
      await Promise.race([Bun.sleep(wait), interruption, failed])
      if (stopped) break
      this.sample()
      const why = ended() ?? this.silence()
      if (why !== null) return why
    }
    return null
  }

  /** Why the tracker counts as gone, or null. */
  private silence(): string | null {
    if (this.silentSinceMs === null) return null
    const silentMs = this.snapshots[this.snapshots.length - 1].atMs - this.silentSinceMs
    const { response_timeout_milliseconds } = this.settings.requests
    // The samples are a second apart, give or take some milliseconds. And a request is lost only after
    // its timeout, so a silence must last at least as long.
    if (silentMs + SAMPLE_MS / 2 < Math.max(SILENCE_MS, response_timeout_milliseconds)) return null
    const seconds = Math.round(silentMs / 1000)
    return `no answer for ${seconds} s: the tracker has ended or cannot be reached`
  }

  private sample(): void {
    const { summarize_last } = this.settings
    const snapshot = this.measured.snapshot()
    const period = this.measured.between(this.snapshots[this.snapshots.length - 1], snapshot)
    this.snapshots.push(snapshot)
    this.periods.push(period)
    const { asked, heard } = this.measured.traffic(period)
    if (heard > 0) this.silentSinceMs = null
    else if (asked > 0) this.silentSinceMs ??= snapshot.atMs - period.seconds * 1000
    // Those that no summary will start from are not kept: each has a few thousand numbers.
    const needed = summarize_last === 0 ? 1 : summarize_last + 1
    if (this.snapshots.length > needed + 1) this.snapshots.splice(1, 1)
    this.show((snapshot.atMs - this.first.atMs) / 1000, period, snapshot)
  }

  /** Where the summary of a run that ended at `end` starts. */
  summaryStart(end: S): S {
    const { duration, summarize_last } = this.settings
    const wanted = end.atMs - summarize_last * 1000 - SAMPLE_MS / 2
    const isPart = summarize_last > 0 && (duration === 0 || summarize_last < duration)
    return (isPart && this.snapshots.find(({ atMs }) => atMs >= wanted)) || this.first
  }
}
