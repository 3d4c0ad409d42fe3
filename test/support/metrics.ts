// The metrics of a tracker that has an operations endpoint, as numbers. Used by tests that wait for what it has counted.
import type { Tracker } from './tracker.ts'

/** A part of settings: metrics at a free port. */
export const OPERATIONS = "[operations]\naddress = '127.0.0.1:0'\n"

/** The same for a load test: a tracker that gets no core for a while would turn new peers away. */
export const UNDER_LOAD = `${OPERATIONS}[pressure]\nenabled = false\n`

/** The sum of all values of what begins so: a name, or a name and its first labels. */
export async function metricSum(tracker: Tracker, start: string): Promise<number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(start))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
