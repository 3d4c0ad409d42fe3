// What changes while a UDP worker runs, in the form in which workers get it. Sent by main.ts; taken by socket
// workers and request workers (requests/swarm-worker.ts).
import type { KeyUpdate, SwarmSettings, SwarmUpdate } from '../../requests/swarm-worker.ts'
import type { RequestSettings } from './handle.ts'

export interface UdpUpdate extends SwarmUpdate, KeyUpdate {
  readonly settings?: WorkerSettings
  /** From which no packet of a card can come (xdp/own-addresses.ts). */
  readonly ownAddresses?: Int32Array
}

/** The settings that can change at runtime. */
export interface WorkerSettings extends SwarmSettings {
  readonly requests: RequestSettings
  readonly maxConnectionAge: number
}
