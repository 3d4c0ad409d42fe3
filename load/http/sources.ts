// The addresses that connections come from: each worker has some of its own, and each of them a share of
// the peers, because a tracker takes a peer's address from its connection. Called once by main.ts.
import { addressBytes } from '../../src/config/address.ts'
import type { Endpoint } from '../../src/os/tcp-client.ts'
import { closeSocket } from '../../src/os/udp-socket.ts'
import { openConnected, WILDCARD } from '../client-socket.ts'
import { clientHosts, serverOf } from '../settings.ts'
import type { LoadConfig } from './config.ts'

/** Of each worker, where there are so many addresses. */
export const SOURCES_PER_WORKER = 16
const ADDRESS_BYTES = 16

export interface SourceHost {
  /** '' = the system's choice. */
  readonly host: string
  readonly endpoint: Endpoint | null
}

export interface Sources {
  readonly hosts: readonly SourceHost[]
  /** Sixteen bytes of each; IPv4 uses the first four. */
  readonly addresses: Uint8Array
}

/** Throws StartError. */
export function findSources(config: LoadConfig): Sources {
  const server = serverOf(config)
  const { family } = server
  const count = config.workers * SOURCES_PER_WORKER
  const hosts = clientHosts(config, count, '')
  const shared = new SharedArrayBuffer(count * ADDRESS_BYTES)
  const addresses = new Uint8Array(shared)
  // No packet is sent: the system tells which address it would send one from.
  const known = hosts.map((host) => {
    const { fd, address } = openConnected(server, host === '' ? WILDCARD[family] : host, 0)
    closeSocket(fd)
    return address
  })
  const found = Array.from({ length: count }, (_, i) => {
    const host = hosts[i % hosts.length]
    addresses.set(known[i % hosts.length], i * ADDRESS_BYTES)
    if (host === '') return { host, endpoint: null }
    return { host, endpoint: { family, address: addressBytes({ family, host, port: 0 }), port: 0 } }
  })
  return { hosts: found, addresses }
}
