// An address that the runtime listens on, in its form. Made in main threads, used by workers whose sockets are the
// runtime's. Pure functions.
import type { SocketAddress } from '../config/address.ts'

export interface ServerAddress {
  readonly hostname: string
  readonly port: number
  readonly ipv6Only: boolean
}

export function serverAddress({
  host,
  port,
  family,
  dualStack,
}: SocketAddress & { readonly dualStack: boolean }): ServerAddress {
  return { hostname: host, port, ipv6Only: family === 6 && !dualStack }
}
