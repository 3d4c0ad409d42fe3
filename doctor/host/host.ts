// Looks at this host: what costs a tracker packets, connections or time. Called by doctor/main.ts.
import type { DoctorLine } from '../command-line.ts'
import type { Report } from '../finding.ts'

export async function examineHost(
  _line: DoctorLine,
  _environment: Readonly<Record<string, string | undefined>>,
): Promise<Report> {
  return { subject: 'this host', findings: [] }
}
