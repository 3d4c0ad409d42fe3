// Requests that a tracker does not serve for a while, because its operator has switched a protocol or an address
// family off: what they get instead. Set by main.ts of each protocol from its section [pause] (pause-settings.ts);
// used by its workers.

/** As usual; a failure with the reason; nothing at all. */
export const SERVING = 0
export const FAILING = 1
export const SILENT = 2

/** The form in which workers receive it. */
export interface Pause {
  /** One of the above, by the address family of the client. */
  readonly ipv4: number
  readonly ipv6: number
  /** What clients are told. */
  readonly reason: string
  /** When clients shall come back. */
  readonly retryMinutes: number
}

/** What clients are told by default: also of a worker that no setting tells otherwise. */
export const PAUSE_REASON = 'Tracker is paused: try again later'

export const NO_PAUSE: Pause = {
  ipv4: SERVING,
  ipv6: SERVING,
  reason: PAUSE_REASON,
  retryMinutes: 60,
}
