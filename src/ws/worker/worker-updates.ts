// Messages between the main thread and a running socket worker: settings, new certificates. Sent by main.ts, handled by
// serving.ts and tls-worker.ts.
import type { AccessListData } from '../../access-list/list.ts'
import type { Pause } from '../../requests/pause.ts'
import type { KeyUpdate } from '../../requests/swarm-worker.ts'
import type { PriorDownloadsData } from '../../swarm/prior-downloads.ts'
import type { CertificateAnswer, NewCertificates } from '../../tls/certificate-change.ts'
import type { ClientReport } from './client-reports.ts'
import type { RequestSettings } from './handle.ts'
import type { HousekeepingSettings } from './housekeeping.ts'
import type { RequestRates } from './request-limits.ts'
import type { BacklogLimits } from './send.ts'

export interface WsUpdate extends KeyUpdate {
  readonly certificates?: NewCertificates
  readonly accessList?: AccessListData
  readonly accessEdited?: true
  readonly priorDownloads?: PriorDownloadsData
  readonly settings?: WorkerSettings
}

/** The settings that can change at runtime. */
export interface WorkerSettings {
  readonly requests: RequestSettings
  readonly pause: Pause
  readonly housekeeping: HousekeepingSettings
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
  readonly backlogs: BacklogLimits
  readonly requestRates: RequestRates
  readonly trustedProxies: readonly string[]
  readonly proxyHeader: string
  /** Connections begin with a header of the PROXY protocol; fixed at startup. */
  readonly proxyProtocol: boolean
  readonly allowedOrigins: readonly string[]
  /** Report clients to the main thread that are refused, or closed for what they did. */
  readonly reports: boolean
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

/** The messages of a serving worker. */
export type WorkerReport = ClientReport | { readonly certificates: CertificateAnswer }
