// Gives back the memory of code that only the start needs. Called by each protocol's main once all
// workers serve, and before a chroot, behind which the process cannot see its own mappings.
import { ResidentCode } from '../os/resident-code.ts'

/** At once, and again when the compiler is done with the workers' loops. */
const AFTER_MILLISECONDS = [0, 10_000, 60_000]

export function releaseStartCode(): void {
  const code = new ResidentCode()
  for (const delay of AFTER_MILLISECONDS) setTimeout(() => code.release(), delay)
}
