import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { metricSum, UNDER_LOAD } from '../../support/metrics.ts'
import { listenOn, type Tracker, withTracker } from '../../support/tracker.ts'
import { runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'

/** For the answers that a busy machine is slow to give. */
const PATIENT = 'response_timeout_milliseconds = 20000\n'

const executable = join(import.meta.dir, '../../../dist/aquatic_http')

const own = (address: string) => ({ executable, settings: `${listenOn(address)}${UNDER_LOAD}` })

/** Until the tracker has answered so many of both. */
const answered = (tracker: Tracker, announces: number, scrapes: number) => async () =>
  (await metricSum(tracker, 'tracker_http_responses_total{type="announce"')) > announces &&
  (await metricSum(tracker, 'tracker_http_responses_total{type="scrape"')) > scrapes

describe('against our tracker', () => {
  test.each([
    ['over IPv4, with a connection each', '127.0.0.1:0', ''],
    ['over IPv6, with a connection each', '[::1]:0', ''],
    ['on kept connections', '127.0.0.1:0', '[network]\nkeep_alive_share = 1\n'],
    [
      'on some kept ones, pipelined',
      '[::1]:0',
      '[network]\nkeep_alive_share = 0.5\npipelining = 8\nrequests_per_connection = 20\n',
    ],
    [
      'on a schedule',
      '127.0.0.1:0',
      '[network]\nkeep_alive_share = 0.5\n[open_loop]\nrate = 500\n',
    ],
  ])(
    '%s, no answer is wrong or missing',
    async (_, address, more) => {
      await withTracker(own(address), async (tracker) => {
        const mode = more.includes('open_loop') ? "mode = 'open'\n" : ''
        const settings = `server_address = '${tracker.address()}'\nworkers = 2\n${mode}${SMALL}${PATIENT}${more}`
        // One scrape was the question whether anybody is there.
        const isEnough = answered(tracker, 1100, 20)
        const pid = ['--pid', `${tracker.pid}`]
        const { code, stdout, json } = await runUntil(runLoadTest, settings, isEnough, pid)
        expect(json.wrong).toMatchObject({ head: 0 })
        expect(json.wrong_answers, stdout).toBe(0)
        expect(json.missing).toEqual({})
        expect(code).toBe(0)
        const { counts, tracker: process, latency_ms } = json.summary
        expect(counts.lost).toBe(0)
        expect(counts.answered_announce).toBeGreaterThan(1000)
        expect(counts.answered_scrape).toBeGreaterThan(10)
        expect(counts.answered_error).toBe(0)
        expect(counts.returned_peers).toBeGreaterThan(counts.answered_announce)
        expect(latency_ms.announce.p50).toBeGreaterThan(0)
        expect(process.cpu_seconds).toBeGreaterThan(0)
      })
    },
    180_000,
  )

  test.each(['garbage', 'bad_requests', 'mixed'])(
    'a flood of %s gets no peers',
    async (kind) => {
      await withTracker(own('127.0.0.1:0'), async (tracker) => {
        const settings = `server_address = '${tracker.address()}'\nmode = 'flood'\n${SMALL}${PATIENT}
[flood]\nflood_kind = '${kind}'\nflood_rate = 2000\n`
        const isEnough = async () =>
          (await metricSum(tracker, 'tracker_http_rejected_total')) > 1000 &&
          (kind !== 'mixed' || (await answered(tracker, 10, 0)()))
        const { code, json } = await runUntil(runLoadTest, settings, isEnough)
        const { counts, seconds } = json.summary
        expect(counts.flood_sent).toBeGreaterThan(500)
        expect(counts.flood_sent).toBeLessThan(2 * 2000 * seconds)
        expect(counts.flood_answers).toBeGreaterThan(counts.flood_sent / 2)
        expect(counts.answered_announce > 0).toBe(kind === 'mixed')
        expect(json.wrong_answers).toBe(0)
        expect(code).toBe(0)
      })
    },
    180_000,
  )
})
