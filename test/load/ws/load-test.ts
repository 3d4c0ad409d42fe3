// Runs aquatic_ws_load_test as its users do. Used by the tests of load/ws/.
import { type Finished, runTester } from '../tester.ts'

/** Swarms in which there is somebody for most offers. */
export const SMALL = `
[requests]
number_of_torrents = 20
torrents_per_connection = 10
weight_scrape = 20
`

/** Runs it to its end. `settings` is TOML. */
export function runLoadTest(
  settings: string,
  flags: readonly string[] = [],
  during: (child: Bun.Subprocess) => void | Promise<void> = () => {},
): Promise<Finished> {
  return runTester('aquatic_ws_load_test', settings, flags, during)
}
