// Opens the sockets that workers listen on. Called once by main.ts before any worker runs, and while the process may
// still have the rights for low ports. They hear of no connection until a worker that serves them says so.
import { addressBytes, type SocketAddress } from '../../config/address.ts'
import type { ListenSettings } from '../../config/listen.ts'
import { SystemError } from '../../os/error.ts'
import { openListener } from '../../os/tcp-listener.ts'
import { type ServerAddress, serverAddress } from '../../tcp/server-address.ts'
import { holdAddresses, listenRefusal } from '../../tracker/tcp-addresses.ts'

export interface Listening {
  /** With the ports that the system chose for port 0. */
  readonly addresses: readonly SocketAddress[]
  /** For each worker, one socket per address, which it closes itself. */
  readonly listeners: readonly (readonly number[])[]
  /** To be called once all workers listen. */
  release(): void
}

export interface TlsListening {
  readonly addresses: readonly SocketAddress[]
  /** In the runtime's form: workers open them. */
  readonly servers: readonly ServerAddress[]
  release(): void
}

/** Those that are served with TLS. `shared`: as below. */
export function findTlsAddresses(settings: ListenSettings, shared: boolean): TlsListening {
  const { addresses, release } = holdAddresses(settings, shared)
  return { addresses, servers: addresses.map(serverAddress), release }
}

/** `shared`: another process has the ports, whose place this one takes. */
export function openListeners(
  settings: ListenSettings,
  workers: number,
  shared: boolean,
): Listening {
  const { addresses, release } = holdAddresses(settings, shared)
  const listeners = Array.from({ length: workers }, () =>
    addresses.map((item) => {
      try {
        return openListener({ ...item, address: addressBytes(item) })
      } catch (error) {
        throw error instanceof SystemError ? listenRefusal(item, error) : error
      }
    }),
  )
  return { addresses, listeners, release }
}
