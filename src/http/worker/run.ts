// Runs a worker of HTTP, in either role. Called in a new thread by the executables.
import type { OpenGuest } from '../../tcp/guest.ts'
import { runSocketWorker, type SocketWorkerData } from './socket-worker.ts'
import { runTlsWorker, type TlsWorkerData } from './tls-worker.ts'

/** `openGuest`: where another protocol may have the same connections. */
export function runHttpWorker(
  data: SocketWorkerData | TlsWorkerData,
  openGuest: OpenGuest | null = null,
): void {
  if (data.role === 'tls') runTlsWorker(data, openGuest)
  else runSocketWorker(data, openGuest)
}
