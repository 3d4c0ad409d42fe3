// How many connections a protocol may have: what the settings allow, or fewer if the system's limit is lower,
// since further ones would fail one by one. Used by main.ts of the protocols over TCP. Owns nothing.
import { counted } from '../config/quantities.ts'
import type { ProtocolUse } from '../pressure/ceilings.ts'
import { lossSource } from '../process/losses.ts'
import type { TroubleSource } from '../process/troubles.ts'
import type { ProtocolPlace } from './protocol.ts'

interface ConnectionLimitSettings {
  readonly max_torrents: number
  readonly max_peers: number
  readonly max_connections: number
  readonly max_connections_per_ip: number
}

export interface LimitsInForce extends ConnectionLimitSettings {
  /** The limit on open files makes max_connections lower than in the settings. */
  readonly fewerDescriptors: boolean
}

/** `possible`: connections that there is memory for. */
export function limitsInForce(limits: ConnectionLimitSettings, possible: number): LimitsInForce {
  return {
    ...limits,
    max_connections: Math.min(limits.max_connections, possible),
    fewerDescriptors: possible < limits.max_connections,
  }
}

/** As many as there is memory for; tells when the system allows fewer than the settings. */
export function connectionLimit(
  { max_connections }: { readonly max_connections: number },
  { tell, possibleConnections }: ProtocolPlace,
): number {
  if (possibleConnections >= max_connections) return max_connections
  tell.warn(
    `at most ${counted(possibleConnections, 'connection')} instead of [limits] max_connections = ` +
      `${max_connections}: raise the system's limit on open files (ulimit -n, LimitNOFILE)`,
  )
  return possibleConnections
}

/** For the trouble of connections that were refused for that. */
export function connectionsPerAddress(limits: () => LimitsInForce): {
  readonly text: (figure: string, when: string) => string
  readonly remedy: () => string
} {
  return {
    text: (figure, when) =>
      `Refused ${figure} ${when} from addresses that have ${limits().max_connections_per_ip}, ` +
      '[limits] max_connections_per_ip.',
    remedy: () =>
      'Behind a proxy, set [network] trusted_proxies to its address; otherwise someone opens too many.',
  }
}

export const DESCRIPTORS_REMEDY = "Raise the system's limit on open files (ulimit -n, LimitNOFILE)."

/** Of the counters of src/tcp. */
type ResourceCounter = 'accepted' | 'closed_descriptors' | 'accept_pauses' | 'closed_memory'

/** Connections that end for want of descriptors or memory. `held`: what the memory is for, and what to do. */
export function resourceSources(
  of: (...names: ResourceCounter[]) => number,
  held: { readonly what: string; readonly remedy: string },
): TroubleSource[] {
  const shared = { all: () => of('accepted'), from: 0, what: 'connection' }
  return [
    lossSource({
      ...shared,
      name: 'descriptors',
      lost: () => of('closed_descriptors', 'accept_pauses'),
      text: (figure, when) => `Refused ${figure} ${when}: no descriptors were left.`,
      remedy: () => DESCRIPTORS_REMEDY,
    }),
    lossSource({
      ...shared,
      name: 'held_memory',
      lost: () => of('closed_memory'),
      text: (figure, when) => `Closed ${figure} ${when}: the memory for ${held.what} was used up.`,
      remedy: () => held.remedy,
    }),
  ]
}

/** Of a protocol over TCP, by its settings and its gauges. */
export function connectionUse(
  { protocol }: { readonly protocol: { readonly peer_announce_interval: number } },
  gauges: { readonly connections: number; readonly connectionLimit: number },
): ProtocolUse {
  return {
    announceInterval: protocol.peer_announce_interval,
    connections: { open: gauges.connections, max: gauges.connectionLimit },
  }
}

type ProxyCounter = 'accepted' | 'closed_proxy_header' | 'closed_proxy_not_trusted'

/** Connections that end because of [network] proxy_protocol. */
export function proxyProtocolSources(of: (...names: ProxyCounter[]) => number): TroubleSource[] {
  const proxyConnections = (reason: 'header' | 'not_trusted', text: string, remedy: string) =>
    lossSource({
      name: `proxy_protocol_${reason}`,
      lost: () => of(`closed_proxy_${reason}`),
      all: () => of('accepted'),
      from: 0,
      what: 'connection',
      text: (figure, when) => `Closed ${figure} ${when} ${text}.`,
      remedy: () => remedy,
    })
  return [
    proxyConnections(
      'header',
      'that did not begin with a valid header of the PROXY protocol ([network] proxy_protocol)',
      "Have the proxy send it, for its health checks too, or set proxy_protocol to 'off'.",
    ),
    proxyConnections(
      'not_trusted',
      'from addresses that are not in [network] trusted_proxies, with proxy_protocol required',
      'If they are your own proxies, name them there; otherwise let only those reach the port.',
    ),
  ]
}
