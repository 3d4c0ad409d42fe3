// What one source may ask for: at the handler, with real packets, and the counters by themselves.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { defaultsOf } from '../../src/config/schema.ts'
import { sourceRates } from '../../src/source-limits/settings.ts'
import { ADMITTED, BANNED, SOURCE_LIMIT_BYTES } from '../../src/source-limits/source-limits.ts'
import { PLENTY } from '../../src/swarm/admission.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { BANS } from '../../src/udp/worker/counters.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { announceRequest, connectRequest, scrapeRequest } from '../support/packets.ts'
import { randomFrom, sourceOf } from '../swarm/harness.ts'
import { START, UdpHarness } from '../udp/harness.ts'
import { countAdmitted, limitsFor, OFF, RATES, word } from './limits-for.ts'

const DEFAULTS = sourceRates(defaultsOf(udpSettings.schema).source_limits)

const A = word('192.0.2.1')

test('a new source is let through at any time, also before the clock comes around', () => {
  for (let second = 16_384 - 80; second <= 16_384; second++) {
    const limits = limitsFor()
    limits.setTime(second)
    expect(limits.connect(sourceOf(true, A, 0)), `at ${second}`).toBe(true)
    expect(limits.request(sourceOf(true, A, 0)), `at ${second}`).toBe(ADMITTED)
    expect(limits.newTorrent(sourceOf(true, A, 0), PLENTY), `at ${second}`).toBe(ANNOUNCED)
  }
})

describe('connects', () => {
  test('of a network are limited together, IPv4 by /24', () => {
    const limits = limitsFor()
    let host = 0
    const ask = () => limits.connect(sourceOf(true, word(`192.0.2.${host++ % 256}`), 0))
    expect(countAdmitted(5000, ask)).toBe(1000)
    limits.setTime(START + 1)
    expect(countAdmitted(5000, ask)).toBe(100)
    expect(limits.connect(sourceOf(true, word('192.0.3.1'), 0))).toBe(true)
  })

  test('of a network are limited together, IPv6 by /56', () => {
    const limits = limitsFor()
    const a0 = word('32.1.13.184')
    let host = 0
    const ask = () => limits.connect(sourceOf(false, a0, word(`1.2.3.${host++ % 256}`)))
    expect(countAdmitted(5000, ask)).toBe(1000)
    expect(limits.connect(sourceOf(false, a0, word('1.2.4.1')))).toBe(true)
  })

  test('ban nobody', () => {
    const limits = limitsFor()
    for (let second = 0; second < 100; second++) {
      limits.setTime(START + second)
      countAdmitted(1000, () => limits.connect(sourceOf(true, A, 0)))
    }
    expect(limits.request(sourceOf(true, A, 0))).toBe(ADMITTED)
    limits.setTime(START + 200)
    expect(limits.connect(sourceOf(true, A, 0))).toBe(true)
  })

  test('of this machine are never limited', () => {
    const limits = limitsFor()
    expect(countAdmitted(5000, () => limits.connect(sourceOf(true, word('127.0.0.9'), 0)))).toBe(
      5000,
    )
    expect(countAdmitted(5000, () => limits.connect(sourceOf(false, 0, 0)))).toBe(5000)
    expect(
      countAdmitted(5000, () => limits.request(sourceOf(true, word('127.1.0.9'), 0)) === ADMITTED),
    ).toBe(5000)
  })
})

describe('requests', () => {
  test('of an address are limited, of IPv6 those of a /64', () => {
    const limits = limitsFor()
    const ask = () => limits.request(sourceOf(true, A, 0)) === ADMITTED
    expect(countAdmitted(1500, ask)).toBe(1000)
    limits.setTime(START + 3)
    expect(countAdmitted(1500, ask)).toBe(300)
    expect(limits.request(sourceOf(true, word('192.0.2.2'), 0))).toBe(ADMITTED)
    expect(limits.request(sourceOf(false, A, 7))).toBe(ADMITTED)
  })

  test('are let through to the very last that the burst allows', () => {
    // Rates that 2^18 is a multiple of: costs are exact.
    for (const requests of [1, 128, 1024]) {
      const limits = limitsFor({ requests, banSeconds: 0 })
      const ask = () => limits.request(sourceOf(true, A, 0)) === ADMITTED
      expect(countAdmitted(11 * requests, ask)).toBe(10 * requests)
      limits.setTime(START + 1)
      expect(countAdmitted(11 * requests, ask)).toBe(requests)
    }
  })

  test('beyond twice the rate for ten seconds ban the address, for a while', () => {
    const limits = limitsFor({ requests: 100 })
    countAdmitted(1000, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)
    let status = ADMITTED
    let second = 0
    for (; second < 60 && status !== BANNED; second++) {
      limits.setTime(START + second)
      for (let i = 0; i < 310; i++) status = limits.request(sourceOf(true, A, 0))
    }
    expect(second).toBeGreaterThan(5)
    expect(second).toBeLessThan(15)
    limits.setTime(START + second + 58)
    expect(limits.request(sourceOf(true, A, 0))).toBe(BANNED)
    limits.setTime(START + second + 61)
    expect(limits.request(sourceOf(true, A, 0))).toBe(ADMITTED)
  })

  test('a little beyond the rate are limited for ever and never banned', () => {
    const limits = limitsFor()
    let admitted = 0
    for (let second = 0; second < 1000; second++) {
      limits.setTime(START + second)
      for (let i = 0; i < 150; i++) {
        const status = limits.request(sourceOf(true, A, 0))
        expect(status).not.toBe(BANNED)
        if (status === ADMITTED) admitted++
      }
    }
    expect(admitted).toBeGreaterThan(99_000)
    expect(admitted).toBeLessThan(102_000)
  })

  test('ban nobody with ban_seconds = 0', () => {
    const limits = limitsFor({ banSeconds: 0 })
    for (let second = 0; second < 100; second++) {
      limits.setTime(START + second)
      for (let i = 0; i < 1000; i++) expect(limits.request(sourceOf(true, A, 0))).not.toBe(BANNED)
    }
  })

  test('are not limited by settings that are off', () => {
    const limits = limitsFor(OFF)
    expect(countAdmitted(99_999, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)).toBe(
      99_999,
    )
    expect(countAdmitted(99_999, () => limits.connect(sourceOf(true, A, 0)))).toBe(99_999)
    expect(
      countAdmitted(99_999, () => limits.newTorrent(sourceOf(true, A, 0), PLENTY) === ANNOUNCED),
    ).toBe(99_999)
  })
})

describe('other rates', () => {
  test('hold at once, and what was asked for before still counts', () => {
    const limits = limitsFor({ banSeconds: 0 })
    const ask = () => limits.request(sourceOf(true, A, 0)) === ADMITTED
    expect(countAdmitted(500, ask)).toBe(500)
    limits.setRates({ ...RATES, requests: 10, banSeconds: 0 })
    // Half of the ten seconds' burst is left.
    expect(countAdmitted(500, ask)).toBe(50)
    limits.setRates(OFF)
    expect(countAdmitted(5000, ask)).toBe(5000)
    limits.setRates({ ...RATES, banSeconds: 0 })
    expect(ask()).toBe(false)
    limits.setTime(START + 5)
    expect(countAdmitted(5000, ask)).toBe(500)
  })

  test('lift a ban that is longer than those to come, for good', () => {
    const limits = limitsFor({ requests: 10, banSeconds: 1000 })
    countAdmitted(500, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)
    expect(limits.request(sourceOf(true, A, 0))).toBe(BANNED)
    limits.setRates({ ...RATES, banSeconds: 1000 })
    expect(limits.request(sourceOf(true, A, 0))).toBe(BANNED)
    limits.setTime(START + 20)
    limits.setRates(RATES)
    for (let second = 20; second < 1000; second += 10) {
      limits.setTime(START + second)
      expect(limits.request(sourceOf(true, A, 0))).toBe(ADMITTED)
    }
  })

  test.skipIf(WHY_NO_NAMESPACE !== '')(
    `come by SIGHUP to all workers${WHY_NO_NAMESPACE}`,
    async () => {
      const script = join(import.meta.dir, '../udp/namespace-scenarios.ts')
      const setup = 'ip address add 5.6.7.1/32 dev lo'
      const { code, stderr } = await inNamespace(setup, script, ['other-source-limits'])
      expect(stderr).toBe('')
      expect(code).toBe(0)
    },
    180_000,
  )
})

describe('counters', () => {
  test('drain, whatever the clock is, also where it comes around', () => {
    for (const start of [0, 1, 16_383, 16_384, 8191, 8192, 1_000_000, 2 ** 31 - 5, 2 ** 31 + 5]) {
      const limits = limitsFor()
      for (const later of [0, 20, 5000, 40_000]) {
        limits.setTime(start + later)
        // A wrap may leave a full counter behind; it is as good as new after the burst's time.
        limits.setTime(start + later + 11)
        expect(
          countAdmitted(1200, () => limits.request(sourceOf(true, A, 0)) === ADMITTED),
        ).toBeGreaterThan(999)
      }
    }
  })

  test('that are full stay so for a worker whose clock is behind, and not for ever', () => {
    for (const [behind, isFull] of [
      [0, true],
      [1, true],
      [16, true],
      [17, false],
    ] as const) {
      const limits = limitsFor({ requests: 128, banSeconds: 0 })
      countAdmitted(1280, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)
      limits.setTime(START - behind)
      expect(limits.request(sourceOf(true, A, 0)) !== ADMITTED, `${behind} s`).toBe(isFull)
    }
  })

  test('are shared by all workers', () => {
    const words = new SharedArrayBuffer(SOURCE_LIMIT_BYTES)
    const one = limitsFor({}, words)
    const other = limitsFor({}, words)
    const half = countAdmitted(600, () => one.request(sourceOf(true, A, 0)) === ADMITTED)
    expect(half + countAdmitted(600, () => other.request(sourceOf(true, A, 0)) === ADMITTED)).toBe(
      1000,
    )
  })

  test('a flood from random networks fills none', () => {
    const limits = limitsFor({ connects: 2000 })
    const random = randomFrom(7)
    // Two seconds of 150,000 connects each.
    for (let second = 0; second < 2; second++) {
      limits.setTime(START + second)
      for (let i = 0; i < 150_000; i++)
        limits.connect(sourceOf(true, (random() * 2 ** 32) | 0 | 1, 0))
    }
    let refused = 0
    for (let i = 0; i < 10_000; i++) {
      if (!limits.connect(sourceOf(true, (((random() * 2 ** 24) | 0) << 8) | 1, 0))) refused++
    }
    expect(refused).toBe(0)
  })

  test('of heavy addresses hardly ever stop another one', () => {
    const limits = limitsFor()
    for (let heavy = 0; heavy < 1000; heavy++) {
      countAdmitted(
        1100,
        () => limits.request(sourceOf(true, 0x01000001 + heavy * 0x10000, 0)) === ADMITTED,
      )
    }
    let refused = 0
    for (let other = 0; other < 20_000; other++) {
      if (limits.request(sourceOf(true, 0x0b + other * 256, 0)) !== ADMITTED) refused++
    }
    // (1,000 ÷ 65,536)² of 20,000 is about 5.
    expect(refused).toBeLessThan(20)
  })
})

describe('at the handler', () => {
  const FROM = '192.0.2.7'
  const hashOf = (number: number) =>
    new Uint8Array(20)
      .fill(9)
      .with(0, number & 255)
      .with(1, number >> 8)

  test('connects beyond the rate get no answer and are counted', () => {
    const harness = new UdpHarness({ rates: RATES })
    const answers = countAdmitted(1500, () => harness.send(connectRequest(), FROM) !== null)
    expect(answers).toBe(1000)
    expect(harness.counts.rejected_connect_rate).toBe(500)
    expect(harness.counts.responses_connect).toBe(1000)
  })

  test('announces and scrapes count together, forged ones do not count at all', () => {
    const harness = new UdpHarness({ rates: { ...RATES, newTorrents: 0 } })
    const forged = announceRequest(Buffer.alloc(8, 1), { infoHash: hashOf(1) })
    for (let i = 0; i < 50_000; i++) expect(harness.send(forged, FROM)).toBeNull()
    const id = harness.connect(FROM)
    const announce = announceRequest(id, { infoHash: hashOf(1) })
    const scrape = scrapeRequest(id, [hashOf(1)])
    let turn = 0
    const ask = () => harness.send(turn++ % 2 === 0 ? announce : scrape, FROM) !== null
    expect(countAdmitted(1200, ask)).toBe(1000)
    expect(harness.counts.rejected_request_rate).toBe(200)
    expect(harness.counts.rejected_banned).toBeUndefined()
  })

  test('new torrents beyond the rate get an error, known ones go on', () => {
    const harness = new UdpHarness({ rates: { ...RATES, requests: 0, banSeconds: 0 } })
    const id = harness.connect(FROM)
    const announce = (torrent: number) =>
      harness.send(announceRequest(id, { infoHash: hashOf(torrent) }), FROM)?.readUInt32BE(0)
    let accepted = 0
    for (let torrent = 0; torrent < 700; torrent++) if (announce(torrent) === 1) accepted++
    expect(accepted).toBe(600)
    expect(announce(699)).toBe(3)
    expect(announce(5)).toBe(1)
    expect(harness.counts.rejected_new_torrent_rate).toBe(101)
    expect(harness.swarm.scrape('ipv4', 1)).toMatchObject({ seeders: 0, leechers: 0 })
  })

  test('a banned address gets no answer to requests, but to connects', () => {
    const harness = new UdpHarness({ rates: { ...RATES, connects: 0 } })
    const id = harness.connect(FROM)
    const announce = announceRequest(id, { infoHash: hashOf(1) })
    for (let second = 0; second < 20; second++) {
      harness.setTime(START + second)
      for (let i = 0; i < 400; i++) harness.send(announce, FROM)
    }
    expect(harness.handler.counts[BANS]).toBe(1)
    expect(harness.counts.rejected_banned).toBeGreaterThan(0)
    expect(harness.send(announce, FROM)).toBeNull()
    expect(harness.send(connectRequest(), FROM)).not.toBeNull()
    const other = announceRequest(harness.connect('192.0.2.8'), { infoHash: hashOf(1) })
    expect(harness.send(other, '192.0.2.8')).not.toBeNull()
  })

  test('a client with 10,000 torrents is never refused by the defaults', () => {
    const harness = new UdpHarness({ rates: DEFAULTS, maxTorrents: 20_000 })
    const id = harness.connect(FROM)
    for (let torrent = 0; torrent < 10_000; torrent++) {
      const answer = harness.send(announceRequest(id, { infoHash: hashOf(torrent) }), FROM)
      expect(answer?.readUInt32BE(0)).toBe(1)
    }
  })
})
