// The types of start-tracker.js, for users of the package.

export interface TrackerOptions {
  /** Serve this, and only what else is named; without any, everything is served. */
  readonly udp?: boolean
  readonly http?: boolean
  /** With a certificate of its own making: `Tracker.certificate`. */
  readonly https?: boolean
  readonly ws?: boolean
  readonly wss?: boolean
  /** As in aquatic.toml: `{ 'udp.protocol.peer_announce_interval': 60 }`, or nested. */
  readonly settings?: Settings
  /** An `aquatic` to run in place of this package's. */
  readonly executable?: string
  /** 30,000 by default. */
  readonly startTimeoutMs?: number
}

export interface Settings {
  readonly [name: string]: string | number | boolean | readonly string[] | Settings
}

/** Announce URLs; null for what is not served. */
export interface Urls {
  readonly udp: string | null
  readonly http: string | null
  readonly https: string | null
  readonly ws: string | null
  readonly wss: string | null
}

/** By address, or of WebTorrent by peer id. */
export interface Peer {
  /** UDP and HTTP share the swarms of an address family. */
  readonly swarm: 'ipv4' | 'ipv6' | 'websocket'
  readonly address?: string
  readonly port?: number
  /** In hexadecimal. */
  readonly peerId?: string
  readonly seeder: boolean
  /** Since its last announce. */
  readonly secondsAgo: number
}

export interface ProtocolFaults {
  /** The share that is lost, 0 to 1: of packets over UDP and of messages over WebSocket each way, of requests over HTTP. */
  readonly loss?: number
  /** How much later answers come. */
  readonly delayMs?: number
  /** Every announce and scrape gets this error. */
  readonly error?: string
  /** Nobody listens, and connections are cut off. */
  readonly dead?: boolean
}

export interface Faults {
  /** Of the randomness of losses; 1 by default. */
  readonly seed?: number
  readonly udp?: ProtocolFaults
  readonly http?: ProtocolFaults
  readonly ws?: ProtocolFaults
}

/** On 127.0.0.1. */
export interface Tracker extends Urls, AsyncDisposable {
  /** On ::1; null where the machine has no IPv6. */
  readonly ipv6: Urls | null
  /** The certificate of https and wss, as PEM: give it to the client as an authority. */
  readonly certificate: string
  readonly version: string
  readonly pid: number
  /** What the tracker has written to standard error. */
  readonly log: string
  /** Its metrics by name, with all labels, with each one, and without: then the sum. */
  counters(): Promise<Record<string, number>>
  /** Who is in a torrent; 40 hexadecimal digits or 20 bytes. */
  peers(infoHash: string | Uint8Array): Promise<Peer[]>
  /** Moves the tracker's clock: peers expire, connection ids too. */
  advanceClock(seconds: number): Promise<void>
  /** Replaces all faults; `{}` ends them. */
  faults(faults: Faults): Promise<void>
  /** Resolves once the process has ended; rejects if it ended otherwise. */
  stop(): Promise<void>
}

export function startTracker(options?: TrackerOptions): Promise<Tracker>
