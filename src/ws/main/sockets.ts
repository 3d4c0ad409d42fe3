// What the workers of WebTorrent listen with: plain sockets, those of the runtime for TLS, or nothing, on the connections of
// another protocol. Used by main.ts.
import { counted } from '../../config/quantities.ts'
import type { TlsFiles } from '../../tls/tls.ts'
import type { HostWorkers } from '../../tracker/protocol.ts'
import {
  findTlsAddresses,
  type Listening,
  openListeners,
  type TlsListening,
} from '../../tracker/tcp-listeners.ts'
import type { WsConfig } from '../settings/config.ts'

/** What it listens with. */
export type Sockets =
  | { readonly kind: 'plain'; readonly listening: Listening }
  | { readonly kind: 'tls'; readonly listening: TlsListening; readonly files: TlsFiles }
  | { readonly kind: 'guest'; readonly host: HostWorkers }

export function openSockets(
  { network }: WsConfig,
  workers: number,
  files: TlsFiles | null,
  takesOver: boolean,
): Sockets {
  return files === null
    ? { kind: 'plain', listening: openListeners(network, workers, takesOver) }
    : { kind: 'tls', listening: findTlsAddresses(network, takesOver), files }
}

/** Whether the worker blocks in a loop of its own: it does not live on an event loop. */
export function hasOwnLoop(sockets: Sockets, worker: number): boolean {
  return sockets.kind === 'guest' ? worker >= sockets.host.tls : sockets.kind === 'plain'
}

/** For the line that tells of the start. */
export function summaryOf({ kind }: Sockets, useTls: boolean, workers: number): string {
  const scheme = useTls ? 'wss' : 'ws'
  return kind === 'guest'
    ? `${scheme}, on the connections of HTTP`
    : `${scheme}, ${counted(workers, 'socket worker')}`
}
