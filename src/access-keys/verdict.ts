// The verdicts on a request's access key in a private tracker, and for each refusal what the client is told and the
// reason it is counted under. Used by gate.ts and the protocols' workers.
export const KEY_VALID = 0
export const KEY_MISSING = 1
export const KEY_UNKNOWN = 2
export const KEY_ENDED = 3
export const KEY_GUESSES = 4

export interface KeyRefusal {
  readonly verdict: number
  /** Its label in the protocol's `rejected` counters. */
  readonly reason: (typeof REFUSED_BY_KEYS)[number]
  readonly text: string
}

/** Reasons in the order of each protocol's counters. */
export const REFUSED_BY_KEYS = ['key_missing', 'key_unknown', 'key_ended', 'key_guesses'] as const

/** Reasons that can apply to a key that was valid when its connection was opened. */
export const REFUSED_BY_KEYS_IN_USE = ['key_missing', 'key_unknown', 'key_ended'] as const

export const KEY_REFUSALS: readonly KeyRefusal[] = [
  {
    verdict: KEY_MISSING,
    reason: 'key_missing',
    text: 'Access key missing: use the announce URL that you were given',
  },
  { verdict: KEY_UNKNOWN, reason: 'key_unknown', text: 'Access key unknown' },
  { verdict: KEY_ENDED, reason: 'key_ended', text: 'Access key has expired' },
  {
    verdict: KEY_GUESSES,
    reason: 'key_guesses',
    text: 'Too many unknown access keys from this address: try again later',
  },
]

/** What `of` returns for each refusal, indexed by verdict. */
export function byVerdict<T>(of: (refusal: KeyRefusal) => T): T[] {
  const found: T[] = []
  for (const refusal of KEY_REFUSALS) found[refusal.verdict] = of(refusal)
  return found
}

/** The index of each verdict's counter. `names`: the protocol's counters in memory order; `head`: their prefix. */
export function countersByKeyVerdict(
  names: readonly string[],
  head = 'rejected',
  reasons: readonly string[] = REFUSED_BY_KEYS,
): Int32Array {
  const places = new Int32Array(1 + KEY_REFUSALS.length).fill(-1)
  for (const { verdict, reason } of KEY_REFUSALS) {
    if (!reasons.includes(reason)) continue
    places[verdict] = names.indexOf(`${head}_${reason}`)
    if (places[verdict] === -1) throw new Error(`no counter ${head}_${reason}`)
  }
  return places
}
