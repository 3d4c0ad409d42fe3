// The mutations that change nothing a test could see, from equivalent.txt: three lines each, as the
// tool prints a survivor, and the reason in a fourth. Used by mutate.ts.
import { keyOf } from './mutations.ts'

/** Reasons by the key of their mutation. Throws an Error that names the line. */
export function readEquivalents(text: string): Map<string, string> {
  const found = new Map<string, string>()
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    if (lines[i] === '' || lines[i].startsWith('#')) continue
    const [place, before, after, reason] = lines.slice(i, i + 4)
    const isWhole = before?.startsWith('- ') && after?.startsWith('+ ') && reason?.startsWith('  ')
    if (!isWhole) {
      throw new Error(
        `equivalent.txt:${i + 1}: expected a file, «- before», «+ after», «  reason» on four lines`,
      )
    }
    found.set(keyOf(place, before.slice(2), after.slice(2)), reason.trim())
    i += 3
  }
  return found
}
