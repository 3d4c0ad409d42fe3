// Asks trackers as clients do, and prints what was found. Called by doctor/main.ts.
import { writeStderr } from '../../src/config/output.ts'
import type { DoctorLine } from '../command-line.ts'
import { EXIT_USAGE } from '../finding.ts'

/** Returns the exit code. */
export async function askTrackers({ urls }: DoctorLine): Promise<number> {
  writeStderr(`aquatic_doctor: cannot ask ${urls[0]} yet\n`)
  return EXIT_USAGE
}
