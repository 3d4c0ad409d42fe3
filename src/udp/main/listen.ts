// Opens the sockets of all workers. Called once by main.ts, before any worker runs and while the process may
// still have the rights for low ports. Every failure becomes one clear line.
import { addressBytes, addressText, isWildcard } from '../../config/address.ts'
import { StartError } from '../../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { isAbsentAddress, listenRemedy, SystemError } from '../../os/error.ts'
import {
  bindUdpSocket,
  closeSocket,
  createUdpSocket,
  openUdpSocket,
  receiveDrops,
  setReceiveBuffer,
  type UdpSocket,
  type UdpSocketOptions,
} from '../../os/udp-socket.ts'
import type { UdpConfig } from '../settings/config.ts'

export interface Listening {
  /** The addresses served, with the ports that the system chose for port 0. */
  readonly addresses: readonly ListenAddress[]
  /** One socket per address, for each worker. */
  readonly sockets: readonly (readonly WorkerSocket[])[]
  readonly warnings: readonly string[]
  /** Call it once the workers serve: from then on every socket receives packets. */
  readonly begin: () => void
  /** Asks the system for new receive buffer sizes; returns log lines about those it did not grant. */
  readonly setReceiveBuffers: (bytes: number) => string[]
  /** Packets that the system has dropped at all sockets so far: a sum of counters that wrap. */
  readonly receiveDrops: () => number
  /** Closes the sockets of one worker, once it no longer uses them. */
  readonly close: (worker: number) => void
}

export interface WorkerSocket {
  readonly fd: number
  readonly packetInfo: boolean
}

/**
 * `beside`: another tracker of ours serves on these ports until this one does. Our sockets are then bound only
 * by `begin`: packets that arrived before the workers run would fill their buffers.
 */
export function openSockets(config: UdpConfig, workers: number, beside = false): Listening {
  const later: (() => void)[] = []
  const { socket_recv_buffer_size } = config.network
  const opened: { address: ListenAddress; sockets: UdpSocket[] }[] = []
  const ports: number[] = []
  for (const item of listenAddresses(config.network)) {
    const wanted = item.portFromIndex >= 0 ? ports[item.portFromIndex] : item.port
    const options = { workers, bufferBytes: socket_recv_buffer_size, later: beside ? later : null }
    const sockets = openAddress({ ...item, port: wanted }, options)
    ports.push(sockets.length === 0 ? 0 : sockets[0].port)
    if (sockets.length > 0) opened.push({ address: { ...item, port: sockets[0].port }, sockets })
  }
  if (opened.length === 0) throw new StartError('this machine has no address to listen on')
  const all = opened.flatMap(({ sockets }) => sockets)
  const closed = new Set<UdpSocket>()
  let closedDrops = 0
  return {
    addresses: opened.map(({ address }) => address),
    sockets: Array.from({ length: workers }, (_, worker) =>
      opened.map(({ address, sockets }) => ({
        fd: sockets[worker].fd,
        packetInfo: isWildcard(address),
      })),
    ),
    warnings: bufferWarnings(
      all.map(({ receiveBufferBytes }) => receiveBufferBytes),
      socket_recv_buffer_size,
    ),
    setReceiveBuffers: (bytes) =>
      bufferWarnings(
        all.map(({ fd }) => setReceiveBuffer(fd, bytes)),
        bytes,
      ),
    begin: () => {
      for (const bind of later) bind()
    },
    receiveDrops: () => closedDrops + dropsOf(all.filter((socket) => !closed.has(socket))),
    close: (worker) => {
      const own = opened.map(({ sockets }) => sockets[worker])
      closedDrops += dropsOf(own)
      for (const socket of own) {
        closed.add(socket)
        closeSocket(socket.fd)
      }
    },
  }
}

function dropsOf(sockets: readonly UdpSocket[]): number {
  return sockets.reduce((sum, { fd }) => sum + receiveDrops(fd), 0)
}

interface OpenOptions {
  readonly workers: number
  readonly bufferBytes: number
  /** Collects the functions that bind the sockets; null binds them at once. */
  readonly later: (() => void)[] | null
}

/** One socket per worker; none for an optional address that this machine does not have. */
function openAddress(
  item: ListenAddress,
  { workers, bufferBytes, later }: OpenOptions,
): UdpSocket[] {
  const options = {
    family: item.family,
    address: addressBytes(item),
    dualStack: item.dualStack,
    packetInfo: isWildcard(item),
    receiveBufferBytes: bufferBytes,
  }
  try {
    // A socket is opened alone first and closed again: with port sharing from the start, a second tracker on
    // this port would get no error and silently take a part of the clients.
    const port = probePort({ ...options, port: item.port, sharePort: later !== null })
    const shared = { ...options, port, sharePort: true }
    return Array.from({ length: workers }, () => {
      if (later === null) return openUdpSocket(shared)
      const socket = createUdpSocket(shared)
      later.push(() => bindLater(item, socket.fd, shared))
      return socket
    })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    if (item.optional && isAbsentAddress(error)) return []
    throw refusal(item, error)
  }
}

function bindLater(item: ListenAddress, fd: number, options: UdpSocketOptions): void {
  try {
    bindUdpSocket(fd, options)
  } catch (error) {
    throw error instanceof SystemError ? refusal(item, error) : error
  }
}

function refusal(item: ListenAddress, error: SystemError): StartError {
  return new StartError(`cannot listen on ${addressText(item)}: ${listenRemedy(error, 'UDP')}`)
}

/** Finds out whether an address is available; returns its port. */
function probePort(options: UdpSocketOptions): number {
  const probe = openUdpSocket(options)
  closeSocket(probe.fd)
  return probe.port
}

function bufferWarnings(grants: readonly number[], wanted: number): string[] {
  const granted = Math.min(...grants)
  if (wanted === 0 || granted >= wanted) return []
  return [
    `the system granted receive buffers of ${counted(granted, 'byte')} instead of ${wanted} ` +
      `([network] socket_recv_buffer_size): sudo sysctl -w net.core.rmem_max=${wanted}`,
  ]
}
