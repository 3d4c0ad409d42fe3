// The settings section [pressure]: what the tracker does near a ceiling, and from where on. Used by the protocols'
// config.ts and by watch.ts.
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, integer } from '../config/setting.ts'

const FACTOR_MAX = 12
const SWARM_PEERS_MAX = 1_000_000
/** Lists of public trackers leave out trackers that ask for more. */
const LISTED_SEC_MAX = 10_800

export const pressureSettings = section(
  `What the tracker does when it comes near a ceiling: of its peers and torrents ([limits]), the memory reserved for them,
  the processor time of its workers, packets that the system drops, connections, or descriptors. It shows each step on the
  operator's page, in the metrics and in the log. docs/operations.md explains what is measured, and which step helps
  against what.`,
  {
    enabled: boolean(
      true,
      `Take the steps below. With false, the tracker serves everybody alike until a limit refuses something or packets are
      lost.`,
    ),
    longer_intervals_percent: integer(
      75,
      { min: 1, max: 100 },
      `Step 1, from this share of a ceiling on (percent): ask clients to wait longer between announces, first those in large
      swarms, and from turn_away_percent on those in small ones too.

      Peers are remembered as much longer. A step is left when the share has been 5 points lower for 30 seconds; intervals
      become shorter again slowly, over twice the longest one.`,
    ),
    turn_away_percent: integer(
      85,
      { min: 1, max: 100 },
      `Step 2, from this share on (percent): store no new peers of large swarms. They are answered as usual, and peers that
      are known stay and are renewed.`,
    ),
    refuse_percent: integer(
      95,
      { min: 1, max: 100 },
      `Step 3, from this share on (percent): refuse new peers of large swarms with an error, and tell HTTP clients when to
      try again. Towards 100 percent ever smaller swarms count as large, down to a tenth of large_swarm_peers.

      Against a lack of processor time, only after intervals have been at their longest for as long as that: a refusal costs
      as much as an answer.`,
    ),
    max_interval_factor: integer(
      4,
      { min: 1, max: FACTOR_MAX },
      `Make intervals at most this many times as long as [protocol] peer_announce_interval. With 1 they stay as they are.

      Lists of public trackers leave out trackers that ask for more than three hours.`,
    ),
    large_swarm_peers: integer(
      50,
      { min: 1, max: SWARM_PEERS_MAX },
      `A swarm with this many peers is large. Its clients find each other without the tracker (by peer exchange), and more
      peers than fit one answer are there anyway.`,
    ),
  },
)

/** All can change at runtime. */
export const PRESSURE_PATHS = Object.keys(pressureSettings.settings).map((key) => `pressure.${key}`)

export type PressureConfig = ConfigOf<typeof pressureSettings.settings>

/** `ageMax`: the oldest that a peer's row can count (seconds). */
export function pressureFindings(
  pressure: PressureConfig,
  interval: number,
  age: number,
  ageMax: number,
): Finding[] {
  if (!pressure.enabled) return []
  const { max_interval_factor: factor } = pressure
  return [
    ...orderFindings(pressure, 'longer_intervals_percent', 'turn_away_percent'),
    ...orderFindings(pressure, 'turn_away_percent', 'refuse_percent'),
    ...(factor > 1 && interval * factor > LISTED_SEC_MAX && interval <= LISTED_SEC_MAX
      ? [tooLong(interval, factor)]
      : []),
    ...(age * factor > ageMax ? [tooOld(age, factor, ageMax)] : []),
  ]
}

type Share = 'longer_intervals_percent' | 'turn_away_percent' | 'refuse_percent'

function orderFindings(pressure: PressureConfig, first: Share, second: Share): Finding[] {
  if (pressure[first] < pressure[second]) return []
  const text = `steps of pressure would come in the wrong order, because [pressure] ${first} (${pressure[first]}) is not
    below ${second} (${pressure[second]}): lower ${first}, or raise ${second}.`
  return [problem([`pressure.${first}`, `pressure.${second}`], text)]
}

function tooLong(interval: number, factor: number): Finding {
  const most = Math.max(1, Math.floor(LISTED_SEC_MAX / interval))
  const text = `lists of public trackers leave this tracker out while it is under pressure, because [protocol]
    peer_announce_interval (${interval}) times [pressure] max_interval_factor (${factor}) is above
    ${LISTED_SEC_MAX} seconds (3 hours): lower max_interval_factor to ${most}.`
  return warning(['protocol.peer_announce_interval', 'pressure.max_interval_factor'], text)
}

function tooOld(age: number, factor: number, ageMax: number): Finding {
  const possible = (ageMax / age).toFixed(1)
  const text = `intervals become at most ${possible} times as long under pressure, because [cleaning] max_peer_age (${age})
    times [pressure] max_interval_factor (${factor}) is above ${ageMax} seconds, the longest that peers can be remembered:
    lower max_interval_factor or max_peer_age.`
  return warning(['pressure.max_interval_factor', 'cleaning.max_peer_age'], text)
}
