// Repeats a piece of work in the main thread: soon after the start, because a page that was just opened
// should not be empty, then ever more rarely, down to once a minute. Used for what takes too long to be
// done whenever somebody looks. Owns its timer.
const FIRST_MILLISECONDS = 2000
const INTERVAL_MILLISECONDS = 60_000

export class RepeatedWork {
  stopped = false
  private readonly work: () => void | Promise<void>
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(work: () => void | Promise<void>) {
    this.work = work
  }

  /** Begins with a round. */
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
