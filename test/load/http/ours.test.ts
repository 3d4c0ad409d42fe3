import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { listenOn, withTracker } from '../../support/tracker.ts'
import { runLoadTest, SMALL } from './load-test.ts'

const executable = join(import.meta.dir, '../../../dist/aquatic_http')

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
      '[network]\nkeep_alive_share = 0.5\n[open_loop]\nrate = 2000\n',
    ],
  ])(
    '%s, no answer is wrong or missing',
    async (_, address, more) => {
      await withTracker({ executable, settings: listenOn(address) }, async (tracker) => {
        const mode = more.includes('open_loop') ? "mode = 'open'\n" : ''
        const settings = `server_address = '${tracker.address()}'\nduration = 2\nworkers = 2\n${mode}${SMALL}${more}`
        const { code, stdout, json } = await runLoadTest(settings, ['--pid', `${tracker.pid}`])
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
    30_000,
  )

  test.each(['garbage', 'bad_requests', 'mixed'])(
    'a flood of %s gets no peers',
    async (kind) => {
      await withTracker({ executable }, async (tracker) => {
        const settings = `server_address = '${tracker.address()}'\nduration = 1\nmode = 'flood'\n${SMALL}
[flood]\nflood_kind = '${kind}'\nflood_rate = 2000\n`
        const { code, json } = await runLoadTest(settings)
        const { counts } = json.summary
        expect(counts.flood_sent).toBeGreaterThan(500)
        expect(counts.flood_sent).toBeLessThan(4000)
        expect(counts.flood_answers).toBeGreaterThan(counts.flood_sent / 2)
        expect(counts.answered_announce > 0).toBe(kind === 'mixed')
        expect(json.wrong_answers).toBe(0)
        expect(code).toBe(0)
      })
    },
    20_000,
  )
})
