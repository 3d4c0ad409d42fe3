// Runs aquatic_udp_load_test as its users do. Used by the tests of load/udp/.
import { type Finished, runTester } from '../tester.ts'

export type { Finished }

/** Small enough to start at once, with swarms large and small. */
export const SMALL = `
[requests]
number_of_torrents = 400
number_of_peers = 4000
response_timeout_milliseconds = 500
`

/** Runs it to its end. `settings` is TOML. */
export function runLoadTest(
  settings: string,
  flags: readonly string[] = [],
  during: (child: Bun.Subprocess) => void | Promise<void> = () => {},
): Promise<Finished> {
  return runTester('aquatic_udp_load_test', settings, flags, during)
}
