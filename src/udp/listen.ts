// Opens the sockets of all workers. Called once by main.ts, before any worker runs and while the
// process may still have the rights for low ports. Every failure ends in one clear line.
import { addressBytes, addressText, isWildcard, type SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../config/listen.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../os/error.ts'
import {
  closeSocket,
  openUdpSocket,
  type UdpSocket,
  type UdpSocketOptions,
} from '../os/udp-socket.ts'
import type { UdpConfig } from './config.ts'

export interface Listening {
  /** What is served, with the ports that the system chose for port 0. */
  readonly addresses: readonly SocketAddress[]
  /** For each worker, one socket per address. */
  readonly sockets: readonly (readonly WorkerSocket[])[]
  readonly warnings: readonly string[]
}

export interface WorkerSocket {
  readonly fd: number
  readonly packetInfo: boolean
}

/** `beside`: another tracker of ours serves on these ports until this one does. */
export function openSockets(config: UdpConfig, workers: number, beside = false): Listening {
  const { address, address_ipv6, socket_recv_buffer_size } = config.network
  const opened: { address: SocketAddress; sockets: UdpSocket[] }[] = []
  const ports: number[] = []
  for (const item of listenAddresses(address, address_ipv6)) {
    const wanted = item.portFromIndex >= 0 ? ports[item.portFromIndex] : item.port
    const sockets = openAddress({ ...item, port: wanted }, workers, socket_recv_buffer_size, beside)
    ports.push(sockets.length === 0 ? 0 : sockets[0].port)
    if (sockets.length > 0) opened.push({ address: { ...item, port: sockets[0].port }, sockets })
  }
  if (opened.length === 0) throw new StartError('this machine has no address to listen on')
  return {
    addresses: opened.map(({ address }) => address),
    sockets: Array.from({ length: workers }, (_, worker) =>
      opened.map(({ address, sockets }) => ({
        fd: sockets[worker].fd,
        packetInfo: isWildcard(address),
      })),
    ),
    warnings: bufferWarnings(
      opened.flatMap(({ sockets }) => sockets),
      socket_recv_buffer_size,
    ),
  }
}

/** One socket per worker; none for an optional address that this machine does not have. */
function openAddress(
  item: ListenAddress,
  workers: number,
  bufferBytes: number,
  beside: boolean,
): UdpSocket[] {
  const options = {
    family: item.family,
    address: addressBytes(item),
    dualStack: item.dualStack,
    packetInfo: isWildcard(item),
    receiveBufferBytes: bufferBytes,
  }
  try {
    const port = beside && item.port !== 0 ? item.port : freePort({ ...options, port: item.port })
    return Array.from({ length: workers }, () =>
      openUdpSocket({ ...options, port, sharePort: true }),
    )
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    if (item.optional && isAbsentAddress(error)) return []
    throw new StartError(`cannot listen on ${addressText(item)}: ${listenRemedy(error)}`)
  }
}

/**
 * The port, which nobody else has: opened alone and closed again. With port sharing from the start, a
 * second tracker on this port would not be told, but silently take a part of the clients.
 */
function freePort(options: Omit<UdpSocketOptions, 'sharePort'>): number {
  const probe = openUdpSocket({ ...options, sharePort: false })
  closeSocket(probe.fd)
  return probe.port
}

function bufferWarnings(sockets: readonly UdpSocket[], wanted: number): string[] {
  const granted = Math.min(...sockets.map(({ receiveBufferBytes }) => receiveBufferBytes))
  if (wanted === 0 || granted >= wanted) return []
  return [
    `the system granted receive buffers of ${granted} bytes instead of ${wanted} ` +
      `([network] socket_recv_buffer_size): sudo sysctl -w net.core.rmem_max=${wanted}`,
  ]
}
