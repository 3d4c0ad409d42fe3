// A UDP socket that is connected to the tracker, from one of the addresses to send from. The load tester
// for UDP sends through it; that for HTTP asks it which address the system takes. Every failure ends in
// one clear line.
import { addressBytes, type SocketAddress } from '../src/config/address.ts'
import { StartError } from '../src/config/cli.ts'
import { SystemError } from '../src/os/error.ts'
import { connectUdpSocket, openUdpSocket } from '../src/os/udp-socket.ts'

export const WILDCARD: Readonly<Record<4 | 6, string>> = { 4: '0.0.0.0', 6: '::' }

export interface ConnectedSocket {
  readonly fd: number
  readonly port: number
  /** Sixteen bytes; IPv4 uses the first four. */
  readonly address: readonly number[]
  readonly receiveBufferBytes: number
}

/** Throws StartError. */
export function openConnected(
  server: SocketAddress,
  host: string,
  bufferBytes: number,
): ConnectedSocket {
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
