// That packets cost no memory of the JavaScript heap (support/collections.ts).
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { collections, collectionsDuring, TALKATIVE } from '../support/collections.ts'
import {
  announceRequest,
  connectRequest,
  infoHash,
  STOPPED,
  scrapeRequest,
} from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { STATISTICS, totalIn } from '../support/statistics.ts'
import { type Endpoint, listenOn, withTracker } from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const LOOP = join(import.meta.dir, 'heap-loop.ts')

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe('the handler', () => {
    test('allocates nothing in ten million packets of all kinds', async () => {
      expect(await collectionsDuring(LOOP, 10_000_000, 0)).toBe(0)
    })

    test('would be caught with one object every twenty packets', async () => {
      expect(await collectionsDuring(LOOP, 2_000_000, 20)).toBeGreaterThan(0)
    })
  })

  const ANSWERS = 200_000
  const ROUNDS = 4

  test('a worker allocates nothing while it serves its sockets', () =>
    withTracker(
      {
        settings: `${listenOn('0.0.0.0:0')}${STATISTICS}[cleaning]\ninterval = 1\n`,
        env: TALKATIVE,
      },
      (tracker) =>
        withClient('127.0.0.1', (ipv4) =>
          withClient('::1', async (ipv6) => {
            const loads = [
              await loadOf(ipv4, tracker.at('127.0.0.1')),
              await loadOf(ipv6, tracker.at('::1')),
            ]
            const served = () => totalIn(tracker.stderr, 'responses')
            /** Keeps it busy until it has reported so many more answers. */
            const serve = async (answers: number): Promise<void> => {
              const before = served()
              while (served() - before < answers) {
                for (const send of loads) send()
                await new Promise((resolve) => setImmediate(resolve))
              }
            }
            await serve(1)
            // Each thread collects once at its start; main does so all the time.
            const [main, ...workers] = collections(tracker.stderr).keys()
            expect(workers.length).toBe(1 + requestWorkers)
            const during = async () => {
              const before = collections(tracker.stderr)
              await serve(ANSWERS)
              const after = collections(tracker.stderr)
              expect(new Set(after.keys())).toEqual(new Set([main, ...workers]))
              return workers.filter((worker) => after.get(worker) !== before.get(worker)).length
            }
            // What each second costs adds up to one collection in a long while; a slow machine may have it in a round.
            // An object for each packet would cause several in each.
            let collecting = 1
            for (let round = 0; collecting > 0 && round < ROUNDS; round++)
              collecting = await during()
            expect(collecting).toBe(0)
          }),
        ),
    ))

  async function loadOf(client: UdpClient, to: Endpoint): Promise<() => void> {
    const id = await client.connect(to)
    const packets = Array.from({ length: 64 }, (_, i) => {
      const fields = { transaction: i, infoHash: infoHash(i % 13), port: 1000 + i, numWant: 20 }
      if (i % 8 === 0) return connectRequest(i)
      if (i % 8 === 1) return scrapeRequest(id, [infoHash(i), infoHash(i + 1)], i)
      if (i % 8 === 2) return announceRequest(Buffer.alloc(8, i), fields)
      if (i % 8 === 3) return announceRequest(id, { ...fields, event: STOPPED })
      return announceRequest(id, fields)
    })
    return () => client.sendMany(packets, to)
  }
})
