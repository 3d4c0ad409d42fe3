// What a source may ask for in the long run, what the /48 of an IPv6 address may, and what a source gets
// when torrents or peers are nearly used up. As source-limits.test.ts, which has what holds at once.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import {
  ADMITTED,
  BANNED,
  type SourceLimits,
  TOO_MANY,
  TOO_MANY_OF_NETWORK,
  TOO_MANY_SUSTAINED,
} from '../../src/source-limits/source-limits.ts'
import { PLENTY } from '../../src/swarm/admission.ts'
import { setPeersPerAddress } from '../../src/swarm/memory.ts'
import { ANNOUNCED, GATED, PEERS_RATIONED, TORRENTS_RATIONED } from '../../src/swarm/status.ts'
import { BANS } from '../../src/udp/worker/counters.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { announceRequest, infoHash, readAnnounce, readError } from '../support/packets.ts'
import { sourceOf } from '../swarm/harness.ts'
import { present, START, UdpHarness } from '../udp/harness.ts'
import { countAdmitted, limitsFor, OFF, word } from './limits-for.ts'

const A = word('192.0.2.1')
const A0 = word('32.1.13.184')
/** The second word of 2001:db8:a:`network`::. */
const inside = (network: number) => word(`0.10.${network >>> 8}.${network & 255}`)
const OTHER_48 = word('0.11.0.0')

/** Asks `perSecond` times in each of so many seconds; returns how often each answer came. */
function ask(limits: SourceLimits, from: number, seconds: number, perSecond: number) {
  const outcomes = new Map<number, number>()
  for (let second = from; second < from + seconds; second++) {
    limits.setTime(START + second)
    for (let i = 0; i < perSecond; i++) {
      const status = limits.request(sourceOf(true, A, 0))
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1)
    }
  }
  return (status: number) => outcomes.get(status) ?? 0
}

describe('sustained requests', () => {
  const SUSTAINED = { requests: 100, sustainedRequests: 16, newTorrents: 0 }

  test('at any pace are let through up to twenty minutes of the rate, and then at the rate', () => {
    const limits = limitsFor({ ...SUSTAINED, banSeconds: 0 })
    const seconds = 1000
    const of = ask(limits, 0, seconds, 64)
    expect(of(TOO_MANY)).toBe(0)
    const allowed = 16 * (1200 + seconds - 1)
    expect(of(ADMITTED)).toBe(allowed)
    expect(of(TOO_MANY_SUSTAINED)).toBe(seconds * 64 - allowed)
    expect(limits.request(sourceOf(true, A + 1, 0))).toBe(ADMITTED)
  })

  test('at the rate or below go on for ever', () => {
    const limits = limitsFor(SUSTAINED)
    const of = ask(limits, 0, 20_000, 16)
    expect(of(ADMITTED)).toBe(20_000 * 16)
  })

  test('at less than twice the rate are never banned', () => {
    const of = ask(limitsFor(SUSTAINED), 0, 3000, 31)
    expect(of(BANNED)).toBe(0)
    expect(of(TOO_MANY_SUSTAINED)).toBeGreaterThan(10_000)
  })

  test('far beyond are banned, and who goes on during the ban gains nothing by it', () => {
    const limits = limitsFor(SUSTAINED)
    ask(limits, 0, 600, 64)
    const of = ask(limits, 600, 2000, 64)
    expect(of(BANNED)).toBeGreaterThan(2000 * 40)
    // What is let through between two bans: some seconds at the rate in each minute.
    expect(of(ADMITTED)).toBeLessThan((2000 * 16) / 4)
    // One that stops is let in again after the ban.
    limits.setTime(START + 2600 + 61)
    expect(countAdmitted(64, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)).toBe(64)
  })

  test('count only what requests_per_second lets through', () => {
    const limits = limitsFor({ ...SUSTAINED, requests: 2, banSeconds: 0 })
    ask(limits, 0, 2000, 50)
    limits.setTime(START + 2001)
    limits.setRates({ ...OFF, sustainedRequests: 16 })
    expect(countAdmitted(20_000, () => limits.request(sourceOf(true, A, 0)) === ADMITTED)).toBe(
      16 * 1200,
    )
  })

  test('by themselves, and none, are possible', () => {
    const alone = limitsFor({ ...OFF, sustainedRequests: 1 })
    const admit = (limits: SourceLimits) => () => limits.request(sourceOf(true, A, 0)) === ADMITTED
    expect(countAdmitted(1500, admit(alone))).toBe(1200)
    alone.setRates(OFF)
    expect(countAdmitted(1500, admit(alone))).toBe(1500)
  })

  test('drain, whatever the clock is, also where it comes around', () => {
    for (const start of [0, 1, 65_535, 65_536, 32_767, 32_768, 2 ** 31 - 5, 2 ** 31 + 5]) {
      const limits = limitsFor({ ...OFF, sustainedRequests: 1 })
      for (const later of [0, 1300, 70_000, 140_000]) {
        limits.setTime(start + later)
        limits.request(sourceOf(true, A, 0))
        limits.setTime(start + later + 1201)
        const admitted = countAdmitted(
          1300,
          () => limits.request(sourceOf(true, A, 0)) === ADMITTED,
        )
        expect(admitted, `${start} + ${later}`).toBe(1200)
      }
    }
  })
})

describe('an IPv6 /48', () => {
  /** Asks from as many /64 networks in turn, each in a /56 of its own. */
  function fromMany(networks: number, times: number, request: (a1: number) => boolean): number {
    let next = 0
    return countAdmitted(times, () => request(inside((next++ % networks) * 257)))
  }

  test('gets four times the requests of an address, from however many', () => {
    const limits = limitsFor({ requests: 128, newTorrents: 0 })
    const request = (a1: number) => limits.request(sourceOf(false, A0, a1)) === ADMITTED
    expect(fromMany(256, 30_000, request)).toBe(4 * 1280)
    expect(limits.request(sourceOf(false, A0, inside(9)))).toBe(TOO_MANY_OF_NETWORK)
    expect(limits.request(sourceOf(false, A0, OTHER_48))).toBe(ADMITTED)
    limits.setTime(START + 1)
    expect(fromMany(256, 30_000, request)).toBe(4 * 128)
  })

  test('is not charged for what its addresses are refused, and never banned', () => {
    const limits = limitsFor({ requests: 128, newTorrents: 0 })
    for (let second = 0; second < 100; second++) {
      limits.setTime(START + second)
      countAdmitted(500, () => limits.request(sourceOf(false, A0, inside(1))) === ADMITTED)
    }
    expect(limits.request(sourceOf(false, A0, inside(1)))).toBe(BANNED)
    expect(limits.request(sourceOf(false, A0, inside(2)))).toBe(ADMITTED)
    for (let second = 100; second < 200; second++) {
      limits.setTime(START + second)
      let next = 0
      for (let i = 0; i < 2000; i++) {
        expect(limits.request(sourceOf(false, A0, inside(256 + (next++ % 256))))).not.toBe(BANNED)
      }
    }
  })

  test('has a sustained limit too', () => {
    const limits = limitsFor({ ...OFF, sustainedRequests: 8 })
    const request = (a1: number) => limits.request(sourceOf(false, A0, a1)) === ADMITTED
    expect(fromMany(256, 60_000, request)).toBe(4 * 8 * 1200)
  })

  test('brings four times the new torrents of an address', () => {
    const limits = limitsFor({ newTorrents: 8 })
    const bring = (a1: number) => limits.newTorrent(sourceOf(false, A0, a1), PLENTY) === ANNOUNCED
    expect(fromMany(256, 5000, bring)).toBe(4 * 8 * 60)
    expect(limits.newTorrent(sourceOf(false, A0, inside(7)), PLENTY)).toBe(GATED)
    expect(limits.newTorrent(sourceOf(false, A0, OTHER_48), PLENTY)).toBe(ANNOUNCED)
  })

  test('is not its first /64', () => {
    const limits = limitsFor({ requests: 128, newTorrents: 0 })
    const first = () => limits.request(sourceOf(false, A0, inside(0))) === ADMITTED
    expect(countAdmitted(2000, first)).toBe(1280)
  })

  test('does not exist for IPv4', () => {
    const limits = limitsFor({ requests: 128, newTorrents: 0 })
    let next = 0
    const ask = () => limits.request(sourceOf(true, word(`192.0.2.${next++ % 8}`), 0)) === ADMITTED
    expect(countAdmitted(20_000, ask)).toBe(8 * 1280)
  })
})

describe('when little is left', () => {
  test('a source gets a sixteenth of it at once, and as much again in a minute', () => {
    for (const [what, refused] of [
      ['newTorrent', TORRENTS_RATIONED],
      ['newPeer', PEERS_RATIONED],
    ] as const) {
      const limits = limitsFor({ newTorrents: 0 })
      const take = () => limits[what](sourceOf(true, A, 0), 16_000) === ANNOUNCED
      const first = countAdmitted(5000, take)
      expect(Math.abs(first - 1000)).toBeLessThan(5)
      expect(limits[what](sourceOf(true, A, 0), 16_000)).toBe(refused)
      expect(limits[what](sourceOf(true, A + 1, 0), 16_000)).toBe(ANNOUNCED)
      limits.setTime(START + 30)
      expect(Math.abs(countAdmitted(5000, take) - 500)).toBeLessThan(5)
    }
  })

  test('everybody gets one a minute, to the last', () => {
    for (const left of [1, 5, 16, 17]) {
      const limits = limitsFor()
      for (let source = 0; source < 50; source++) {
        expect(limits.newPeer(sourceOf(true, A + source, 0), left)).toBe(ANNOUNCED)
        expect(limits.newTorrent(sourceOf(true, A + source, 0), left)).toBe(ANNOUNCED)
        expect(limits.newPeer(sourceOf(true, A + source, 0), left)).toBe(PEERS_RATIONED)
        expect(limits.newTorrent(sourceOf(true, A + source, 0), left)).toBe(TORRENTS_RATIONED)
      }
      limits.setTime(START + 61)
      expect(limits.newPeer(sourceOf(true, A, 0), left)).toBe(ANNOUNCED)
      expect(limits.newTorrent(sourceOf(true, A, 0), left)).toBe(ANNOUNCED)
    }
  })

  test('the usual limit holds where it allows less, and nobody is banned for the ration', () => {
    const limits = limitsFor({ newTorrents: 10, requests: 0 })
    expect(
      countAdmitted(2000, () => limits.newTorrent(sourceOf(true, A, 0), 1e9) === ANNOUNCED),
    ).toBe(600)
    expect(limits.newTorrent(sourceOf(true, A, 0), 1e9)).toBe(GATED)
    for (let i = 0; i < 100_000; i++) limits.newPeer(sourceOf(true, A + 1, 0), 100)
    for (let i = 0; i < 100_000; i++) limits.newTorrent(sourceOf(true, A + 1, 0), 100)
    expect(limits.request(sourceOf(true, A + 1, 0))).toBe(ADMITTED)
  })

  test('an IPv6 /48 gets a quarter of it at most', () => {
    const limits = limitsFor()
    let next = 0
    const take = () =>
      limits.newPeer(sourceOf(false, A0, inside((next++ % 256) * 257)), 16_000) === ANNOUNCED
    expect(Math.abs(countAdmitted(20_000, take) - 4000)).toBeLessThan(20)
  })

  test('this machine is not rationed', () => {
    const limits = limitsFor()
    const here = word('127.0.0.1')
    expect(countAdmitted(100, () => limits.newPeer(sourceOf(true, here, 0), 1) === ANNOUNCED)).toBe(
      100,
    )
    expect(
      countAdmitted(100, () => limits.newTorrent(sourceOf(false, 0, 0), 1) === ANNOUNCED),
    ).toBe(100)
  })
})

describe('at the handler', () => {
  const FROM = '192.0.2.7'

  /** Announces `count` new torrents or ports; returns how many came in. */
  function flood(harness: UdpHarness, from: string, count: number, field: 'torrent' | 'port') {
    const id = harness.connect(from)
    return countAdmitted(count, () => {
      const number = ++flood.next
      const fields =
        field === 'torrent'
          ? { infoHash: infoHash(number) }
          : { infoHash: infoHash(1), port: 1 + (number % 65_535) }
      return harness.send(announceRequest(id, fields), from)?.readUInt32BE(0) === 1
    })
  }
  flood.next = 0

  test('one source does not take the last torrents, and others still bring theirs', () => {
    const harness = new UdpHarness({ rates: { ...OFF }, maxTorrents: 8000 })
    // Up to seven eighths nothing is rationed; of the last thousand some sixty.
    const taken = flood(harness, FROM, 20_000, 'torrent')
    expect(taken).toBeGreaterThan(7000)
    expect(taken).toBeLessThan(7100)
    const { rejected_torrent_ration, rejected_torrents_full } = harness.counts
    expect(rejected_torrent_ration).toBe(20_000 - taken)
    expect(rejected_torrents_full).toBeUndefined()
    expect(flood(harness, '192.0.2.8', 20, 'torrent')).toBe(20)
    const refused = announceRequest(harness.connect(FROM), { infoHash: infoHash(99_999) })
    expect(readError(present(harness.send(refused, FROM))).text).toBe(
      'Tracker is nearly full: no more new torrents for now',
    )
    // Known torrents take everybody in.
    const known = announceRequest(harness.connect(FROM), { infoHash: infoHash(1), port: 7 })
    expect(readAnnounce(present(harness.send(known, FROM)), 4)).toBeDefined()
  })

  test('one source does not take the last peers', () => {
    const harness = new UdpHarness({ rates: { ...OFF }, maxPeers: 8000 })
    const taken = flood(harness, FROM, 20_000, 'port')
    expect(taken).toBeGreaterThan(7000)
    expect(taken).toBeLessThan(7100)
    expect(harness.counts.rejected_peer_ration).toBe(20_000 - taken)
    expect(flood(harness, '192.0.2.8', 20, 'port')).toBe(20)
    // The torrent that a refused peer would have started does not stay.
    const before = harness.counts.rejected_peer_ration ?? 0
    expect(flood(harness, FROM, 5, 'torrent')).toBe(0)
    expect(harness.counts.rejected_peer_ration).toBe(before + 5)
    expect(harness.swarm.scrape('ipv4', 2)).toMatchObject({ leechers: 0 })
  })

  test('peers of an address beyond the limit get an answer, are counted, and not kept', () => {
    const harness = new UdpHarness({ rates: { ...OFF } })
    setPeersPerAddress(harness.swarm.buffers, 10)
    harness.announce('198.51.100.1', { left: 0n })
    const id = harness.connect(FROM)
    for (let port = 1; port <= 100; port++) {
      const answer = readAnnounce(present(harness.send(announceRequest(id, { port }), FROM)), 4)
      expect(answer).toMatchObject({ seeders: 1, leechers: Math.min(port - 1, 10) })
      expect(answer.peers).toContain('198.51.100.1:6881')
    }
    const { rejected_peers_per_address, responses_announce } = harness.counts
    expect([rejected_peers_per_address, responses_announce]).toEqual([90, 101])
    expect(harness.announce('198.51.100.1', { left: 0n })).toMatchObject({ leechers: 10 })
  })

  test.skipIf(WHY_NO_NAMESPACE !== '')(
    `peers_per_torrent comes by SIGHUP, and holds for a snapshot${WHY_NO_NAMESPACE}`,
    async () => {
      const script = join(import.meta.dir, '../udp/namespace-scenarios.ts')
      const setup = 'ip address add 5.6.7.1/32 dev lo'
      const { stdout, stderr } = await inNamespace(setup, script, ['peers-per-torrent'])
      expect(stderr + stdout).toBe('good\n')
    },
    180_000,
  )

  test('requests beyond a sustained rate, or that of a network, is counted by its reason', () => {
    const rates = { ...OFF, sustainedRequests: 1, banSeconds: 60 }
    const harness = new UdpHarness({ rates })
    flood(harness, FROM, 1210, 'port')
    expect(harness.counts.rejected_sustained_rate).toBe(10)
    flood(harness, FROM, 5, 'port')
    expect(harness.handler.counts[BANS]).toBe(1)
    expect(harness.counts.rejected_banned).toBe(4)
    for (let network = 0; network < 50; network++) {
      flood(harness, `2001:db8:a:${network}::1`, 100, 'port')
    }
    expect(harness.counts.rejected_network_rate).toBe(5000 - 4800)
  })
})
