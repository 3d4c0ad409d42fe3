// The addresses of this machine, and the network cards that have them, as the kernel tells. Used in main threads by
// udp/main/xdp-cards.ts, and again and again while the tracker runs: none of it needs rights or files.
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { addressBytes } from '../config/address.ts'

export interface LocalAddress {
  readonly card: string
  readonly family: 4 | 6
  readonly host: string
  readonly bytes: readonly number[]
}

/** Without those of the loopback interface. */
export function localAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([card, addresses = []]) =>
    addresses
      .filter(({ internal }) => !internal)
      .map(({ family, address }) => {
        const host = address.replace(/%.*$/, '')
        const own = family === 'IPv4' ? 4 : 6
        return { card, family: own, host, bytes: addressBytes({ family: own, host, port: 0 }) }
      }),
  )
}

/** Cards by which packets leave for the rest of the world. Not after a chroot. */
export function defaultRouteCards(): string[] {
  // Name, destination, gateway, flags, …, mask at 7; a network of 0 with a mask of 0 is everything.
  const ipv4 = rowsOf('/proc/net/route').filter(([, to, , , , , , mask]) => {
    return to === '00000000' && mask === '00000000'
  })
  // Destination, its prefix in hexadecimal, …, name at 9.
  const ipv6 = rowsOf('/proc/net/ipv6_route').filter(
    ([to, prefix]) => /^0+$/.test(to) && prefix === '00',
  )
  const names = [...ipv4.map(([name]) => name), ...ipv6.map((row) => row[9])]
  return [...new Set(names)].filter((name) => name !== undefined && name !== 'lo')
}

function rowsOf(path: string): string[][] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    return lines.filter((line) => line.trim() !== '').map((line) => line.trim().split(/\s+/))
  } catch {
    return []
  }
}
