// Opens the relays between a test's clients and the tracker, and says their URLs: for each protocol one on 127.0.0.1 and, with
// the same port if it is free, one on ::1. https and wss have relays of their own, which speak plainly to the tracker. Called by
// session.ts.
import type { SocketAddress } from '../config/address.ts'
import { SystemError } from '../os/error.ts'
import type { FaultSource, Faulty } from './faults.ts'
import { HttpConversation } from './http-conversation.ts'
import { type Certificate, type Conversation, type Ends, TcpRelay } from './tcp-relay.ts'
import { type Place, UdpRelay } from './udp-relay.ts'
import { WsConversation } from './ws-conversation.ts'

export interface Relay {
  readonly port: number
  die(): Promise<void>
  revive(): Promise<void>
}

/** Announce URLs; null for a protocol that is not served. */
export interface Urls {
  udp: string | null
  http: string | null
  https: string | null
  ws: string | null
  wss: string | null
}

export interface Relays {
  readonly relays: Readonly<Record<Faulty, readonly Relay[]>>
  /** On 127.0.0.1. */
  readonly urls: Urls
  /** On ::1; null where there is no IPv6. */
  readonly ipv6: Urls | null
}

/** What is served under one scheme. */
interface Service {
  readonly scheme: keyof Urls
  readonly protocol: Faulty
  readonly path: string
  readonly converse: ((ends: Ends) => Conversation) | null
  readonly isTls: boolean
}

const http = (ends: Ends) => new HttpConversation(ends)
const ws = (ends: Ends) => new WsConversation(ends)

const SERVICES: readonly Service[] = [
  { scheme: 'udp', protocol: 'udp', path: '/announce', converse: null, isTls: false },
  { scheme: 'http', protocol: 'http', path: '/announce', converse: http, isTls: false },
  { scheme: 'https', protocol: 'http', path: '/announce', converse: http, isTls: true },
  { scheme: 'ws', protocol: 'ws', path: '/', converse: ws, isTls: false },
  { scheme: 'wss', protocol: 'ws', path: '/', converse: ws, isTls: true },
]

/** `addresses`: the tracker's, by protocol. */
export async function openRelays(
  addresses: ReadonlyMap<string, readonly SocketAddress[]>,
  sources: Readonly<Record<Faulty, FaultSource>>,
  certificate: Certificate,
): Promise<Relays> {
  const relays: Record<Faulty, Relay[]> = { udp: [], http: [], ws: [] }
  const urls = noUrls()
  const ipv6 = noUrls()
  for (const { scheme, protocol, path, converse, isTls } of SERVICES) {
    const source = sources[protocol]
    const tls = isTls ? certificate : null
    let port = 0
    for (const { host, shown, into } of [
      { host: '127.0.0.1', shown: '127.0.0.1', into: urls },
      { host: '::1', shown: '[::1]', into: ipv6 },
    ]) {
      const tracker = placeOf(addresses.get(protocol) ?? [], host)
      if (tracker === null) continue
      const relay = await openNear(port, async (wanted) => {
        if (converse === null) {
          const udp = new UdpRelay(host, tracker, source)
          await udp.open(wanted)
          return udp
        }
        const tcp = new TcpRelay({ host, tracker, source, converse, tls }, wanted)
        await tcp.open()
        return tcp
      })
      port = relay.port
      relays[protocol].push(relay)
      into[scheme] = `${scheme}://${shown}:${port}${path}`
    }
  }
  const hasIPv6 = Object.values(ipv6).some((url) => url !== null)
  return { relays, urls, ipv6: hasIPv6 ? ipv6 : null }
}

/** On the port of the other address family, so that «localhost» serves too; on another one if somebody has it. */
async function openNear(port: number, open: (port: number) => Promise<Relay>): Promise<Relay> {
  try {
    return await open(port)
  } catch (error) {
    const isTaken = error instanceof SystemError || (error as { code?: string }).code !== undefined
    if (port === 0 || !isTaken) throw error
    return await open(0)
  }
}

function noUrls(): Urls {
  return { udp: null, http: null, https: null, ws: null, wss: null }
}

/** Where the tracker listens for clients of this address's family. */
function placeOf(addresses: readonly SocketAddress[], host: string): Place | null {
  const family = host.includes(':') ? 6 : 4
  const own = addresses.find((each) => each.family === family)
  if (own === undefined) return null
  const isWildcard = own.host === '0.0.0.0' || own.host === '::'
  return { host: isWildcard ? host : own.host, port: own.port }
}
