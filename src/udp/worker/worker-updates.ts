// What changes while a UDP worker runs, and what those who own swarms do about it: socket workers that answer
// at once, and request workers. Used by both. Owns nothing.
import { fullGC } from 'bun:jsc'
import type { AccessListData } from '../../access-list/list.ts'
import type { UpdateHandlers } from '../../process/updates.ts'
import type { SourceRates } from '../../source-limits/source-limits.ts'
import type { Swarms } from '../../swarm/swarm.ts'
import type { Cleaner } from '../../swarm/walks/cleaner.ts'
import type { RequestSettings } from './handle.ts'
import type { Responder } from './respond.ts'

export interface UdpUpdate {
  readonly accessList?: AccessListData
  readonly settings?: WorkerSettings
}

/** The settings that can change. */
export interface WorkerSettings {
  readonly requests: RequestSettings
  readonly rates: SourceRates
  readonly maxConnectionAge: number
  readonly cleaningInterval: number
  readonly maxPeerAge: number
}

export function updateSwarms(
  updates: UpdateHandlers<UdpUpdate>,
  swarms: Swarms,
  cleaner: Cleaner,
  responder: Responder,
): void {
  updates.on('settings', ({ requests, cleaningInterval, maxPeerAge }, now) => {
    responder.setInterval(requests.announceInterval, requests.intervalJitter)
    cleaner.setTimes(cleaningInterval, maxPeerAge, now)
  })
  updates.on('accessList', (list, now) => {
    swarms.access.replace(list)
    cleaner.accessChanged(now)
    // A worker allocates nothing, so it would never collect the list before by itself. No answer for 3
    // to 9 ms; Bun.gc(true) takes 3 to 22, and throws compiled code away. Bun.gc(false) collects none.
    fullGC()
  })
}
