// What the public page tells, as /status.json has it: docs/monitoring.md describes the fields. Made by public-page.ts,
// shown by page.ts. Nothing in it comes from a client, and nothing says who or what is served.

export interface PublicFigures {
  /** degraded: it serves, and something is wrong that clients notice. */
  readonly state: 'up' | 'degraded' | 'down'
  /** The executable. */
  readonly name: string
  readonly version: string
  /** When this was prepared; ISO 8601, as all times here. */
  readonly time: string
  readonly serving_since: string
  readonly announce_urls: readonly string[]
  /** A torrent counts once in each swarm that it has peers in. */
  readonly torrents: number
  readonly peers: number
  readonly seeders: number
  readonly leechers: number
  readonly swarms: readonly PublicSwarm[]
  readonly protocols: readonly PublicProtocol[]
  /** Means of quarters of an hour, the last of which is not over; null where nothing is known. */
  readonly requests: {
    readonly from: string
    readonly step_seconds: number
    readonly per_second: readonly (number | null)[]
  }
  readonly availability: {
    /** From 0 to 1, of all that is known; null if nothing is. */
    readonly share: number | null
    /** UTC days, today last. */
    readonly days: readonly { readonly day: string; readonly share: number | null }[]
  }
}

export interface PublicSwarm {
  readonly name: string
  readonly torrents: number
  readonly seeders: number
  readonly leechers: number
}

export interface PublicProtocol {
  readonly name: string
  readonly requests_per_second: number
}
