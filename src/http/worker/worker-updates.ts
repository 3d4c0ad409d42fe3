// What can change while an HTTP worker runs, in the form in which workers receive it. Sent by main.ts; applied
// by socket-worker.ts (and requests/swarm-worker.ts).
import type { KeyUpdate, SwarmSettings, SwarmUpdate } from '../../requests/swarm-worker.ts'
import type { TcpTimes } from '../../tcp/connections.ts'
import type { NewCertificates } from '../../tls/certificate-change.ts'
import type { HttpSettings } from './handle.ts'

export interface HttpUpdate extends SwarmUpdate, KeyUpdate {
  readonly settings?: WorkerSettings
  readonly certificates?: NewCertificates
}

/** The settings that can change at runtime. */
export interface WorkerSettings extends SwarmSettings {
  readonly requests: HttpSettings
  readonly connections: ConnectionSettings
  readonly proxies: ProxyRules
}

export interface ProxyRules {
  /** Connections begin with a header of the PROXY protocol; fixed at startup. */
  readonly protocol: boolean
  /** Some come over a Unix socket, where only proxies are; as of the start. */
  readonly unix: boolean
  /** Addresses and networks. */
  readonly trusted: readonly string[]
  /** The header in which they tell of their clients. */
  readonly header: string
}

export interface ConnectionSettings {
  readonly max: number
  /** 0 = no limit. */
  readonly maxPerAddress: number
  /** False: each connection ends with its first answer. */
  readonly keepAlive: boolean
  readonly times: TcpTimes
}
