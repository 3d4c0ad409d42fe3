// Messages between the main thread and a running socket worker: settings, new certificates, the question which
// ports have a connection. Sent by main.ts, handled by socket-worker.ts.
import type { AccessListData } from '../../access-list/list.ts'
import type { KeyUpdate } from '../../requests/swarm-worker.ts'
import type { PriorDownloadsData } from '../../swarm/prior-downloads.ts'
import type { AddressKey } from '../../tcp/client-address.ts'
import type { CertificateAnswer, NewCertificates } from '../../tls/certificate-change.ts'
import type { LoggedReport } from './client-reports.ts'
import type { RequestSettings } from './handle.ts'
import type { HousekeepingSettings } from './housekeeping.ts'
import type { RequestRates } from './request-limits.ts'
import type { BacklogLimits } from './send.ts'

export interface WsUpdate extends KeyUpdate {
  readonly certificates?: NewCertificates
  readonly portQuestion?: PortQuestion
  readonly accessList?: AccessListData
  readonly priorDownloads?: PriorDownloadsData
  readonly settings?: WorkerSettings
}

/** The settings that can change at runtime. */
export interface WorkerSettings {
  readonly requests: RequestSettings
  readonly housekeeping: HousekeepingSettings
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly backlogs: BacklogLimits
  readonly requestRates: RequestRates
  readonly trustedProxies: readonly string[]
  readonly proxyHeader: string
  readonly allowedOrigins: readonly string[]
  /** Report clients to the main thread that are refused, or closed for what they did. */
  readonly reports: boolean
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

/** Which ports of these addresses have a connection? */
export interface PortQuestion {
  readonly survey: number
  readonly addresses: readonly AddressKey[]
}

/** The messages of a serving worker. */
export type WorkerReport = LoggedReport | PortAnswer | { readonly certificates: CertificateAnswer }

/** Ports are in the form of `portKey`. */
export interface PortAnswer {
  readonly survey: number
  readonly ports: readonly string[]
}

export function portKey(high: number, low: number, port: number): string {
  return `${high} ${low} ${port}`
}
