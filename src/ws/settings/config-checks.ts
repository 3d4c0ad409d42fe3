// Finds settings of aquatic_ws that do not fit together, although each is valid by itself. Called by the
// settings loader (config/load.ts), through the schema.

import { clusterFindings } from '../../cluster/settings.ts'
import { type Finding, warning } from '../../config/schema.ts'
import { operationsPortFindings } from '../../operations/settings.ts'
import { publicPagePortFindings } from '../../public-page/settings.ts'
import type { PeerKindName } from '../../swarm/layout.ts'
import { proxyFindings } from '../../tcp/proxy-settings.ts'
import { tlsFindings } from '../../tls/settings.ts'
import { announceSign, commonFindings, type LifeSign, tooYoung } from '../../tracker/settings.ts'
import type { WsConfig } from './config.ts'

/** The default: two minutes, since browsers come and go; it is usual for WebTorrent trackers. */
const USUAL_INTERVAL_SEC = 120

export const WS_KINDS: readonly PeerKindName[] = ['websocket']

export function crossCheck(config: WsConfig): Finding[] {
  return [
    ...commonFindings(config, WS_KINDS, USUAL_INTERVAL_SEC, lifeSign(config)),
    ...tlsFindings(config.network, 'ws://'),
    ...clusterFindings(config.cluster, config.privileges),
    ...connectionFindings(config),
    ...proxyFindings(config.network),
    ...operationsPortFindings(config.operations, config.network),
    ...publicPagePortFindings(config.public_page, config.network),
    ...withoutEffect(config),
  ]
}

function connectionFindings(config: WsConfig): Finding[] {
  const { max_connection_age } = config.cleaning
  const closed = 'connections would be closed'
  return tooYoung(lifeSign(config), 'max_connection_age', max_connection_age, closed)
}

/** Clients answer pings, and so need not announce to stay. */
function lifeSign({ protocol, cleaning: { ping_interval_seconds } }: WsConfig): LifeSign {
  if (protocol.peer_announce_interval < ping_interval_seconds) return announceSign(protocol)
  return {
    what: 'pings',
    name: '[cleaning] ping_interval_seconds',
    path: 'cleaning.ping_interval_seconds',
    seconds: ping_interval_seconds,
  }
}

/** The settings without effect, with their defaults; a changed one is reported. */
const WITHOUT_EFFECT = {
  'network.poll_event_capacity': 4096,
  'network.poll_timeout_milliseconds': 50,
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
