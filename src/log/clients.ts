// How a log names a client: by the setting log_addresses. Used by main threads, for lines about single
// clients. Owns the key of the process.
//
// Hashes are HMAC-SHA-256 under 256 random bits that never leave the process and end with it, cut to 64
// bits. There are only 2^32 IPv4 addresses, so a hash without a key would hide nothing: whoever has the log
// would hash them all. Without the key there is nothing to try. A client has one name until the
// restart, and another after it, so logs of different runs, or machines, cannot be correlated by it.
import { createHmac, randomBytes } from 'node:crypto'
import type { LogAddresses } from './log.ts'

const KEY_BYTES = 32
const NAME_HEX_DIGITS = 16

let key: Buffer | null = null

/** `address`: in the form to be logged, a network for a client that counts as one. */
export function clientName(address: string, form: LogAddresses): string {
  if (form === 'plain') return address
  if (form === 'off') return 'a client'
  key ??= randomBytes(KEY_BYTES)
  const digest = createHmac('sha256', key).update(address).digest('hex')
  return `client ${digest.slice(0, NAME_HEX_DIGITS)}`
}

/** An IPv4 address of four bytes. */
export function ipv4Text(bytes: readonly number[]): string {
  return bytes.join('.')
}

/** The /64 network of an IPv6 address, by its first eight bytes. */
export function ipv6NetworkText(bytes: readonly number[]): string {
  const groups = [0, 2, 4, 6].map((at) => ((bytes[at] << 8) | bytes[at + 1]).toString(16))
  return `${groups.join(':')}::/64`
}
