// What becomes of a request in a private tracker: whether it comes with a key that is valid, or why not, what its
// client is told then, and the reason by which it is counted. Read by gate.ts and the protocols' workers.
export const KEY_VALID = 0
export const KEY_MISSING = 1
export const KEY_UNKNOWN = 2
export const KEY_ENDED = 3
export const KEY_GUESSES = 4

export interface KeyRefusal {
  readonly verdict: number
  /** Among a protocol's counters `rejected`. */
  readonly reason: (typeof REFUSED_BY_KEYS)[number]
  readonly text: string
}

/** Reasons, in this order, of which each protocol has counters. */
export const REFUSED_BY_KEYS = ['key_missing', 'key_unknown', 'key_ended', 'key_guesses'] as const

/** Those of a key that was valid when its connection began. */
export const REFUSED_BY_KEYS_IN_USE = ['key_missing', 'key_unknown', 'key_ended'] as const

export const KEY_REFUSALS: readonly KeyRefusal[] = [
  {
    verdict: KEY_MISSING,
    reason: 'key_missing',
    text: 'Access key missing: use the announce URL that you were given',
  },
  { verdict: KEY_UNKNOWN, reason: 'key_unknown', text: 'Access key unknown' },
  { verdict: KEY_ENDED, reason: 'key_ended', text: 'Access key has ended' },
  {
    verdict: KEY_GUESSES,
    reason: 'key_guesses',
    text: 'Too many unknown access keys from this address: try again later',
  },
]

/** What a protocol makes of each, at the place of its verdict. */
export function byVerdict<T>(of: (refusal: KeyRefusal) => T): T[] {
  const found: T[] = []
  for (const refusal of KEY_REFUSALS) found[refusal.verdict] = of(refusal)
  return found
}

/** Where each is counted; `names`: the protocol's counters in their order in memory, `head`: how those begin. */
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
