// Which of UDP's workers a thread is. Called by bin/ in each new thread. Owns nothing.
import { type RequestWorkerData, runRequestWorker } from '../pipeline/request-worker.ts'
import { runSocketWorker, type SocketWorkerData } from './socket-worker.ts'

export function runUdpWorker(data: SocketWorkerData | RequestWorkerData): void {
  if (data.role === 'request') runRequestWorker(data as RequestWorkerData)
  else runSocketWorker(data as SocketWorkerData)
}
