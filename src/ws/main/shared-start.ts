// What all workers of WebTorrent start with, and the cluster's thread shares with them. Used by main.ts.
import { randomFillSync } from 'node:crypto'
import type { SharingStart } from '../../cluster/sharing.ts'
import { createSourceRows } from '../../peer-addresses/source-watch.ts'
import { createConnectionStates } from '../../swarm/connections.ts'
import { NO_PRIOR_DOWNLOADS } from '../../swarm/prior-downloads.ts'
import { createConnectionLimits } from '../../tcp/connection-limits.ts'
import type { TrackerProcess } from '../../tracker/protocol.ts'
import type { WsSharingData } from '../cluster/sharing.ts'
import { frameBytesMax, type WsConfig } from '../settings/config.ts'
import type { ExchangeEnds } from '../worker/exchange.ts'
import { portsOf } from '../worker/exchange-rings.ts'
import { NODE_SLOTS, type OtherNodesData } from '../worker/other-nodes.ts'
import { createRequestLimits } from '../worker/request-limits.ts'
import { workerSettings } from './reload.ts'

export interface SharedParts {
  readonly process: TrackerProcess
  readonly config: WsConfig
  readonly workers: number
  readonly counters: SharedArrayBuffer
  readonly maxConnections: number
}

export type SharedStart = ReturnType<typeof sharedStart>

export function sharedStart(parts: SharedParts) {
  const { process, config, workers, counters, maxConnections } = parts
  const { swarms, priorDownloads } = process
  const [key0, key1] = randomFillSync(new Int32Array(2))
  return {
    role: 'socket',
    workers,
    swarms,
    priorDownloads: priorDownloads?.prior ?? NO_PRIOR_DOWNLOADS,
    connections: createConnectionStates(
      workers,
      maxConnections,
      process.isClustered ? NODE_SLOTS : 0,
    ),
    limits: createConnectionLimits(maxConnections),
    requestLimits: createRequestLimits(),
    keyGate: process.keyGate,
    counters,
    sources: createSourceRows(),
    signalKeys: { key0, key1 },
    messageBytesMax: config.network.websocket_max_message_size,
    frameBytesMax: frameBytesMax(config),
    countDownloads: config.protocol.count_downloads,
    ...workerSettings(config, maxConnections, workers),
  }
}

/** What the cluster's thread gets, which is the last in the exchange. */
export function sharingStart(
  {
    connections,
    priorDownloads,
    signalKeys,
    messageBytesMax,
  }: Pick<SharedStart, 'connections' | 'priorDownloads' | 'signalKeys' | 'messageBytesMax'>,
  { protocol }: WsConfig,
  exchange: ExchangeEnds,
  nodes: readonly OtherNodesData[],
): SharingStart {
  const { max_offers: maxOffers } = protocol
  const data: WsSharingData = {
    ...{ connections, priorDownloads, signalKeys, messageBytesMax, maxOffers, exchange, nodes },
  }
  return { data, ports: portsOf(exchange) }
}
