// A paused HTTP tracker, in bytes: what announces, scrapes and pages get, by family and scheme.
import { describe, expect, test } from 'bun:test'
import { FAILING, NO_PAUSE, SILENT } from '../../../src/requests/pause.ts'
import { announceTarget, get, HttpHarness } from '../harness.ts'

const REASON = 'Back on Monday'
const ANNOUNCE = announceTarget()
const SCRAPE = `/scrape?info_hash=${'a'.repeat(20)}`

describe.each([
  { family: 'ipv4', client: '192.0.2.7', other: '2001:db8::7' },
  { family: 'ipv6', client: '2001:db8::7', other: '192.0.2.7' },
] as const)('a pause of $family', ({ family, client, other }) => {
  const pausedAs = (level: number) => {
    const pause = { ...NO_PAUSE, reason: REASON, retryMinutes: 90, [family]: level }
    return new HttpHarness({ pauseHttp: pause })
  }

  test.each([ANNOUNCE, SCRAPE])(
    'with failure refuses with reason and time, and closes: %s',
    (target) => {
      const harness = pausedAs(FAILING)
      const failure = { 'failure reason': REASON, interval: 5400, 'retry in': 90 }
      expect(harness.ask(target, client)).toEqual(failure)
      expect(harness.request.close).toBe(true)
      expect(harness.counts).toEqual({ rejected_paused: 1, responses_failure: 1 })
    },
  )

  test.each([ANNOUNCE, SCRAPE])('with silent closes without a byte: %s', (target) => {
    const harness = pausedAs(SILENT)
    harness.serve(Buffer.from(get(target)), client)
    expect(harness.answer.length).toBe(0)
    expect(harness.request.close).toBe(true)
    expect(harness.counts).toEqual({ rejected_paused: 1 })
  })

  test.each([FAILING, SILENT])('as %d leaves pages and the other family as they are', (level) => {
    const harness = pausedAs(level)
    for (const page of ['/', '/health']) {
      expect(harness.send(get(page), client).status).toBe(200)
      expect(harness.request.close).toBe(false)
    }
    expect(harness.ask(ANNOUNCE, other)).toHaveProperty('complete')
    expect(harness.request.close).toBe(false)
  })
})

test('a pause of https concerns only connections that are encrypted, and one of http only others', () => {
  const pause = { ...NO_PAUSE, ipv4: FAILING, ipv6: FAILING, reason: REASON }
  for (const isSecure of [false, true]) {
    for (const pausesSecure of [false, true]) {
      const settings = pausesSecure ? { pauseHttps: pause } : { pauseHttp: pause }
      const harness = new HttpHarness()
      harness.handler.isSecure = isSecure
      harness.handler.configure({
        ...SETTINGS,
        pauseHttp: NO_PAUSE,
        pauseHttps: NO_PAUSE,
        ...settings,
      })
      const refused = Object.hasOwn(harness.ask(ANNOUNCE), 'failure reason')
      expect(refused).toBe(isSecure === pausesSecure)
    }
  }
})

const SETTINGS = {
  announceInterval: 900,
  minAnnounceInterval: 300,
  intervalJitter: 0,
  maxResponsePeers: 255,
  maxScrapeTorrents: 255,
  believesAddresses: false,
}
