// The addresses of this machine, and the network cards that have them, as the kernel tells. Used in main threads by
// udp/main/xdp-cards.ts, and again and again while the tracker runs: none of it needs rights or files.
import { readFileSync } from 'node:fs'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { addressBytes } from '../config/address.ts'
import { ADDRESS_WORDS, IPV4_MAPPED } from './own-addresses.ts'

export interface LocalAddress {
  readonly card: string
  /** The card is no card, but the loopback interface: packets for it may come by any. */
  readonly isLoopback: boolean
  readonly family: 4 | 6
  readonly host: string
  readonly bytes: readonly number[]
  /** That of everybody in its network; null if there is none. */
  readonly broadcast: readonly number[] | null
}

/** Without those that no packet of a card can be for: 127.0.0.0/8 and ::1. */
export function localAddresses(): LocalAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([card, addresses = []]) =>
    addresses.map((address) => localAddress(card, address)).filter(({ host }) => !isOnlyHere(host)),
  )
}

function localAddress(card: string, { address, netmask, internal }: NetworkInterfaceInfo) {
  const host = address.replace(/%.*$/, '')
  const family = host.includes(':') ? 6 : 4
  const bytes = addressBytes({ family, host, port: 0 })
  const broadcast = family === 6 ? null : broadcastOf(bytes, netmask.split('.').map(Number))
  return { card, isLoopback: internal, family, host, bytes, broadcast } as const
}

function isOnlyHere(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

/** Networks of one or two addresses have none. */
function broadcastOf(address: readonly number[], mask: readonly number[]): number[] | null {
  return mask[3] >= 254 ? null : address.map((byte, i) => byte | (~mask[i] & 0xff))
}

/** From which no packet can come, as OwnAddresses takes them. */
export function unsendableAddresses(local = localAddresses()): Int32Array {
  const own = local.flatMap(({ bytes, broadcast }) => [bytes, ...(broadcast ? [broadcast] : [])])
  const words = new Int32Array(own.length * ADDRESS_WORDS)
  const all = new Uint8Array(words.buffer)
  for (const [i, bytes] of own.entries()) {
    const at = i * ADDRESS_WORDS
    if (bytes.length === 4) words[at + 2] = IPV4_MAPPED
    all.set(bytes, at * 4 + (bytes.length === 4 ? 12 : 0))
  }
  return words
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
