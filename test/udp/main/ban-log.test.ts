// Who is banned, as the log tells it.
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { defaultsOf } from '../../../src/config/schema.ts'
import type { Log, LogAddresses } from '../../../src/log/log.ts'
import {
  BANNED_FOR_NEW_TORRENTS,
  BANNED_FOR_REQUESTS,
  BanLog,
  BanWriter,
  createBanRings,
} from '../../../src/udp/main/ban-log.ts'
import { udpSettings } from '../../../src/udp/settings/config.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../../support/namespace.ts'
import { addressBytes } from '../../support/packets.ts'
import { wordOf } from '../harness.ts'

function start(log_addresses: LogAddresses) {
  const lines: string[] = []
  const rings = createBanRings(2)
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
  const log = new BanLog(rings, levels)
  const config = { ...defaultsOf(udpSettings.schema), log_addresses }
  let total = 0
  const writers = rings.map((ring) => new BanWriter(ring))
  return {
    lines,
    ban: (text: string, reason = BANNED_FOR_REQUESTS) => {
      const bytes = addressBytes(text)
      const ipv4 = bytes.length === 4
      writers[total++ % 2].write(ipv4, wordOf(bytes, 0), ipv4 ? 0 : wordOf(bytes, 4), reason)
    },
    look: (now: number) => log.look(total, now, config),
  }
}

describe('a ban', () => {
  test('is told with address, time and reason', () => {
    const { ban, look, lines } = start('plain')
    ban('203.0.113.200')
    ban('32.1.13.184.0.1.0.34.255.0.0.0.0.0.0.9', BANNED_FOR_NEW_TORRENTS)
    look(0)
    expect(lines).toEqual([
      'banned for 60 s: 203.0.113.200 goes on beyond [source_limits] requests_per_second = 3000',
      'banned for 60 s: 2001:db8:1:22::/64 goes on beyond [source_limits] new_torrents_per_second = 500',
    ])
  })

  test('by a hash is the same for the same address, and no other', () => {
    const { ban, look, lines } = start('hashed')
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) {
      ban(address)
      look(0)
    }
    const names = lines.map((line) => /: (client [0-9a-f]{16}) goes on/.exec(line)?.[1])
    expect(names[0]).toBe(names[2] ?? '')
    expect(new Set(names).size).toBe(2)
    expect(lines.join()).not.toContain('192.0.2')
  })

  test('without addresses is told all the same', () => {
    const { ban, look, lines } = start('off')
    ban('192.0.2.1')
    look(0)
    expect(lines).toEqual([
      'banned for 60 s: a client goes on beyond [source_limits] requests_per_second = 3000',
    ])
  })
})

test('of many bans in a minute twenty are told, and how many more there were', () => {
  const { ban, look, lines } = start('off')
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 100; i++) ban('192.0.2.1')
    look(second * 1000)
  }
  expect(lines.length).toBe(20)
  look(60_000)
  expect(lines.slice(20)).toEqual(['5980 more were banned'])
  ban('192.0.2.1')
  look(61_000)
  look(130_000)
  expect(lines.length).toBe(22)
})

test('a full ring costs the line, not the worker', () => {
  const { ban, look, lines } = start('off')
  for (let i = 0; i < 100_000; i++) ban('192.0.2.1')
  look(0)
  look(61_000)
  expect(lines.length).toBe(21)
  expect(lines[20]).toBe('99980 more were banned')
})

test.skipIf(WHY_NO_NAMESPACE !== '')(
  `lines of a running tracker name the banned as it is set, as text and as JSON${WHY_NO_NAMESPACE}`,
  async () => {
    const script = join(import.meta.dir, '../namespace-scenarios.ts')
    const setup = 'ip address add 198.18.0.1/32 dev lo; ip address add 198.18.0.77/32 dev lo'
    const { stdout, stderr } = await inNamespace(setup, script, ['ban-lines'])
    expect(stderr + stdout).toBe('good\n')
  },
  60_000,
)
