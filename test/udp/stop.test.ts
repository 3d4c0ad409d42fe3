import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { announceRequest, connectRequest, infoHash, scrapeRequest } from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { type Ended, listenOn, type Tracker, withTracker } from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const STOP_MS = 1000

/** On an overloaded machine a tracker may not get its second; one of so many does. */
const TRIES = 15

const workers = (count: number) => `socket_workers = ${count}\n${listenOn('127.0.0.1:0')}`

interface Stopped extends Ended {
  readonly afterMs: number
}

async function stop(tracker: Tracker, signal: 'SIGTERM' | 'SIGINT'): Promise<Stopped> {
  const sentAt = performance.now()
  tracker.signal(signal)
  const ended = await tracker.waitForEnd()
  return { ...ended, afterMs: performance.now() - sentAt }
}

/** Each try ends as it should; the time is that of the quickest. */
async function stopsInTime(tryOnce: () => Promise<Stopped>): Promise<void> {
  const times: number[] = []
  while (times.length < TRIES && !times.some((ms) => ms < STOP_MS)) {
    const { code, stderr, afterMs } = await tryOnce()
    expect(code).toBe(0)
    expect(stderr.split('\n').length).toBe(2)
    times.push(afterMs)
  }
  expect(Math.min(...times)).toBeLessThan(STOP_MS)
}

/** Every worker gets some of so many clients, but for one run in 10,000. */
const CLIENTS = 32

/** Sends requests of all kinds without reading what comes back, until `done`. */
async function flood(tracker: Tracker, done: () => boolean): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => UdpClient.open()))
  try {
    const id = await clients[0].connect(tracker.at())
    const packets = Array.from({ length: 64 }, (_, i) => {
      const hashes = [infoHash(i), infoHash(i + 1), infoHash(i + 2)]
      if (i % 8 === 0) return connectRequest(i)
      if (i % 8 === 1) return scrapeRequest(id, hashes, i)
      return announceRequest(id, { transaction: i, infoHash: hashes[0] })
    })
    while (!done()) {
      for (const client of clients) client.sendMany(packets, tracker.at())
      // A turn of the event loop: a promise that is already resolved would never let others run.
      await new Promise((resolve) => setImmediate(resolve))
    }
  } catch (error) {
    // The tracker has ended: that is what the test waits for.
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'ECONNREFUSED' && !message.startsWith('no answer')) throw error
  } finally {
    for (const client of clients) client.close()
  }
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each(['SIGTERM', 'SIGINT'] as const)('%s ends the tracker within a second', (signal) => {
    test.each([1, 4])('with %d workers, with exit code 0 and no message', (count) =>
      stopsInTime(() =>
        withTracker({ settings: workers(count) }, (tracker) => stop(tracker, signal)),
      ),
    )

    test.each([1, 4])('with %d workers under load', (count) =>
      stopsInTime(() =>
        withTracker({ settings: workers(count) }, async (tracker) => {
          let done = false
          const load = flood(tracker, () => done)
          await withClient('127.0.0.1', (client) => client.connect(tracker.at()))
          const stopped = await stop(tracker, signal)
          done = true
          await load
          return stopped
        }),
      ),
    )
  })

  test('more signals while it stops change nothing', () =>
    withTracker({ settings: workers(2) }, async (tracker) => {
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) tracker.signal(signal)
      const { code, stderr } = await tracker.waitForEnd()
      expect(code).toBe(0)
      expect(stderr.split('\n').length).toBe(2)
    }))

  test('the port is free again at once', async () => {
    let port = 0
    for (let i = 0; i < 3; i++) {
      const settings = `socket_workers = 2\n${listenOn(`127.0.0.1:${port}`)}`
      port = await withTracker({ settings }, async (tracker) => {
        await stop(tracker, 'SIGTERM')
        return tracker.at().port
      })
    }
  })

  describe.each(requestWorkers === 0 ? (['socket'] as const) : (['socket', 'request'] as const))(
    'an error in a %s worker ends the process',
    (role) => {
      test.each([1, 4])('of %d socket workers, with its cause and exit code 1', (count) =>
        withTracker(
          { settings: workers(count), env: { _AQUATIC_TEST_FAULT: role } },
          async (tracker) => {
            const ended = tracker.waitForEnd()
            let done = false
            const load = flood(tracker, () => done)
            const { code, stderr } = await ended
            done = true
            await load
            expect(code).toBe(1)
            expect(stderr).toContain(`${role} worker 1 failed, so the tracker ends`)
            expect(stderr).toContain('a fault that a test asked for')
          },
        ),
      )
    },
  )
})
