// Troubles of a WebTorrent tracker that its figures show: connections and announces refused by limits, messages
// lost between workers. Made by main.ts from what reader.ts reads.

import { totalOf } from '../../metrics/counter-list.ts'
import { oneSourceTrouble } from '../../peer-addresses/one-source.ts'
import { lossSource } from '../../process/losses.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import {
  connectionsPerAddress,
  type LimitsInForce,
  proxyProtocolSources,
  resourceSources,
} from '../../tracker/connection-limit.ts'
import { fullSources } from '../../tracker/limits.ts'
import type { Reading } from '../../tracker/statistics-reader.ts'
import type { CounterName, WsNames } from '../worker/counters.ts'

/** Smaller losses are normal when the machine is briefly busy with something else. */
const LOSS_FROM = 0.001

/** Single clients that ask too much stay below this; if a proxy's clients count as one, it is about half. */
const REFUSED_REQUESTS_FROM = 0.2

/** Connections beyond a limit: those with a handshake, and those that would have had to wait. */
const OVER_ADDRESS = ['refused_connections_per_address', 'closed_connections_per_address'] as const
const OVER_ALL = ['refused_connections_full', 'closed_connections_full'] as const

const PROXY_HEADER = {
  from: 0,
  what: 'connection',
  remedy: () =>
    "Have the proxy set that header to its client's address, or name the header that it does set.",
}

/** `reading`: returns the latest; `limits`: returns those in force. */
export function wsTroubles(
  reading: () => Reading<WsNames>,
  limits: () => LimitsInForce,
  sources: SharedArrayBuffer,
): TroubleSource[] {
  const of = (...names: CounterName[]) => totalOf(reading().counts, ...names)
  return [
    connectionsFull(of, limits),
    lossSource({
      name: 'connections_per_address',
      lost: () => of(...OVER_ADDRESS),
      all: () => of('connections_opened', ...OVER_ADDRESS),
      from: 0,
      what: 'connection',
      ...connectionsPerAddress(limits),
    }),
    lossSource({
      name: 'requests_per_address',
      lost: () => of('rejected_requests_per_address'),
      all: () => of('received_messages'),
      from: REFUSED_REQUESTS_FROM,
      what: 'message',
      text: (figure, when) =>
        `Refused ${figure} ${when} from addresses that send more than [source_limits] requests_per_second.`,
      remedy: () =>
        'Behind a proxy, set [network] trusted_proxies to its address; otherwise someone floods the tracker.',
    }),
    lossSource({
      name: 'backlog_total',
      lost: () => of('closed_backlog_total'),
      all: () => of('closed_backlog_total', 'connections_closed'),
      from: 0,
      what: 'connection',
      text: (figure, when) =>
        `Closed ${figure} ${when}: [limits] max_total_backlog_bytes are waiting for clients that do not read.`,
      remedy: () =>
        'Raise it if there is memory, or find out who opens connections without reading.',
    }),
    lossSource({
      name: 'dropped_between_workers',
      lost: () => of('dropped_between_workers_offer', 'dropped_between_workers_answer'),
      all: () => of('offers_received', 'requests_answer'),
      from: LOSS_FROM,
      what: 'message',
      text: (figure, when) =>
        `Lost ${figure} ${when} on the way to another worker, offers or answers: it does not keep up.`,
      remedy: () => 'Give the tracker more cores, or lower socket_workers.',
    }),
    ...resourceSources(of, {
      what: 'incomplete messages and clients that do not read',
      remedy: 'Lower [limits] max_backlog_bytes or max_connections_per_ip: someone does not read.',
    }),
    ...proxyProtocolSources(of),
    ...proxyHeaderSources(of),
    ...fullSources(of, limits),
    oneSourceTrouble(sources, () => of('requests_announce'), 'ws'),
  ]
}

function connectionsFull(
  of: (...names: CounterName[]) => number,
  limits: () => LimitsInForce,
): TroubleSource {
  return lossSource({
    name: 'connections_full',
    lost: () => of(...OVER_ALL),
    all: () => of('connections_opened', ...OVER_ALL),
    from: 0,
    what: 'connection',
    text: (figure, when) => {
      const { max_connections, fewerDescriptors } = limits()
      return fewerDescriptors
        ? `Refused ${figure} ${when}: the limit on open files has room for ${max_connections}.`
        : `Refused ${figure} ${when}: [limits] max_connections = ${max_connections} is reached.`
    },
    remedy: () =>
      limits().fewerDescriptors
        ? 'Raise that limit (ulimit -n, LimitNOFILE) and restart the tracker.'
        : 'Raise it, and the limit on open files (LimitNOFILE), if there is memory for more.',
  })
}

function proxyHeaderSources(of: (...names: CounterName[]) => number): TroubleSource[] {
  const shared = { ...PROXY_HEADER, all: () => of('connections_opened') }
  return [
    lossSource({
      ...shared,
      name: 'proxy_header_missing',
      lost: () => of('proxy_header_missing'),
      text: (figure, when) =>
        `${figure} from trusted proxies ${when} without [network] proxy_header: they count as the proxy's own.`,
    }),
    lossSource({
      ...shared,
      name: 'proxy_header_not_understood',
      lost: () => of('proxy_header_not_understood'),
      text: (figure, when) =>
        `${figure} from trusted proxies ${when} with no address in [network] proxy_header: they count as the proxy's own.`,
    }),
  ]
}
