// What makes a source: an address that differs in one bit is another one, for each of
// the bits that count, and for each limit.
import { describe, expect, test } from 'bun:test'
import { ADMITTED, type SourceLimits } from '../../src/source-limits/source-limits.ts'
import { PLENTY } from '../../src/swarm/admission.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { sourceOf } from '../swarm/harness.ts'
import { limitsFor, OFF, word } from './limits-for.ts'

type Source = ReturnType<typeof sourceOf>

const ASKED = 5000
const LEFT = 16_000
const RATES = { ...OFF, connects: 10, requests: 10, newTorrents: 10 }

interface Limit {
  readonly ask: (limits: SourceLimits, source: Source) => boolean
  /** Bits at the front of an address that make the source. */
  readonly ipv4: number
  readonly ipv6: number
}

const LIMITS: Record<string, Limit> = {
  connects: { ask: (limits, source) => limits.connect(source), ipv4: 24, ipv6: 56 },
  requests: {
    ask: (limits, source) => limits.request(source) === ADMITTED,
    ipv4: 32,
    ipv6: 64,
  },
  'new torrents': {
    ask: (limits, source) => limits.newTorrent(source, PLENTY) === ANNOUNCED,
    ipv4: 32,
    ipv6: 64,
  },
  'a ration of torrents': {
    ask: (limits, source) => limits.newTorrent(source, LEFT) === ANNOUNCED,
    ipv4: 32,
    ipv6: 64,
  },
  'a ration of peers': {
    ask: (limits, source) => limits.newPeer(source, LEFT) === ANNOUNCED,
    ipv4: 32,
    ipv6: 64,
  },
}

const BASE = [word('203.1.13.184'), word('32.10.20.1')] as const

/** The bit at a place of an address, counted from its front, in a word as it lies in memory. */
function bitAt(place: number): number {
  return 1 << (((place >>> 3) & 3) * 8 + (7 - (place & 7)))
}

describe.each(Object.entries(LIMITS))('%s', (_, { ask, ipv4, ipv6 }) => {
  test.each([
    ['IPv4', true, ipv4],
    ['IPv6', false, ipv6],
  ] as const)('of an %s source are its own', (_name, isIPv4, bits) => {
    const limits = limitsFor(RATES)
    const [a0, a1] = BASE
    const base = sourceOf(isIPv4, a0, isIPv4 ? 0 : a1)
    let admitted = 0
    while (ask(limits, base)) admitted++
    expect(admitted).toBeGreaterThan(0)
    expect(admitted).toBeLessThan(ASKED)
    const others = Array.from({ length: isIPv4 ? 32 : 64 }, (_, place) => {
      const b0 = place < 32 ? a0 ^ bitAt(place) : a0
      const b1 = isIPv4 ? 0 : place < 32 ? a1 : a1 ^ bitAt(place)
      return ask(limits, sourceOf(isIPv4, b0, b1))
    })
    expect(others).toEqual(others.map((_, place) => place < bits))
  })
})
