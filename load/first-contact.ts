// Waits for a tracker that speaks TCP to answer a first time, so that a run starts with a tracker that is
// there, or with a clear message about one that is not. Used by the first-contact.ts of HTTP and WebTorrent.
import { StartError } from '../src/config/cli.ts'

const ASK_AGAIN_MS = 100
/** For a tracker that speaks plain text where TLS was asked for, or the other way round. */
const OTHER_SCHEME_MS = 1000

interface Target {
  readonly hostname: string
  readonly port: number
  readonly tls: boolean
  readonly path: string
}

export interface FirstContact<T extends Target> {
  /** Returns null when it worked, else why not. */
  readonly tryOnce: (target: T, timeoutMs: number) => Promise<string | null>
  /** Of its URL: without TLS, and with it. */
  readonly schemes: readonly [plain: string, tls: string]
  /** Which settings may be wrong when it cannot be reached. */
  readonly settings: string
}

/** `ended` tells why there is no point in waiting any longer, or null. Throws StartError. */
export async function reachTracker<T extends Target>(
  { tryOnce, schemes, settings }: FirstContact<T>,
  target: T,
  timeoutSec: number,
  ended: () => string | null,
): Promise<void> {
  const url = urlOf(target, schemes)
  const deadline = performance.now() + timeoutSec * 1000
  let why = 'it did not answer'
  while (ended() === null && performance.now() < deadline) {
    const failure = await tryOnce(target, deadline - performance.now())
    if (failure === null) return
    why = failure
    const other = { ...target, tls: !target.tls }
    if ((await tryOnce(other, OTHER_SCHEME_MS)) === null) {
      throw new StartError(
        `the tracker does not answer at ${url}, but at ${urlOf(other, schemes)}: set [network] ` +
          `use_tls = ${other.tls}`,
      )
    }
    await Bun.sleep(ASK_AGAIN_MS)
  }
  throw new StartError(
    `cannot reach the tracker at ${url} within ${timeoutSec} s: ${ended() ?? why}. Start it, ` +
      `or set ${settings}.`,
  )
}

function urlOf({ tls, hostname, port, path }: Target, schemes: readonly [string, string]): string {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  return `${schemes[tls ? 1 : 0]}://${host}:${port}${path}`
}
