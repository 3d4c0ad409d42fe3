import { describe, expect, test } from 'bun:test'
import { listenOn, withTracker } from '../../support/tracker.ts'
import { runLoadTest, SMALL } from './load-test.ts'

describe('against our tracker', () => {
  test.each([
    ['IPv4', '127.0.0.1:0'],
    ['IPv6', '[::1]:0'],
  ])(
    'over %s, no answer is wrong and few are lost',
    async (_, address) => {
      await withTracker({ settings: listenOn(address) }, async (tracker) => {
        const settings = `server_address = '${tracker.address()}'\nduration = 1\nworkers = 2\n${SMALL}`
        const { code, stdout, stderr, json } = await runLoadTest(settings, [
          '--pid',
          `${tracker.pid}`,
        ])
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
    30_000,
  )

  test('at a fixed rate, the schedule is kept', async () => {
    await withTracker({}, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'\nduration = 1\nmode = 'open'\n${SMALL}
        [open_loop]\nrate = 5000\n`
      const { code, json } = await runLoadTest(settings)
      expect(code).toBe(0)
      const { counts } = json.summary
      const sent = counts.sent_connect + counts.sent_announce + counts.sent_scrape
      // Behind schedule it would be less; the last burst may be more.
      expect(Math.abs(sent - 5000)).toBeLessThan(600)
      expect(json.wrong_answers).toBe(0)
    })
  }, 30_000)

  test('from several addresses, each packet by itself', async () => {
    await withTracker({ settings: listenOn('127.0.0.1:0') }, async (tracker) => {
      const settings = `server_address = '${tracker.address()}'\nduration = 1\nseed = 5\n${SMALL}
[network]
client_addresses = ['127.0.0.5', '127.0.1.6', '127.9.9.9']
sockets_per_worker = 5
send_together = false
`
      const { code, json, stderr } = await runLoadTest(settings)
      expect(stderr).toContain('seed 5')
      expect(json.wrong).toMatchObject({ unknown_peer: 0, own_peer: 0 })
      expect(json.summary.counts.returned_peers).toBeGreaterThan(1000)
      expect(code).toBe(0)

      // The same peers again: those of the first run are still there, and that is told apart.
      const again = await runLoadTest(settings)
      expect(again.json.wrong.count_high).toBeGreaterThan(0)
      expect(again.code).toBe(3)
      const accepted = await runLoadTest(`${settings}[checks]\nfresh_tracker = false\n`)
      expect(accepted.json.wrong_answers).toBe(0)
      expect(accepted.code).toBe(0)
    })
  }, 30_000)
})
