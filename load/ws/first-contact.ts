// Opens a first connection to the tracker, so that a run starts with a tracker that is there, or with
// a clear message about one that is not. Used by main.ts.
import type { FirstContact } from '../first-contact.ts'
import { Connection, type Target } from './connection.ts'
import { Outgoing } from './frames.ts'

/** Enough for the close frame. */
const OUTGOING_BYTES = 512

export const firstContact: FirstContact<Target> = {
  tryOnce,
  schemes: ['ws', 'wss'],
  settings: 'server_address and [network] use_tls',
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
