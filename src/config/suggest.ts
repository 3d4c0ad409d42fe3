// «Did you mean»: the known name nearest to an unknown one, for keys, variables and flags.

import { distance } from 'fastest-levenshtein'

// Shorter beginnings, such as «max», fit too many names.
const BEGINNING_LETTERS_MIN = 4

/**
 * The candidate that differs from `word` in at most a third of its letters, or else one that begins
 * with it or that it begins with; null if there is neither.
 */
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
  return best ?? candidates.find((candidate) => areSameStart(plainWord, plain(candidate))) ?? null
}

function areSameStart(a: string, b: string): boolean {
  if (Math.min(a.length, b.length) < BEGINNING_LETTERS_MIN) return false
  return a.startsWith(b) || b.startsWith(a)
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-. ]/g, '_')
}
