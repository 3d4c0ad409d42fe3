// The addresses that workers listen on, in the runtime's form. Called once by main.ts before any worker runs.
import type { SocketAddress } from '../../config/address.ts'
import type { ListenSettings } from '../../config/listen.ts'
import { holdAddresses } from '../../tracker/tcp-addresses.ts'
import type { ServerAddress } from '../worker/socket-worker.ts'

export interface Listening {
  /** With the ports that the system chose for port 0. */
  readonly addresses: readonly SocketAddress[]
  readonly servers: readonly ServerAddress[]
  /** To be called once all workers listen. */
  release(): void
}

/** `shared`: another process has the ports, and this one takes over from it. */
export function findAddresses(settings: ListenSettings, shared: boolean): Listening {
  const { addresses, release } = holdAddresses(settings, shared)
  const servers = addresses.map(({ host, port, family, dualStack }) => {
    return { hostname: host, port, ipv6Only: family === 6 && !dualStack }
  })
  return { addresses, servers, release }
}
