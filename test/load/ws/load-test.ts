// Runs aquatic_ws_load_test as its users do. Used by the tests of load/ws/.
import { loadTester } from '../tester.ts'

/** Swarms in which there is somebody for most offers. */
export const SMALL = `
[requests]
number_of_torrents = 20
torrents_per_connection = 10
weight_scrape = 20
`

export const runLoadTest = loadTester('aquatic_ws_load_test')
