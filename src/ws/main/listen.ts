// The addresses that workers listen on, in the runtime's form. Called once by main.ts before any worker runs.
import type { SocketAddress } from '../../config/address.ts'
import type { ListenSettings } from '../../config/listen.ts'
import { type ServerAddress, serverAddress } from '../../tcp/server-address.ts'
import { holdAddresses } from '../../tracker/tcp-addresses.ts'

export interface Listening {
  /** With the ports that the system chose for port 0. */
  readonly addresses: readonly SocketAddress[]
  readonly servers: readonly ServerAddress[]
  /** Call it once all workers listen. */
  release(): void
}

/** `shared`: another process has the ports, and this one takes over from it. */
export function findAddresses(settings: ListenSettings, shared: boolean): Listening {
  const { addresses, release } = holdAddresses(settings, shared)
  return { addresses, servers: addresses.map(serverAddress), release }
}
