// The section [pause], which switches a protocol off and on while the tracker runs: its settings, the form of them
// that workers receive, and the trouble that shows it. Used by the protocols' settings, reload.ts and main.ts.
import { section } from '../config/schema.ts'
import { choice, type Fault, integer, type Setting, string } from '../config/setting.ts'
import type { TroubleSource } from '../process/troubles.ts'
import { FAILING, PAUSE_REASON, type Pause, SERVING, SILENT } from './pause.ts'

/** With a head of 8 bytes it is less than the announce that it answers, which over UDP has at least 98. */
const REASON_CHARACTERS_MAX = 80
const RETRY_MINUTES_MAX = 1440

const LEVELS = { no: SERVING, failure: FAILING, silent: SILENT } as const
type Level = keyof typeof LEVELS

/** `what`: the requests that it pauses. */
export function pauseLevel(what: string): Setting<Level> {
  return choice('no', ['no', 'failure', 'silent'], `Whether ${what} are paused: 'no' serves them.`)
}

/** `silence`: what clients get with 'silent'; `failure`: where the reason stands; `more`: further settings. */
export function pauseSection<T extends Record<string, Setting<Level>>>(
  texts: { readonly silence: string; readonly failure: string },
  more: T,
) {
  return section(
    `Switches this protocol off and on while the tracker runs (SIGHUP reads the settings again). With 'failure',
    ${texts.failure}. With 'silent', ${texts.silence}.

    'failure' is easier on the tracker: clients that hear nothing try again soon and several times, and try
    other trackers of the torrent only after a timeout. Peers stay until they are older than [cleaning]
    max_peer_age. A pause is shown on the operator's page, in the metrics, and in the log.`,
    {
      ipv4: pauseLevel('requests over IPv4'),
      ipv6: pauseLevel('requests over IPv6'),
      ...more,
      reason: string(
        PAUSE_REASON,
        { allowed: `1 to ${REASON_CHARACTERS_MAX} ASCII characters`, check: checkReason },
        `What 'failure' tells clients, most of which show it to their users.`,
      ),
      retry_minutes: integer(
        60,
        { min: 1, max: RETRY_MINUTES_MAX },
        `Ask clients to come back after so many minutes, where the protocol can say so (BEP 31).`,
      ),
    },
  )
}

export interface PauseConfig {
  readonly ipv4: Level
  readonly ipv6: Level
  readonly reason: string
  readonly retry_minutes: number
}

/** Paths of the section's settings, all of which can change at runtime. */
export function pausePaths(more: readonly string[] = []): string[] {
  return ['ipv4', 'ipv6', ...more, 'reason', 'retry_minutes'].map((key) => `pause.${key}`)
}

/** `scheme`: of the connections of the worker; the stricter one counts. */
export function pauseOf(
  { ipv4, ipv6, reason, retry_minutes }: PauseConfig,
  scheme: Level = 'no',
): Pause {
  return {
    ipv4: Math.max(LEVELS[ipv4], LEVELS[scheme]),
    ipv6: Math.max(LEVELS[ipv6], LEVELS[scheme]),
    reason,
    retryMinutes: retry_minutes,
  }
}

/** Shows what is paused: nobody shall wonder for long why clients are missing. */
export function pauseTrouble(
  config: () => Readonly<Record<string, string | number | undefined>>,
): TroubleSource {
  return {
    name: 'paused',
    find: () => {
      const paused = Object.entries(config()).filter(
        ([key, value]) => key !== 'reason' && (value === 'failure' || value === 'silent'),
      )
      if (paused.length === 0) return null
      const list = paused.map(([key, value]) => `[pause] ${key} = '${value}'`).join(', ')
      return {
        severity: 'attention',
        text: `Requests are not served: ${list}.`,
        remedy: "To serve them again, set 'no' and have the settings read again (SIGHUP).",
      }
    },
  }
}

function checkReason(text: string): Fault | null {
  if (/^[\x20-\x7e]{1,80}$/.test(text)) return null
  if (text.length > REASON_CHARACTERS_MAX) return { fault: 'is too long', remedy: 'Shorten it' }
  if (text === '') return { fault: 'is empty', remedy: 'Write what clients shall be told' }
  return { fault: 'has characters other than ASCII', remedy: 'Write it with plain letters' }
}
