// What the HTTP servers of a tracker have in common: the path of a request, and what is done when
// answering one fails. Used by operations/server.ts and ws/worker/upgrade.ts.
//
// Whatever a stranger sends must not throw, and must not write to the log at the stranger's pace: with
// no handler of ours the runtime prints a stack trace for each failure, past log level and format.

const TELL_MILLISECONDS = 60_000

/**
 * The path of a request's URL. By hand: the runtime builds that URL from the header `Host` as received, and
 * a URL parser throws when that cannot be a host. Without a usable one the URL is the path alone.
 */
export function requestPath(url: string): string {
  const host = /^https?:\/\//i.exec(url)?.[0].length ?? 0
  const slash = url.indexOf('/', host)
  if (slash < 0) return '/'
  const end = url.slice(slash).search(/[?#]/)
  return end < 0 ? url.slice(slash) : url.slice(slash, slash + end)
}

/** Answers requests whose handling threw, which is a bug of ours, and logs it once a minute. */
export class FailedRequests {
  private readonly tell: (text: string) => void
  private toldAt = Number.NEGATIVE_INFINITY
  private count = 0

  constructor(tell: (text: string) => void) {
    this.tell = tell
  }

  /** Only logs it. */
  report(error: unknown, now = performance.now()): void {
    this.count++
    if (now - this.toldAt >= TELL_MILLISECONDS) {
      this.toldAt = now
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.tell(`HTTP requests that could not be answered since the start: ${this.count}: ${what}`)
    }
  }

  answer(error: unknown, now = performance.now()): Response {
    this.report(error, now)
    return new Response('This should not have happened.\n', {
      status: 500,
      headers: { 'content-type': 'text/plain; charset=utf-8', connection: 'close' },
    })
  }
}
