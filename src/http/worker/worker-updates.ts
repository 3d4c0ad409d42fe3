// What can change while an HTTP worker runs, in the form in which workers receive it. Sent by main.ts; applied
// by socket-worker.ts (and requests/swarm-worker.ts).
import type { PreparedPage } from '../../public-page/prepared.ts'
import type { Pause } from '../../requests/pause.ts'
import type { KeyUpdate, SwarmSettings, SwarmUpdate } from '../../requests/swarm-worker.ts'
import type { TcpTimes } from '../../tcp/connections.ts'
import type { NewCertificates } from '../../tls/certificate-change.ts'

export interface HttpUpdate extends SwarmUpdate, KeyUpdate {
  readonly settings?: WorkerSettings
  readonly certificates?: NewCertificates
  readonly page?: PreparedPage
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

/** The settings that determine answers. */
export interface HttpSettings {
  readonly announceInterval: number
  readonly minAnnounceInterval: number
  /** Percent. */
  readonly intervalJitter: number
  readonly maxResponsePeers: number
  readonly maxScrapeTorrents: number
  /** Believe the addresses of ip, ipv4 and ipv6. */
  readonly believesAddresses: boolean
  readonly pauseHttp: Pause
  readonly pauseHttps: Pause
}
