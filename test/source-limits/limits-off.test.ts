// A limit that is taken away (SIGHUP) is gone at once for those who had used it up, by address and by network.
import { describe, expect, test } from 'bun:test'
import {
  ADMITTED,
  type SourceLimits,
  type SourceRates,
} from '../../src/source-limits/source-limits.ts'
import { PLENTY } from '../../src/swarm/admission.ts'
import { ANNOUNCED } from '../../src/swarm/status.ts'
import { sourceOf } from '../swarm/harness.ts'
import { countAdmitted, limitsFor, OFF, word } from './limits-for.ts'

const ASKED = 5000
const RATE = 10

const WHAT: Record<string, [Partial<SourceRates>, Ask]> = {
  connects: [{ connects: RATE }, (limits, source) => limits.connect(source)],
  requests: [{ requests: RATE }, (limits, source) => limits.request(source) === ADMITTED],
  'sustained requests': [
    { sustainedRequests: 1 },
    (limits, source) => limits.request(source) === ADMITTED,
  ],
  'new torrents': [
    { newTorrents: RATE },
    (limits, source) => limits.newTorrent(source, PLENTY) === ANNOUNCED,
  ],
}

type Source = ReturnType<typeof sourceOf>
type Ask = (limits: SourceLimits, source: Source) => boolean

const IPV4 = () => sourceOf(true, word('192.0.2.1'), 0)
const IPV6 = () => sourceOf(false, word('32.1.13.184'), word('0.10.0.1'))
/** Each from another /64 of one /48. */
const NETWORK = (i: number) =>
  sourceOf(false, word('32.1.13.184'), word(`0.10.${(i >> 8) & 255}.${i & 255}`))

describe.each(Object.entries(WHAT))('%s', (_, [rates, ask]) => {
  test.each([
    ['an IPv4 address', IPV4],
    ['an IPv6 address', IPV6],
    ['a /48', NETWORK],
  ])('of %s', (_name, sourceAt) => {
    const limits = limitsFor({ ...OFF, ...rates })
    const admitted = () => {
      let i = 0
      return countAdmitted(ASKED, () => ask(limits, sourceAt(i++)))
    }
    expect(admitted()).toBeLessThan(ASKED)
    limits.setRates(OFF)
    expect(admitted()).toBe(ASKED)
    limits.setRates({ ...OFF, ...rates })
    expect(admitted()).toBe(0)
  })
})
