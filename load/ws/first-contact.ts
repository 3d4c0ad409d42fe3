// Opens a first connection to the tracker, so that a run starts with a tracker that is there, or with
// a clear message about one that is not. Called once by main.ts.
import { StartError } from '../../src/config/cli.ts'
import { Connection, type Target } from './connection.ts'
import { Outgoing } from './frames.ts'

const ASK_AGAIN_MS = 100
/** For a tracker that speaks ws where wss was asked for, or the other way round. */
const OTHER_SCHEME_MS = 1000
/** Enough for the close frame. */
const OUTGOING_BYTES = 512

/** `ended` tells why there is no point in waiting any longer, or null. Throws StartError. */
export async function waitForTracker(
  target: Target,
  timeoutSec: number,
  ended: () => string | null,
): Promise<void> {
  const deadline = performance.now() + timeoutSec * 1000
  let why = 'it did not answer'
  while (ended() === null && performance.now() < deadline) {
    const failure = await tryOnce(target, deadline - performance.now())
    if (failure === null) return
    why = failure
    const other = { ...target, tls: !target.tls }
    if ((await tryOnce(other, OTHER_SCHEME_MS)) === null) {
      throw new StartError(
        `the tracker does not answer at ${urlOf(target)}, but at ${urlOf(other)}: set [network] ` +
          `use_tls = ${other.tls}`,
      )
    }
    await Bun.sleep(ASK_AGAIN_MS)
  }
  throw new StartError(
    `cannot reach the tracker at ${urlOf(target)} within ${timeoutSec} s: ${ended() ?? why}. Start it, ` +
      'or set server_address and [network] use_tls.',
  )
}

function urlOf({ tls, hostname, port, path }: Target): string {
  const host = hostname.includes(':') ? `[${hostname}]` : hostname
  return `${tls ? 'wss' : 'ws'}://${host}:${port}${path}`
}

/** Null when it worked, else why not. */
async function tryOnce(target: Target, timeoutMs: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const connection = new Connection(target, new Outgoing(OUTGOING_BYTES), {
    opened: () => resolve(null),
    message: () => {},
    settled: () => {},
    closed: resolve,
  })
  const timer = setTimeout(() => resolve('the handshake was not answered'), timeoutMs)
  connection.connect()
  const failure = await promise
  clearTimeout(timer)
  connection.close()
  return failure
}
