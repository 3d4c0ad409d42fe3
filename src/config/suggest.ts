// «Did you mean»: the known name nearest to an unknown one, for keys, variables and flags.

import { distance } from 'fastest-levenshtein'

// Shorter beginnings, such as «max», fit too many names.
const BEGINNING_LETTERS_MIN = 4

/**
 * The candidate that differs from `word` in at most a third of its letters, or else one that begins
 * with it or that it begins with, or whose words do; null if there is none.
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
  const shorter = (isNear: (a: string, b: string) => boolean) =>
    candidates.find((candidate) => isNear(plainWord, plain(candidate)))
  return best ?? shorter(areSameStart) ?? shorter(areAbbreviated) ?? null
}

/** Such as tls_cert_path and tls_certificate_path. */
function areAbbreviated(a: string, b: string): boolean {
  const [words, others] = [a.split('_'), b.split('_')]
  return (
    words.length > 1 &&
    words.length === others.length &&
    words.every((word, i) => isBeginning(word, others[i]))
  )
}

function isBeginning(word: string, other: string): boolean {
  return word !== '' && other !== '' && (word.startsWith(other) || other.startsWith(word))
}

function areSameStart(a: string, b: string): boolean {
  if (Math.min(a.length, b.length) < BEGINNING_LETTERS_MIN) return false
  return a.startsWith(b) || b.startsWith(a)
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-. ]/g, '_')
}
