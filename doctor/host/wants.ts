// What a tracker's settings ask of a host: ports, buffers, descriptors, memory, IPv6; and which trackers run on it. Made by
// settings.ts and running.ts; the checks only know this.

export interface WantedPort {
  /** `UDP`, `HTTP` or `WebTorrent`. */
  readonly title: string
  readonly transport: 'udp' | 'tcp'
  readonly port: number
  readonly family: 4 | 6
}

export interface Wants {
  /** Whose settings these are, for sentences: «the default settings of aquatic». */
  readonly source: string
  /** Without those that the system chooses (port 0). */
  readonly ports: readonly WantedPort[]
  readonly servesUdp: boolean
  /** HTTP or WebTorrent. */
  readonly servesTcp: boolean
  /** Connection ids of UDP are shared with other trackers, which count by the wall clock. */
  readonly sharesConnectionIds: boolean
  /** Bytes that each UDP socket asks for; 0 for the system's default. */
  readonly receiveBuffer: number
  /** Connections of all protocols. */
  readonly connections: number
  /** Address space for torrents and peers, in bytes. */
  readonly reserveBytes: number
}

/** The numbers of the ports of a transport, each once. */
export function portsOf({ ports }: Wants, transport: 'udp' | 'tcp'): number[] {
  const found = ports.filter((port) => port.transport === transport).map(({ port }) => port)
  return [...new Set(found)].sort((a, b) => a - b)
}

export function wantsIpv6({ ports }: Wants): boolean {
  return ports.some(({ family }) => family === 6)
}

/** A tracker of ours that runs on this host. */
export interface RunningTracker {
  readonly pid: number
  readonly program: string
  /** What its settings ask for; null if they cannot be known. */
  readonly wants: Wants | null
}

/** What several trackers on one host ask for together. */
export function together(all: readonly Wants[], source: string): Wants {
  return {
    source,
    ports: all.flatMap(({ ports }) => ports),
    servesUdp: all.some(({ servesUdp }) => servesUdp),
    servesTcp: all.some(({ servesTcp }) => servesTcp),
    sharesConnectionIds: all.some(({ sharesConnectionIds }) => sharesConnectionIds),
    receiveBuffer: Math.max(...all.map(({ receiveBuffer }) => receiveBuffer)),
    connections: all.reduce((sum, { connections }) => sum + connections, 0),
    reserveBytes: all.reduce((sum, { reserveBytes }) => sum + reserveBytes, 0),
  }
}
