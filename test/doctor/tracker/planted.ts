// Runs conformance checks on a tracker with a planted fault. Used by the tests that show that each check can fail.
import { type Outcome, runConformance } from '../../../doctor/tracker/conformance.ts'
import { endpointAt, parseTrackerUrl } from '../../../doctor/tracker/endpoint.ts'

/** On one machine an answer takes a millisecond; waiting for one that is not to come should take little. */
const PATIENCE = { answerMs: 400, silenceMs: 40 }

/** `only`: a check's name, or none for all. */
export async function outcomesAt(url: string, only?: string): Promise<Outcome[]> {
  const parsed = parseTrackerUrl(url)
  if ('mistake' in parsed) throw new Error(parsed.mistake)
  const outcomes: Outcome[] = []
  await runConformance({
    endpoint: endpointAt(parsed, '127.0.0.1'),
    patience: PATIENCE,
    only: ({ name }) => only === undefined || name === only,
    told: (outcome) => void outcomes.push(outcome),
  })
  return outcomes
}
