// How many request workers a tracker or a harness gets when a test says nothing: as the block of tests
// says that it is in (schedules.ts). In the environment, so that it reaches processes of tests too.

/** The tracker's own variable. */
export const REQUEST_WORKERS = 'AQUATIC_REQUEST_WORKERS'

export function currentRequestWorkers(): number {
  return Number(process.env[REQUEST_WORKERS] ?? 0)
}
