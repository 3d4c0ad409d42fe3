// Opens the sockets of all workers, each connected to the tracker, and asks the tracker for a first
// sign of life. Called once by main.ts. Every failure ends in one clear line.
import { closeSocket } from '../../src/os/udp-socket.ts'
import { openConnected, WILDCARD } from '../client-socket.ts'
import { clientHosts, serverOf } from '../settings.ts'
import type { LoadConfig } from './config.ts'

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
