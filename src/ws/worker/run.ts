// Runs a worker of WebTorrent, of either kind. Called in a new thread by the executables.
import { readClock } from '../../os/clock.ts'
import { runSocketWorker, type SocketWorkerData } from './socket-worker.ts'
import { runTlsWorker, type TlsWorkerData } from './tls-worker.ts'

export function runWsWorker(data: SocketWorkerData | TlsWorkerData): void {
  readClock()
  if (data.kind === 'tls') runTlsWorker(data)
  else runSocketWorker(data)
}
