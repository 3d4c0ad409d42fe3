// An address to listen on, in the runtime's form. Made in main threads, used by workers that use the runtime's
// sockets.
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
