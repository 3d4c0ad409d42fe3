// What one source may ask for over HTTP, with the default settings: one address, the networks of an IPv6 site, and
// thousands of people behind one address.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { defaultsOf } from '../../../src/config/schema.ts'
import { workerSettings } from '../../../src/http/main/reload.ts'
import { httpSettings } from '../../../src/http/settings/config.ts'
import { addressBytes } from '../../support/packets.ts'
import { announceTarget, CLIENT, get, HttpHarness, START } from '../harness.ts'

setDefaultTimeout(180_000)

const defaults = defaultsOf(httpSettings.schema)
const { rates, requests } = workerSettings(defaults, defaults.limits.max_connections)
const INTERVAL = requests.announceInterval

const harnessOf = () => new HttpHarness({ ...requests, rates, believesAddresses: false })

const ANNOUNCE = Buffer.from(get(announceTarget()))

/** How many of so many announces are answered. */
function announced(harness: HttpHarness, count: number, from: (i: number) => string): number {
  const answered = () => harness.counts.responses_announce ?? 0
  const before = answered()
  let text = ''
  let address = addressBytes(CLIENT)
  for (let i = 0; i < count; i++) {
    const next = from(i)
    if (next !== text) address = addressBytes(next)
    text = next
    harness.serve(ANNOUNCE, address)
  }
  return answered() - before
}

/** Costs are rounded, and a few of many networks share a counter. */
function expectAbout(count: number, expected: number): void {
  expect(Math.abs(count - expected) / expected).toBeLessThan(0.05)
}

describe('with the default settings', () => {
  test('one address has ten seconds of its rate at once, then is refused and its connections end', () => {
    const harness = harnessOf()
    const { requests_per_second } = defaults.source_limits
    expectAbout(
      announced(harness, 40_000, () => '192.0.2.1'),
      10 * requests_per_second,
    )
    expect(harness.request.close).toBe(true)
    expect(harness.send(get('/'), '192.0.2.1').status).toBe(429)
    expectAbout(harness.counts.rejected_request_rate ?? 0, 10_000)
    expect(announced(harness, 10, () => '192.0.2.2')).toBe(10)
  })

  test('all networks of an IPv6 site have four times as much as one', () => {
    const harness = harnessOf()
    const { requests_per_second } = defaults.source_limits
    const network = (i: number) => `2001:db8:7:${(i % 60_000).toString(16)}::1`
    expectAbout(announced(harness, 150_000, network), 4 * 10 * requests_per_second)
    expectAbout(harness.counts.rejected_network_rate ?? 0, 30_000)
    expect(announced(harness, 10, () => '2001:db8:8::1')).toBe(10)
  })

  test('ten thousand people with ten torrents each behind one address are never refused', () => {
    const harness = harnessOf()
    const perSecond = (10_000 * 10) / INTERVAL
    let asked = 0
    let answered = 0
    for (let second = 0; second < 2 * INTERVAL; second++) {
      harness.setTime(START + second)
      const due = Math.floor((second + 1) * perSecond) - asked
      asked += due
      answered += announced(harness, due, () => '192.0.2.9')
    }
    expect(asked).toBe(200_000)
    expect(answered).toBe(asked)
    expect(harness.counts.rejected_banned).toBeUndefined()
  })

  test('who continues at twice the rate is banned, and released', () => {
    const harness = harnessOf()
    const { requests_per_second, ban_seconds } = defaults.source_limits
    let second = 0
    for (; harness.counts.rejected_banned === undefined && second < 60; second++) {
      harness.setTime(START + second)
      announced(harness, 3 * requests_per_second, () => '192.0.2.1')
    }
    expect(second).toBeLessThan(60)
    expect(announced(harness, 100, () => '192.0.2.1')).toBe(0)
    harness.setTime(START + second + ban_seconds + 1)
    expect(announced(harness, 100, () => '192.0.2.1')).toBe(100)
  })
})
