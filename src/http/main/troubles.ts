// The troubles of an HTTP tracker that show in its figures: connections refused by limits, no free descriptors, full
// swarms. Created by main.ts from the figures of reader.ts.
import { totalOf } from '../../metrics/counter-list.ts'
import { oneSourceTrouble } from '../../peer-addresses/one-source.ts'
import { peerAddressSources } from '../../peer-addresses/troubles.ts'
import { lossSource } from '../../process/losses.ts'
import type { TroubleSource } from '../../process/troubles.ts'
import {
  connectionsPerAddress,
  DESCRIPTORS_REMEDY,
  type LimitsInForce,
  proxyProtocolSources,
  resourceSources,
} from '../../tracker/connection-limit.ts'
import { fullSources } from '../../tracker/limits.ts'
import type { Reading } from '../../tracker/statistics-reader.ts'
import type { FamilyCounter, HttpNames, WorkerCounter } from '../worker/counters.ts'

/** `reading` returns the latest figures, `limits` the limits in force. */
export function httpTroubles(
  reading: () => Reading<HttpNames>,
  limits: () => LimitsInForce,
  sources: SharedArrayBuffer,
): TroubleSource[] {
  const of = (...names: (FamilyCounter | WorkerCounter)[]) => totalOf(reading().counts, ...names)
  const shared = { all: () => of('accepted'), from: 0, what: 'connection' }
  return [
    lossSource({
      ...shared,
      name: 'connections_full',
      lost: () => of('closed_connections_full'),
      text: (figure, when) =>
        limits().fewerDescriptors
          ? `Refused ${figure} ${when}: the system's limit on open files allows ${limits().max_connections}.`
          : `Refused ${figure} ${when}: [limits] max_connections = ${limits().max_connections} is reached.`,
      remedy: () =>
        limits().fewerDescriptors
          ? DESCRIPTORS_REMEDY
          : 'Raise the limit if there is memory, or find out who keeps connections open without requests.',
    }),
    lossSource({
      ...shared,
      name: 'connections_per_address',
      lost: () => of('closed_connections_per_address'),
      ...connectionsPerAddress(limits),
    }),
    ...resourceSources(of, {
      what: 'incomplete requests and unread responses',
      remedy:
        'Lower [network] request_timeout, response_timeout or [limits] max_connections_per_ip: someone ' +
        'starts requests without completing them, or does not read.',
    }),
    ...proxyHeaderSources(of),
    ...fullSources(of, limits),
    ...peerAddressSources(of),
    oneSourceTrouble(sources, () => of('requests_announce'), 'http'),
  ]
}

function proxyHeaderSources(
  of: (...names: (FamilyCounter | WorkerCounter)[]) => number,
): TroubleSource[] {
  const sourceOf = (fault: 'missing' | 'not_understood', what: string) =>
    lossSource({
      name: `proxy_header_${fault}`,
      lost: () => of(`rejected_proxy_header_${fault}`),
      all: () => of('requests_announce', 'requests_scrape', `rejected_proxy_header_${fault}`),
      from: 0,
      what: 'request',
      text: (figure, when) => `Refused ${figure} of trusted proxies ${when} ${what}.`,
      remedy: () =>
        "Have the proxy set it to its client's address, or name the header that it does set.",
    })
  return [
    ...proxyProtocolSources(of),
    sourceOf('missing', 'without [network] proxy_header'),
    sourceOf(
      'not_understood',
      'with no address in [network] proxy_header or in the PROXY protocol',
    ),
  ]
}
