// Runs a worker of HTTP, in either role. Called in a new thread by the executables.
import { runSocketWorker, type SocketWorkerData } from './socket-worker.ts'
import { runTlsWorker, type TlsWorkerData } from './tls-worker.ts'

export function runHttpWorker(data: SocketWorkerData | TlsWorkerData): void {
  if (data.role === 'tls') runTlsWorker(data)
  else runSocketWorker(data)
}
