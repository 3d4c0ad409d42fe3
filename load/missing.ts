// What a tracker owed and did not deliver: answers to requests, offers and answers to pass on. Used by
// run.ts and reports.ts; what is owed is in the reports.ts of each tester. Pure functions.
//
// A tracker may drop some of it: packets get lost, and whoever cannot read fast enough gets less. So a
// share may be missing; beyond that, the tracker counts as broken, as with wrong answers.

/** Fewer than this mean nothing. */
const MISSING_MIN = 10

export interface Owed {
  /** Short, as the JSON report names it. */
  readonly kind: string
  /** In plain words: 'answers to scrapes'. */
  readonly text: string
  readonly owed: number
  readonly came: number
  /** The share of it that may be missing. */
  readonly mayLack: number
}

export interface Missing extends Owed {
  readonly count: number
}

export function missingOf(all: readonly Owed[]): Missing[] {
  return all
    .map((owed) => ({ ...owed, count: owed.owed - owed.came }))
    .filter(({ count, owed, mayLack }) => count >= MISSING_MIN && count > owed * mayLack)
}
