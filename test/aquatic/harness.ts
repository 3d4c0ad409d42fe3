// A tracker of all protocols on free ports, and where its protocols listen. Used by the tests of aquatic/ that
// start one.
import { readDictionary } from '../support/bencode.ts'
import { type AnnounceParts, announceTarget, askOnce } from '../support/http-client.ts'
import { peer } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  type StartOptions,
  type Tracker,
} from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { WsClient } from '../support/ws-client.ts'

export type ProtocolName = 'udp' | 'http' | 'ws'
type Ports = Readonly<Record<ProtocolName, number>>

export const TITLES = { udp: 'UDP', http: 'HTTP', ws: 'WebTorrent' } as const
export const NAMES = ['udp', 'http', 'ws'] as const
export const FREE_PORTS: Ports = { udp: 0, http: 0, ws: 0 }

export interface Options extends Partial<StartOptions> {
  readonly ports?: Ports
  /** IPv6 too. */
  readonly both?: boolean
  /** Lines of [udp], [http] and [ws], and sections behind all others. */
  readonly lines?: Partial<Readonly<Record<ProtocolName, string>>>
  readonly more?: string
}

export function settingsFor(options: Options = {}): StartOptions {
  const { ports = FREE_PORTS, both = false, lines = {}, more = '', ...rest } = options
  const sections = NAMES.map((name) => {
    const ipv6 = both ? `address_ipv6 = '[::1]:${ports[name]}'\n` : ''
    return `[${name}]\n${lines[name] ?? ''}\n[${name}.network]\naddress = '127.0.0.1:${ports[name]}'\n${ipv6}`
  })
  const settings = `log_level = 'info'\n${sections.join('')}${more}\n`
  return { executable: ALL_EXECUTABLE, settings, ...rest }
}

/** Where a protocol listens, for IPv4, or on ::1. */
export function at(tracker: Tracker, name: ProtocolName, ipv6 = false): Endpoint {
  const [, list] =
    new RegExp(`listening on .*?${TITLES[name]}: ([^(]+) \\(`).exec(tracker.stderr) ?? []
  if (list === undefined) throw new Error(`no ${name} in ${tracker.stderr}`)
  const host = ipv6 ? '::1' : '127.0.0.1'
  const address = list.split(', ').find((each) => each.includes('[') === ipv6) ?? ''
  return { host, port: Number(address.slice(address.lastIndexOf(':') + 1)) }
}

export function portsOf(tracker: Tracker): Ports {
  const [udp, http, ws] = NAMES.map((name) => at(tracker, name).port)
  return { udp, http, ws }
}

/** All that HTTP says to an announce or a scrape, on a connection of its own. */
export async function overHttp(to: Endpoint, target: string) {
  return readDictionary((await askOnce(to, target)).body)
}

export function announceOverHttp(to: Endpoint, parts: AnnounceParts) {
  return overHttp(to, announceTarget(parts))
}

/** The peers in an answer over HTTP, as those over UDP are written. */
export function peersIn(answer: Awaited<ReturnType<typeof overHttp>>): string[] {
  const list = (key: string, size: number) => {
    const bytes = Buffer.from((answer[key] as string | undefined) ?? '', 'latin1')
    return Array.from({ length: bytes.length / size }, (_, i) => {
      const at = i * size
      return peer(bytes.subarray(at, at + size - 2), bytes.readUInt16BE(at + size - 2))
    })
  }
  return [...list('peers', 6), ...list('peers6', 18)]
}

export interface Clients {
  readonly udp: UdpClient
  readonly ws: WsClient
  readonly udpAt: Endpoint
  readonly httpAt: Endpoint
}

/** Has all kinds of clients of a tracker used. */
export function withClients<T>(
  tracker: Tracker,
  use: (clients: Clients) => Promise<T>,
): Promise<T> {
  return withClient('127.0.0.1', async (udp) => {
    const ws = await WsClient.connect(at(tracker, 'ws'))
    const clients = { udp, ws, udpAt: at(tracker, 'udp'), httpAt: at(tracker, 'http') }
    return use(clients).finally(() => ws.destroy())
  })
}
