// How long clients are asked to wait between two announces: the jitter setting, the checks of an interval,
// and the jittered value itself. Used by all trackers.
import { type Finding, warning } from './schema.ts'
import { integer, type Setting } from './setting.ts'

/** Lists of public trackers leave trackers out that ask for less or more. */
const LISTED_SEC_MIN = 300
const LISTED_SEC_MAX = 10_800

const JITTER_PERCENT_MAX = 50

export function intervalJitter(defaultPercent: number): Setting<number> {
  return integer(
    defaultPercent,
    { min: 0, max: JITTER_PERCENT_MAX },
    `Give each client a random interval up to this much (percent) below or above
    peer_announce_interval.

    Clients that arrive in a wave, such as after an outage, then spread out instead of returning
    together every time. The average is unchanged. With 0 all get the same.`,
  )
}

/** `usual`: the default interval, which causes no warning. */
export function intervalFindings(interval: number, usual: number): Finding[] {
  if (interval === usual || (interval >= LISTED_SEC_MIN && interval <= LISTED_SEC_MAX)) return []
  const text = `lists of public trackers leave this tracker out, because [protocol]
    peer_announce_interval is ${interval}: they accept ${LISTED_SEC_MIN} to ${LISTED_SEC_MAX} seconds (5
    minutes to 3 hours).`
  return [warning(['protocol.peer_announce_interval'], text)]
}

// HOT: no allocation below this line.

/** The interval to tell one client, in whole seconds. `random`: in [0, 1). */
export function jittered(interval: number, percent: number, random: number): number {
  const told = Math.round(interval * (1 + ((random * 2 - 1) * percent) / 100))
  return told < 1 ? 1 : told
}
