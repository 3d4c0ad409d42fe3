// What is wrong with the settings of aquatic_ws together, each being right by itself. Called by the
// loader of settings (config/load.ts), through the schema. Owns nothing.

import { type Finding, problem, warning } from '../../config/schema.ts'
import type { PeerKindName } from '../../swarm/layout.ts'
import { announceSign, commonFindings, type LifeSign, tooYoung } from '../../tracker/settings.ts'
import { DEFAULT_PROXY_HEADER } from '../worker/client-address.ts'
import type { WsConfig } from './config.ts'

/** The default: two minutes, as browsers come and go; lists of WebTorrent trackers know that. */
const USUAL_INTERVAL_SEC = 120

export const WS_KINDS: readonly PeerKindName[] = ['websocket']

export function crossCheck(config: WsConfig): Finding[] {
  return [
    ...commonFindings(config, WS_KINDS, USUAL_INTERVAL_SEC, lifeSign(config)),
    ...tlsFindings(config),
    ...connectionFindings(config),
    ...proxyFindings(config),
    ...withoutEffect(config),
  ]
}

function tlsFindings({ network }: WsConfig): Finding[] {
  const { use_tls, tls_certificate_path, tls_private_key_path, tls_pkcs12_path } = network
  const pem = tls_certificate_path !== '' || tls_private_key_path !== ''
  const found: Finding[] = []
  if (pem && tls_pkcs12_path !== '') {
    const text = `[network] names a certificate twice, by tls_pkcs12_path and by tls_certificate_path
      or tls_private_key_path: empty one of them.`
    found.push(problem(['network.tls_pkcs12_path', 'network.tls_certificate_path'], text))
  }
  if (use_tls && !pem && tls_pkcs12_path === '') {
    const text = `[network] use_tls = true needs a certificate: write tls_certificate_path and
      tls_private_key_path, or tls_pkcs12_path.`
    found.push(problem(['network.use_tls'], text))
  }
  for (const [path, other] of [
    ['tls_certificate_path', 'tls_private_key_path'],
    ['tls_private_key_path', 'tls_certificate_path'],
  ] as const) {
    if (!use_tls || network[path] !== '' || network[other] === '') continue
    const text = `[network] ${path} is empty, but ${other} needs it: write both.`
    found.push(problem([`network.${other}`], text))
  }
  if (!use_tls && (pem || tls_pkcs12_path !== '')) {
    const text = `[network] names a certificate, but use_tls is false: the tracker serves ws:// without
      it. Set use_tls = true.`
    found.push(warning(['network.use_tls'], text))
  }
  return found
}

function connectionFindings(config: WsConfig): Finding[] {
  const { max_connection_age } = config.cleaning
  const closed = 'connections would be closed'
  return tooYoung(lifeSign(config), 'max_connection_age', max_connection_age, closed)
}

/** X-Forwarded-For is the default, so it cannot be told whether the file names it. */
function proxyFindings({ network: { trusted_proxies, proxy_header } }: WsConfig): Finding[] {
  if (trusted_proxies.length > 0 || proxy_header === DEFAULT_PROXY_HEADER) return []
  const text = `[network] proxy_header has no effect without trusted_proxies: name the addresses of
    the proxies there.`
  return [warning(['network.proxy_header'], text)]
}

/** Clients answer pings, so that they need not announce to be there. */
function lifeSign({ protocol, cleaning: { ping_interval_seconds } }: WsConfig): LifeSign {
  if (protocol.peer_announce_interval < ping_interval_seconds) return announceSign(protocol)
  return {
    what: 'pings',
    name: '[cleaning] ping_interval_seconds',
    path: 'cleaning.ping_interval_seconds',
    seconds: ping_interval_seconds,
  }
}

/** The only settings that do nothing, with their defaults; whoever changes one is told. */
const WITHOUT_EFFECT = {
  'network.poll_event_capacity': 4096,
  'network.poll_timeout_milliseconds': 50,
  'network.websocket_max_frame_size': 16384,
  'handlers.max_requests_per_iter': 10000,
  'handlers.channel_recv_timeout_microseconds': 200,
}

export const PATHS_WITHOUT_EFFECT: readonly string[] = Object.keys(WITHOUT_EFFECT)

function withoutEffect(config: WsConfig): Finding[] {
  return Object.entries(WITHOUT_EFFECT).flatMap(([path, usual]) => {
    const [name, key] = path.split('.') as ['network' | 'handlers', string]
    const value = (config[name] as Readonly<Record<string, unknown>>)[key]
    return value === usual
      ? []
      : [warning([path], `[${name}] ${key} has no effect in this version.`)]
  })
}
