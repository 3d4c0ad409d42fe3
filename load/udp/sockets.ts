// Opens the sockets of all workers, each connected to the tracker, and asks the tracker for a first
// sign of life. Called once by main.ts. Every failure ends in one clear line.
import { addressBytes, type SocketAddress } from '../../src/config/address.ts'
import { StartError } from '../../src/config/cli.ts'
import { SystemError } from '../../src/os/error.ts'
import { closeSocket, connectUdpSocket, openUdpSocket } from '../../src/os/udp-socket.ts'
import { clientHosts, serverOf } from '../settings.ts'
import type { LoadConfig } from './config.ts'

const WILDCARD: Readonly<Record<4 | 6, string>> = { 4: '0.0.0.0', 6: '::' }

export interface LoadSockets {
  readonly fds: readonly number[]
  readonly ports: readonly number[]
  /** The local address of each in four words as packets hold it; IPv4 uses the first. */
  readonly addresses: Int32Array
  readonly warnings: readonly string[]
}

export function openSockets(config: LoadConfig, count: number): LoadSockets {
  const server = serverOf(config)
  const hosts = clientHosts(config, count, WILDCARD[server.family])
  const fds: number[] = []
  const ports: number[] = []
  const addresses = new Int32Array(count * 4)
  let granted = Number.POSITIVE_INFINITY
  for (let i = 0; i < count; i++) {
    const socket = openConnected(server, hosts[i % hosts.length], config.network.recv_buffer)
    fds.push(socket.fd)
    ports.push(socket.port)
    granted = Math.min(granted, socket.receiveBufferBytes)
    addresses.set(new Int32Array(Uint8Array.from(socket.address).buffer), i * 4)
  }
  return { fds, ports, addresses, warnings: bufferWarnings(granted, config.network.recv_buffer) }
}

interface ConnectedSocket {
  readonly fd: number
  readonly port: number
  readonly address: readonly number[]
  readonly receiveBufferBytes: number
}

function openConnected(server: SocketAddress, host: string, bufferBytes: number): ConnectedSocket {
  const { family } = server
  try {
    const socket = openUdpSocket({
      family,
      address: addressBytes({ family, host, port: 0 }),
      port: 0,
      sharePort: false,
      dualStack: false,
      packetInfo: false,
      receiveBufferBytes: bufferBytes,
    })
    const address = connectUdpSocket(socket.fd, { ...server, address: addressBytes(server) })
    return { ...socket, address: [...address, ...Array(16 - address.length).fill(0)] }
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    throw new StartError(`cannot send from ${host}: ${remedyFor(error, host)}`)
  }
}

function remedyFor(error: SystemError, host: string): string {
  if (error.code === 'EADDRNOTAVAIL') return `it is not an address of this machine (EADDRNOTAVAIL).`
  if (error.code === 'EMFILE') {
    return 'too many open files (EMFILE): raise the limit (ulimit -n) or use fewer sockets.'
  }
  if (error.code === 'ENETUNREACH')
    return `no network reaches the tracker from ${host} (ENETUNREACH).`
  return error.message
}

function bufferWarnings(granted: number, wanted: number): string[] {
  if (wanted === 0 || granted >= wanted) return []
  return [
    `the system granted receive buffers of ${granted} bytes instead of ${wanted} ` +
      `([network] recv_buffer): sudo sysctl -w net.core.rmem_max=${wanted}`,
  ]
}

export function closeSockets({ fds }: LoadSockets): void {
  for (const fd of fds) closeSocket(fd)
}
