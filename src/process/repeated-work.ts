// Repeats a piece of work in the main thread: soon after the start, because a page that was just opened
// should not be empty, then less and less often, down to once a minute. Used for work that takes too long
// to be done on request. Owns its timer.
const FIRST_MILLISECONDS = 2000
const INTERVAL_MILLISECONDS = 60_000

export class RepeatedWork {
  stopped = false
  private readonly work: () => void | Promise<void>
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(work: () => void | Promise<void>) {
    this.work = work
  }

  /** The first round comes after the delay, which then doubles each time. */
  start(delayMilliseconds = FIRST_MILLISECONDS): void {
    this.timer = setTimeout(async () => {
      await this.work()
      if (!this.stopped) this.start(Math.min(INTERVAL_MILLISECONDS, delayMilliseconds * 2))
    }, delayMilliseconds)
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }
}
