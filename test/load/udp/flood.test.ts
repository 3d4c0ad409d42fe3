import { describe, expect, test } from 'bun:test'
import { metricSum, UNDER_LOAD } from '../../support/metrics.ts'
import { listenOn, withTracker } from '../../support/tracker.ts'
import { runUntil } from '../tester.ts'
import { runLoadTest, SMALL } from './load-test.ts'
import { SmallTracker } from './small-tracker.ts'

describe('a flood', () => {
  test.each(['garbage', 'expired_ids', 'mixed'])(
    'of %s gets no answer from our tracker',
    async (kind) => {
      await withTracker(
        { settings: `${listenOn('127.0.0.1:0')}${UNDER_LOAD}` },
        async (tracker) => {
          const settings = `server_address = '${tracker.address()}'\nmode = 'flood'\n${SMALL}
[flood]
flood_kind = '${kind}'
flood_rate = 20000
`
          const answered = () => metricSum(tracker, 'tracker_udp_responses_total{type="announce"')
          const isEnough = async () =>
            (await metricSum(tracker, 'tracker_udp_rejected_total')) > 10_000 &&
            (kind !== 'mixed' || (await answered()) > 100)
          const { code, json, stdout } = await runUntil(runLoadTest, settings, isEnough)
          const { counts, seconds } = json.summary
          expect(counts.flood_sent).toBeGreaterThan(10_000)
          expect(counts.flood_sent).toBeLessThan(1.5 * 20_000 * seconds)
          expect(counts.flood_answers).toBe(0)
          expect(counts.answered_announce > 0).toBe(kind === 'mixed')
          expect(stdout).toContain('flood, per second')
          expect(json.wrong_answers, JSON.stringify(json.wrong)).toBe(0)
          expect(code).toBe(0)
        },
      )
    },
    180_000,
  )

  test.each([
    ['longer than the request is wrong', 200, true],
    ['of at most its length is only counted', 16, false],
  ])(
    'an answer %s',
    async (_, bytes, isWrong) => {
      const invalidId = (request: Buffer) => {
        const packet = Buffer.alloc(bytes)
        packet.writeUInt32BE(3, 0)
        request.copy(packet, 4, 12, 16)
        return packet
      }
      const tracker = await SmallTracker.open({ invalidId })
      try {
        const settings = `server_address = '127.0.0.1:${tracker.port}'\nmode = 'flood'\n${SMALL}
[flood]
flood_kind = 'expired_ids'
flood_rate = 2000
`
        const isEnough = () => tracker.answers > 200
        const { code, json } = await runUntil(runLoadTest, settings, isEnough)
        expect(json.summary.counts.flood_answers).toBeGreaterThan(100)
        expect(json.wrong.flood_answer > 0).toBe(isWrong)
        expect(code).toBe(isWrong ? 3 : 0)
      } finally {
        tracker.close()
      }
    },
    180_000,
  )

  test.each(['192.0.2.1:3000', '[2001:db8::1]:3000'])('of %s is refused', async (server) => {
    const { code, stderr } = await runLoadTest(`server_address = '${server}'\nmode = 'flood'\n`)
    expect(stderr).toContain("mode 'flood' is for loopback")
    expect(stderr).toContain('allow_other_targets = true')
    expect(code).toBe(1)
  })

  test('of another target is allowed when told so', async () => {
    const { code, stderr } = await runLoadTest(
      `server_address = '192.0.2.1:3000'\nmode = 'flood'\n[flood]\nallow_other_targets = true\n`,
      ['--check'],
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })
})
