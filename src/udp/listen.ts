// Opens the sockets of all workers. Called once by main.ts, before any worker runs and while the
// process may still have the rights for low ports. Every failure ends in one clear line.
import { addressBytes, addressText, isWildcard, type SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../config/listen.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../os/error.ts'
import { closeSocket, openUdpSocket, type UdpSocket } from '../os/udp-socket.ts'
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

export function openSockets(config: UdpConfig, workers: number): Listening {
  const { address, address_ipv6, socket_recv_buffer_size } = config.network
  const opened: { address: SocketAddress; sockets: UdpSocket[] }[] = []
  const ports: number[] = []
  for (const item of listenAddresses(address, address_ipv6)) {
    const wanted = item.portFromIndex >= 0 ? ports[item.portFromIndex] : item.port
    const sockets = openAddress({ ...item, port: wanted }, workers, socket_recv_buffer_size)
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
function openAddress(item: ListenAddress, workers: number, bufferBytes: number): UdpSocket[] {
  const options = {
    family: item.family,
    address: addressBytes(item),
    dualStack: item.dualStack,
    packetInfo: isWildcard(item),
    receiveBufferBytes: bufferBytes,
  }
  try {
    // Opened alone and closed again: with port sharing from the start, a second tracker on this port
    // would not be told, but silently take a part of the clients.
    const probe = openUdpSocket({ ...options, port: item.port, sharePort: false })
    closeSocket(probe.fd)
    return Array.from({ length: workers }, () =>
      openUdpSocket({ ...options, port: probe.port, sharePort: true }),
    )
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    if (item.optional && isAbsentAddress(error)) return []
    throw new StartError(`cannot listen on ${addressText(item)}: ${listenRemedy(error)}`)
  }
}

function bufferWarnings(sockets: readonly UdpSocket[], wanted: number): string[] {
  const granted = Math.min(...sockets.map(({ receiveBufferBytes }) => receiveBufferBytes))
  if (wanted === 0 || granted >= wanted) return []
  return [
    `the system granted receive buffers of ${granted} bytes instead of ${wanted} ` +
      `([network] socket_recv_buffer_size): sudo sysctl -w net.core.rmem_max=${wanted}`,
  ]
}
