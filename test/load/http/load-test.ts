// Runs aquatic_http_load_test as its users do. Used by the tests of load/http/.
import { loadTester } from '../tester.ts'

/** Small enough to start at once, with swarms large and small. */
export const SMALL = `
[requests]
number_of_torrents = 400
number_of_peers = 4000
`

export const runLoadTest = loadTester('aquatic_http_load_test')
