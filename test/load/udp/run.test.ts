import { describe, expect, test } from 'bun:test'
import { metricSum, UNDER_LOAD } from '../../support/metrics.ts'
import { listenOn, type Tracker, withTracker } from '../../support/tracker.ts'
import { expectScheduled, runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'

/** Until the tracker has answered so many announces, and with them some of the rest. */
const answered = (tracker: Tracker, announces: number) => async () =>
  (await metricSum(tracker, 'tracker_udp_responses_total{type="announce"')) > announces &&
  (await metricSum(tracker, 'tracker_udp_responses_total{type="scrape"')) > 50

describe('against our tracker', () => {
  test.each([
    ['IPv4', '127.0.0.1:0'],
    ['IPv6', '[::1]:0'],
  ])(
    'over %s, no answer is wrong and few are lost',
    async (_, address) => {
      await withTracker({ settings: `${listenOn(address)}${UNDER_LOAD}` }, async (tracker) => {
        const settings = `server_address = '${tracker.address()}'\nworkers = 2\n${SMALL}`
        const isEnough = answered(tracker, 6000)
        const pid = ['--pid', `${tracker.pid}`]
        const { code, stdout, stderr, json } = await runUntil(runLoadTest, settings, isEnough, pid)
        expect(stderr).not.toContain('wrong')
        expect(code).toBe(0)
        expect(stdout).toContain('p99.9')
        expect(json.wrong_answers).toBe(0)
        const { counts } = json.summary
        // All peers have been announced, and again, so that the counts of full swarms were checked.
        expect(counts.answered_announce).toBeGreaterThan(4000)
        expect(counts.answered_connect).toBeGreaterThan(100)
        expect(counts.answered_scrape).toBeGreaterThan(10)
        expect(counts.returned_peers).toBeGreaterThan(counts.answered_announce)
        // On a busy machine a batch may find the tracker's buffer full.
        expect(counts.lost / counts.sent_announce).toBeLessThan(0.05)
        expect(json.summary.latency_ms.announce.p50).toBeGreaterThan(0)
        expect(json.summary.tracker.cpu_seconds).toBeGreaterThan(0)
        expect(json.summary.tracker.resident_kb).toBeGreaterThan(10_000)
      })
    },
    180_000,
  )

  test('at a fixed rate, the schedule is kept', async () => {
    const own = `${listenOn('127.0.0.1:0')}${UNDER_LOAD}`
    await withTracker({ settings: own }, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'\nduration = 1\nmode = 'open'\n${SMALL}
        [open_loop]\nrate = 2000\n`
      const finished = await runLoadTest(settings)
      const { code, json } = finished
      expect(code).toBe(0)
      const { counts, seconds } = json.summary
      const sent = counts.sent_connect + counts.sent_announce + counts.sent_scrape
      expectScheduled(sent, 2000 * seconds, finished)
      expect(json.wrong_answers).toBe(0)
    })
  }, 180_000)

  test('from several addresses, each packet by itself', async () => {
    const own = `${listenOn('127.0.0.1:0')}${UNDER_LOAD}`
    await withTracker({ settings: own }, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'\nseed = 5\n${SMALL}
[network]
client_addresses = ['127.0.0.5', '127.0.1.6', '127.9.9.9']
sockets_per_worker = 5
send_together = false
`
      const run = async (text: string) => {
        const before = await metricSum(tracker, 'tracker_udp_responses_total{type="announce"')
        return runUntil(runLoadTest, text, answered(tracker, before + 6000))
      }
      const { code, json, stderr } = await run(settings)
      expect(stderr).toContain('seed 5')
      expect(json.wrong).toMatchObject({ unknown_peer: 0, own_peer: 0 })
      expect(json.summary.counts.returned_peers).toBeGreaterThan(1000)
      expect(code).toBe(0)

      // The same peers again: those of the first run are still there, and that is told apart.
      const again = await run(settings)
      expect(again.json.wrong.count_high).toBeGreaterThan(0)
      expect(again.code).toBe(3)
      const accepted = await run(`${settings}[checks]\nfresh_tracker = false\n`)
      expect(accepted.json.wrong_answers).toBe(0)
      expect(accepted.code).toBe(0)
    })
  }, 180_000)
})
