// The part that the tests use of packages without types. They are those of the package.json beside
// this file, which the type check must not need.

interface WebTorrentOptions {
  dht: boolean
  lsd: boolean
  utPex: boolean
  utp: boolean
  natUpnp: boolean
  natPmp: boolean
  tracker: { rtcConfig: { iceServers: string[] } }
}

interface WebTorrentWire {
  type: string
}

interface WebTorrentFile {
  blob(): Promise<Blob>
}

interface WebTorrentTorrent {
  infoHash: string
  done: boolean
  files: WebTorrentFile[]
  on(event: 'wire', listener: (wire: WebTorrentWire) => void): this
  /** A tracker has answered an announce. */
  on(event: 'done' | 'trackerAnnounce', listener: () => void): this
  on(event: 'warning' | 'error', listener: (error: Error | string) => void): this
}

interface WebTorrentClient {
  add(
    torrent: string | Uint8Array,
    options: { path?: string },
    added: (torrent: WebTorrentTorrent) => void,
  ): WebTorrentTorrent
  seed(
    file: Blob,
    options: { name: string; announce: string[]; private: boolean; pieceLength: number },
    added: (torrent: WebTorrentTorrent) => void,
  ): WebTorrentTorrent
  on(event: 'warning' | 'error', listener: (error: Error | string) => void): this
  destroy(done: () => void): void
}

interface WebTorrentConstructor {
  new (options: WebTorrentOptions): WebTorrentClient
}

declare module 'webtorrent' {
  const WebTorrent: WebTorrentConstructor
  export default WebTorrent
}

declare module 'webtorrent/dist/webtorrent.min.js' {
  const WebTorrent: WebTorrentConstructor
  export default WebTorrent
}

interface TrackerNumbers {
  infoHash: string
  complete: number
  incomplete: number
  downloaded: number
}

interface TrackerPeer {
  id: string
  initiator: boolean
  on(event: 'connect', listener: () => void): this
  on(event: 'error', listener: (error: Error) => void): this
  on(event: 'data', listener: (data: Uint8Array) => void): this
  send(data: string): void
  destroy(): void
}

declare module 'bittorrent-tracker' {
  export class Client {
    constructor(options: {
      infoHash: string
      peerId: string
      announce: string
      port: number
      rtcConfig: { iceServers: string[] }
    })
    /** In hex. */
    readonly peerId: string
    on(event: 'scrape', listener: (numbers: TrackerNumbers) => void): this
    /** Over HTTP and UDP a peer is an address and a port. */
    on(event: 'peer', listener: (peer: string | TrackerPeer) => void): this
    once(event: 'update', listener: (numbers: TrackerNumbers & { interval: number }) => void): this
    once(event: 'warning' | 'error', listener: (error: Error) => void): this
    once(event: 'peer', listener: (peer: TrackerPeer) => void): this
    start(options: { left: number; numwant?: number }): void
    complete(options: { left: number; numwant?: number }): void
    stop(options: { left: number }): void
    scrape(options?: { infoHash: string | string[] }): void
    destroy(): void
  }

  export class Server {
    constructor(options: {
      http: false
      udp: false
      ws: { server: unknown }
      stats: false
      interval: number
    })
    on(event: 'warning' | 'error', listener: (error: Error) => void): this
  }
}
