// Runs aquatic_udp_load_test as its users do. Used by the tests of load/udp/.
import { loadTester } from '../tester.ts'

/** Small enough to start at once, with swarms large and small; patient with a tracker that gets no core for a while. */
export const SMALL = `
[requests]
number_of_torrents = 400
number_of_peers = 4000
response_timeout_milliseconds = 4000
`

export const runLoadTest = loadTester('aquatic_udp_load_test')
