// Reads and checks `address:port` texts of the settings. Host names are refused: what a tracker
// listens on must not depend on a name server.

import { isIPv4, isIPv6 } from 'node:net'
import type { Fault } from './setting.ts'
import { SMART_QUOTES } from './smart-quotes.ts'

export interface SocketAddress {
  family: 4 | 6
  /** Without brackets; IPv6 in its shortest form. */
  host: string
  port: number
}

/** What a text that has quotes of its own, or blanks around it, begins or ends with. */
const AT_AN_END = new RegExp(`^[\\s'"${SMART_QUOTES}]|[\\s'"${SMART_QUOTES}]$`)

const PORT_MAX = 65535
const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

/** What a setting that takes addresses allows, for messages and manuals. */
export const ADDRESS_FORMS = "'IPv4:port' or '[IPv6]:port'"

export function parseSocketAddress(text: string): SocketAddress | Fault {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text)
  if (parts === null || AT_AN_END.test(text)) return shapeFault(text)
  const port = parsePort(parts[3])
  if (typeof port !== 'number') return port
  return parts[1] === undefined ? fromIPv4(parts[2], port) : fromIPv6(parts[1], port)
}

export function checkSocketAddress(text: string): Fault | null {
  const address = parseSocketAddress(text)
  return 'fault' in address ? address : null
}

export function addressText(address: SocketAddress): string {
  return address.family === 4
    ? `${address.host}:${address.port}`
    : `[${address.host}]:${address.port}`
}

export function isWildcard({ host }: SocketAddress): boolean {
  return WILDCARDS.includes(host)
}

/** The 4 or 16 bytes of an address in its normal form. */
export function addressBytes({ family, host }: SocketAddress): number[] {
  if (family === 4) return host.split('.').map(Number)
  const [front, back] = host
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = back === undefined ? 0 : 8 - front.length - back.length
  const groups = [...front, ...Array<string>(zeros).fill('0'), ...(back ?? [])]
  return groups.map((group) => Number.parseInt(group, 16)).flatMap((n) => [n >> 8, n & 0xff])
}

function fromIPv4(host: string, port: number): SocketAddress | Fault {
  if (isIPv4(host)) {
    const first = Number(host.split('.')[0])
    if (first < 224) return { family: 4, host, port }
    return {
      fault: 'is a multicast or broadcast address, which a tracker cannot listen on',
      remedy: 'Write an address of this machine, or 0.0.0.0 for all of them',
    }
  }
  const remedy =
    host === '' || host === '*'
      ? `Write '0.0.0.0:${port}' to listen on every IPv4 address`
      : `Write the address in numbers, such as '127.0.0.1:${port}'`
  return { fault: 'holds no IPv4 address', remedy }
}

function fromIPv6(host: string, port: number): SocketAddress | Fault {
  if (host.includes('%')) {
    return { fault: 'names a network interface after %', remedy: 'Write a global address' }
  }
  if (!isIPv6(host)) {
    const remedy = isIPv4(host) ? 'Write an IPv4 address without brackets' : `Write '[::]:${port}'`
    return { fault: 'holds no IPv6 address in its brackets', remedy }
  }
  const shortest = new URL(`http://[${host}]/`).hostname.slice(1, -1)
  if (shortest.startsWith('ff')) {
    return {
      fault: 'is a multicast address, which a tracker cannot listen on',
      remedy: 'Write an address of this machine, or [::] for all of them',
    }
  }
  if (shortest.startsWith('::ffff:')) {
    return { fault: 'is an IPv4 address written as IPv6', remedy: 'Write it as an IPv4 address' }
  }
  return { family: 6, host: shortest, port }
}

function parsePort(text: string): number | Fault {
  if (!/^\d+$/.test(text)) {
    return {
      fault: text === '' ? 'has no port after the colon' : `has '${text}' for a port`,
      remedy: `Write a port from 0 to ${PORT_MAX}`,
    }
  }
  const port = Number(text)
  if (port <= PORT_MAX) return port
  return { fault: `has port ${text}`, remedy: `Write a port from 0 to ${PORT_MAX}` }
}

function shapeFault(text: string): Fault {
  if (text === '') return { fault: 'is empty', remedy: "Write an address such as '0.0.0.0:3000'" }
  if (text !== text.trim()) {
    return { fault: 'has spaces around it', remedy: `Write '${text.trim()}'` }
  }
  if (AT_AN_END.test(text)) {
    return {
      fault: 'holds quotes of its own',
      remedy: 'Write it with one pair of quotes in a file and none in the environment',
    }
  }
  if (text.includes('//')) {
    return {
      fault: 'looks like a URL',
      remedy: "Write only address and port, such as '0.0.0.0:3000'",
    }
  }
  if (isIPv6(text)) {
    const unbracketed = /^(.+):(\d+)$/.exec(text)
    if (unbracketed !== null && isIPv6(unbracketed[1])) {
      const remedy = `Write '[${unbracketed[1]}]:${unbracketed[2]}'`
      return { fault: 'is an IPv6 address without brackets', remedy }
    }
    return { fault: 'is not in brackets, or has no port', remedy: `Write '[${text}]:3000'` }
  }
  if (isIPv4(text)) return { fault: 'has no port', remedy: `Write '${text}:3000'` }
  if (/^\d+$/.test(text)) return { fault: 'has no address', remedy: `Write '0.0.0.0:${text}'` }
  return {
    fault: 'is not an address with a port',
    remedy: "Write one such as '0.0.0.0:3000' or '[::]:3000'",
  }
}
