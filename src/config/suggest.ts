// «Did you mean»: the known name nearest to an unknown one, for keys, variables and flags.

import { distance } from 'fastest-levenshtein'

/** The candidate that differs from `word` in at most a third of its letters, or null. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const plainWord = plain(word)
  let best: string | null = null
  let bestDistance = Math.max(1, Math.floor(plainWord.length / 3)) + 1
  for (const candidate of candidates) {
    const letters = distance(plainWord, plain(candidate))
    if (letters < bestDistance) {
      best = candidate
      bestDistance = letters
    }
  }
  return best
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-. ]/g, '_')
}
