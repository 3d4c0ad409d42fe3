// The interval that clients are told, with and without request workers.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { listenOn, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

test.each([0, 1])('differs from client to client (%d request workers)', (requestWorkers) => {
  const settings = `request_workers = ${requestWorkers}\n${listenOn('127.0.0.1:0')}`
  // What the tests' trackers do without.
  const env = { AQUATIC_PROTOCOL_INTERVAL_JITTER: '10' }
  return withTracker({ settings, env }, (tracker) =>
    withClient('127.0.0.1', async (client) => {
      const told = new Set<number>()
      for (let port = 1; port <= 30; port++) {
        const { interval } = await client.announce(tracker.at(), { port })
        expect(interval).toBeGreaterThanOrEqual(810)
        expect(interval).toBeLessThanOrEqual(990)
        told.add(interval)
      }
      expect(told.size).toBeGreaterThan(10)
    }),
  )
})
