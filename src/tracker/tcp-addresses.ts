// The TCP addresses that the workers of a protocol listen on. tcp-listeners.ts holds them once
// before any worker runs, so that an address that cannot be opened leads to one clear line. The ports stay
// reserved until the workers' own sockets are open. Owns the held ports.
import { addressBytes, addressText, type SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { type ListenAddress, type ListenSettings, listenAddresses } from '../config/listen.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../os/error.ts'
import { type HeldPort, holdTcpPort, releaseTcpPort } from '../os/tcp-port.ts'

export interface HeldAddresses {
  /** With the ports that the system chose for port 0. */
  readonly addresses: readonly (SocketAddress & { readonly dualStack: boolean })[]
  /** Call it once all workers listen. */
  release(): void
}

/** `shared`: another process has the ports, and this one takes over from it. */
export function holdAddresses(settings: ListenSettings, shared: boolean): HeldAddresses {
  const held: { item: ListenAddress; port: HeldPort }[] = []
  const ports: number[] = []
  for (const item of listenAddresses(settings)) {
    const port = item.portFromIndex >= 0 ? ports[item.portFromIndex] : item.port
    const hold = holdAddress({ ...item, port }, shared)
    ports.push(hold?.port ?? 0)
    if (hold !== null) held.push({ item, port: hold })
  }
  if (held.length === 0) throw new StartError('this machine has no address to listen on')
  return {
    addresses: held.map(({ item, port }) => ({ ...item, port: port.port })),
    release: () => {
      for (const { port } of held) releaseTcpPort(port)
    },
  }
}

/** Null for an optional address that this machine does not have. */
function holdAddress(item: ListenAddress, shared: boolean): HeldPort | null {
  try {
    return holdTcpPort({ ...item, address: addressBytes(item) }, shared)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    if (item.optional && isAbsentAddress(error)) return null
    throw listenRefusal(item, error)
  }
}

export function listenRefusal(item: SocketAddress, error: SystemError): StartError {
  return new StartError(`cannot listen on ${addressText(item)}: ${listenRemedy(error)}`)
}
