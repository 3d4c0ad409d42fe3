// The two ways to run the UDP tracker, for tests that hold for both: socket workers that answer by
// themselves, and request workers behind them. Used by the tests of udp/, in one describe block each.
import { beforeEach } from 'bun:test'
import { REQUEST_WORKERS } from './request-workers.ts'

/** Three do not divide the tables evenly, and make most scrapes of several torrents go to all of them. */
export const SCHEDULES = [
  { schedule: 'answering at once', requestWorkers: 0 },
  { schedule: 'with 3 request workers', requestWorkers: 3 },
] as const

/** Has trackers and harnesses of this block's tests work so. */
export function useRequestWorkers(count: number): void {
  process.env[REQUEST_WORKERS] = String(count)
  beforeEach(() => {
    process.env[REQUEST_WORKERS] = String(count)
  })
}
