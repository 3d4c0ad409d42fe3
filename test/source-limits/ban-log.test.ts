// The log's lines about who is banned.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Log, LogAddresses } from '../../src/log/log.ts'
import { BanLog } from '../../src/source-limits/ban-log.ts'
import {
  BANNED_FOR_NEW_TORRENTS,
  BANNED_FOR_REQUESTS,
  BanWriter,
} from '../../src/source-limits/ban-writer.ts'
import { PLENTY } from '../../src/swarm/admission.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { addressBytes } from '../support/packets.ts'
import { sourceOf } from '../swarm/harness.ts'
import { wordOf } from '../udp/harness.ts'
import { limitsFor, OFF, word } from './limits-for.ts'

const LIMITS: Readonly<Record<number, number>> = {
  [BANNED_FOR_REQUESTS]: 3000,
  [BANNED_FOR_NEW_TORRENTS]: 500,
}

function start(log_addresses: LogAddresses) {
  const lines: string[] = []
  const refuse = () => expect.unreachable()
  const info = (text: string) => void lines.push(text)
  const levels: Log = {
    info,
    error: refuse,
    warn: refuse,
    debug: refuse,
    trace: refuse,
    always: refuse,
  }
  const log = new BanLog(levels)
  const writers = [0, 1].map(() => new BanWriter(log.newWriter()))
  let bans = 0
  return {
    lines,
    writers,
    ban: (text: string, reason = BANNED_FOR_REQUESTS) => {
      const bytes = addressBytes(text)
      const ipv4 = bytes.length === 4
      const peer = sourceOf(ipv4, wordOf(bytes, 0), ipv4 ? 0 : wordOf(bytes, 4))
      writers[bans++ % 2].write(peer, reason, LIMITS[reason], 60)
    },
    report: (now: number) => log.report(now, log_addresses),
  }
}

describe('a ban', () => {
  test('is told with address, time and reason', () => {
    const { ban, report, lines } = start('plain')
    ban('203.0.113.200')
    ban('32.1.13.184.0.1.0.34.255.0.0.0.0.0.0.9', BANNED_FOR_NEW_TORRENTS)
    report(0)
    expect(lines).toEqual([
      'banned for 60 s: 203.0.113.200 goes on beyond [source_limits] requests_per_second = 3000',
      'banned for 60 s: 2001:db8:1:22::/64 goes on beyond [source_limits] new_torrents_per_second = 500',
    ])
  })

  test('by a hash is the same for the same address, and no other', () => {
    const { ban, report, lines } = start('hashed')
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) {
      ban(address)
      report(0)
    }
    const names = lines.map((line) => /: (client [0-9a-f]{16}) goes on/.exec(line)?.[1])
    expect(names[0]).toBe(names[2] ?? '')
    expect(new Set(names).size).toBe(2)
    expect(lines.join()).not.toContain('192.0.2')
  })

  test('without addresses is told all the same', () => {
    const { ban, report, lines } = start('off')
    ban('192.0.2.1')
    report(0)
    expect(lines).toEqual([
      'banned for 60 s: a client goes on beyond [source_limits] requests_per_second = 3000',
    ])
  })
})

describe('who goes on beyond a limit is told with it, as it is in force:', () => {
  test.each([
    ['requests', 'requests_per_second'],
    ['sustainedRequests', 'sustained_requests_per_second'],
    ['newTorrents', 'new_torrents_per_second'],
  ] as const)('%s', (what, setting) => {
    const { writers, report, lines } = start('plain')
    const limits = limitsFor(OFF, undefined, writers[0])
    limits.setRates({ ...OFF, [what]: 2, banSeconds: 7 })
    const source = sourceOf(true, word('192.0.2.1'), 0)
    for (let i = 0; i < 5000; i++) {
      if (what === 'newTorrents') limits.newTorrent(source, PLENTY)
      else limits.request(source)
    }
    report(0)
    expect(lines).toEqual([
      `banned for 7 s: 192.0.2.1 goes on beyond [source_limits] ${setting} = 2`,
    ])
  })
})

test('bans by workers of several protocols are one list', () => {
  const { writers, report, lines } = start('off')
  const source = sourceOf(true, word('192.0.2.1'), 0)
  for (const writer of writers) {
    for (let i = 0; i < 20; i++) writer.write(source, BANNED_FOR_REQUESTS, 1, 1)
  }
  report(0)
  report(60_000)
  expect(lines.length).toBe(21)
  expect(lines[20]).toBe('20 more were banned')
})

test('of many bans in a minute twenty are told, and how many more there were', () => {
  const { ban, report, lines } = start('off')
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 100; i++) ban('192.0.2.1')
    report(second * 1000)
  }
  expect(lines.length).toBe(20)
  report(60_000)
  expect(lines.slice(20)).toEqual(['5980 more were banned'])
  ban('192.0.2.1')
  report(61_000)
  report(130_000)
  expect(lines.length).toBe(22)
})

test('a full ring costs the line, not the worker', () => {
  const { ban, report, lines } = start('off')
  for (let i = 0; i < 100_000; i++) ban('192.0.2.1')
  report(0)
  report(61_000)
  expect(lines.length).toBe(21)
  expect(lines[20]).toBe('99980 more were banned')
})

test.skipIf(WHY_NO_NAMESPACE !== '')(
  `lines of a running tracker name the banned as it is set, as text and as JSON${WHY_NO_NAMESPACE}`,
  async () => {
    const script = join(import.meta.dir, '../udp/namespace-scenarios.ts')
    const setup = 'ip address add 5.6.7.1/32 dev lo; ip address add 5.6.7.77/32 dev lo'
    const { stdout, stderr } = await inNamespace(setup, script, ['ban-lines'])
    expect(stderr + stdout).toBe('good\n')
  },
  180_000,
)
