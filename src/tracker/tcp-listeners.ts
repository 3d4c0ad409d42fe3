// Opens the sockets that workers of a protocol over TCP listen on. Called once by the protocol's main.ts, before any worker
// runs and while the process still has the rights for low ports. A socket receives no connections until its worker calls listen.
import { addressBytes, type SocketAddress } from '../config/address.ts'
import type { ListenSettings } from '../config/listen.ts'
import { SystemError } from '../os/error.ts'
import { openListener } from '../os/tcp-listener.ts'
import { type ServerAddress, serverAddress } from '../tcp/server-address.ts'
import { holdAddresses, listenRefusal } from './tcp-addresses.ts'

export interface Listening {
  /** With the ports that the system has chosen for port 0. */
  readonly addresses: readonly SocketAddress[]
  /** One socket per address for each worker, which closes them itself. */
  readonly listeners: readonly (readonly number[])[]
  /** Call once all workers listen. */
  release(): void
}

export interface TlsListening {
  readonly addresses: readonly SocketAddress[]
  /** The same for workers to open, in the form that the runtime takes. */
  readonly servers: readonly ServerAddress[]
  release(): void
}

/** The addresses served with TLS. `shared`: as below. */
export function findTlsAddresses(settings: ListenSettings, shared: boolean): TlsListening {
  const { addresses, release } = holdAddresses(settings, shared)
  return { addresses, servers: addresses.map(serverAddress), release }
}

/** `shared`: another process has the ports open and this one takes over from it. */
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
