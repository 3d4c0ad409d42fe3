// Decides which of UDP's workers a thread runs. Called by bin/ in each new thread.
import { type RequestWorkerData, runRequestWorker } from '../pipeline/request-worker.ts'
import { runSocketWorker, type SocketWorkerData } from './socket-worker.ts'

export function runUdpWorker(data: SocketWorkerData | RequestWorkerData): void {
  if (data.role === 'request') runRequestWorker(data as RequestWorkerData)
  else runSocketWorker(data as SocketWorkerData)
}
