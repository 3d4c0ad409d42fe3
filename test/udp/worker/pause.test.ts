// A paused UDP tracker, in bytes: what each kind of request gets, in either family, and that nobody without a proven
// address gets more than he sent.
import { describe, expect, test } from 'bun:test'
import { FAILING, NO_PAUSE, type Pause, SERVING, SILENT } from '../../../src/requests/pause.ts'
import {
  announceRequest,
  connectRequest,
  infoHash,
  readAnnounce,
  readError,
  scrapeRequest,
} from '../../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../../support/schedules.ts'
import { present, UdpHarness } from '../harness.ts'

const REASON = 'r'.repeat(80)

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each([
    { family: 'ipv4', client: '192.0.2.7', other: '2001:db8::7' },
    { family: 'ipv6', client: '2001:db8::7', other: '192.0.2.7' },
  ] as const)('a pause of $family', ({ family, client, other }) => {
    const pauseAs = (level: number): Pause => ({ ...NO_PAUSE, reason: REASON, [family]: level })

    /** Its id is from before the pause. */
    function paused(level: number) {
      const harness = new UdpHarness()
      const id = harness.connect(client)
      harness.announce(client, { port: 1001 })
      const pause = (to: number) => harness.handler.configure({ ...SETTINGS, pause: pauseAs(to) })
      pause(level)
      harness.forgetCounts()
      return { harness, id, pause }
    }

    const requests = (id: Buffer) => [
      announceRequest(id),
      announceRequest(id, { event: 3 }),
      scrapeRequest(id, [infoHash(1)], 5),
    ]

    test('with failure answers a connect with an error of at most its length', () => {
      const { harness } = paused(FAILING)
      const request = connectRequest(0x1234)
      const answer = present(harness.send(request, client))
      expect(answer.length).toBeLessThanOrEqual(request.length)
      expect(readError(answer)).toEqual({ transaction: 0x1234, text: 'Paused' })
      expect(harness.counts).toEqual({
        requests_connect: 1,
        rejected_paused: 1,
        responses_error: 1,
      })
    })

    test('with failure tells the reason to who has a valid id, in less than an announce', () => {
      const { harness, id } = paused(FAILING)
      for (const request of requests(id)) {
        const answer = present(harness.send(request, client))
        expect(readError(answer).text).toBe(REASON)
        expect(answer.length).toBeLessThan(announceRequest(id).length)
      }
      expect(harness.counts).toEqual({ rejected_paused: 3, responses_error: 3 })
    })

    test('with failure tells nothing to an invalid id', () => {
      const { harness } = paused(FAILING)
      for (const request of requests(Buffer.alloc(8, 9))) {
        expect(harness.send(request, client)).toBeNull()
      }
      expect(harness.counts).toEqual({ rejected_connection_id: 3 })
    })

    test('with silent answers nothing', () => {
      const { harness, id } = paused(SILENT)
      for (const request of [connectRequest(1), ...requests(id)]) {
        expect(harness.send(request, client)).toBeNull()
      }
      expect(harness.counts).toEqual({ rejected_paused: 4 })
    })

    test.each([FAILING, SILENT])(
      'as %d leaves the other family, and peers, as they are',
      (level) => {
        const { harness, id, pause } = paused(level)
        harness.announce(other, { port: 1002 })
        expect(harness.announce(other, { port: 1003 }).leechers).toBe(1)
        harness.send(announceRequest(id, { port: 1001, event: 3 }), client)
        pause(SERVING)
        const answer = present(harness.send(announceRequest(id, { port: 1004 }), client))
        expect(readAnnounce(answer, family === 'ipv4' ? 4 : 6).leechers).toBe(1)
      },
    )
  })
})

const SETTINGS = {
  maxScrapeTorrents: 255,
  maxResponsePeers: 255,
  maxResponseBytes: 1472,
  announceInterval: 900,
  intervalJitter: 0,
  answerInvalidId: false,
}
