// Limits per source by themselves, with rates that tests are quick with. Used by the tests of source-limits.

import type { BanWriter } from '../../src/source-limits/ban-writer.ts'
import {
  SOURCE_LIMIT_BYTES,
  SourceLimits,
  type SourceRates,
} from '../../src/source-limits/source-limits.ts'
import { BANS, COUNTER_WORDS } from '../../src/udp/worker/counters.ts'
import { addressBytes } from '../support/packets.ts'
import { START, wordOf } from '../udp/harness.ts'

export const OFF: SourceRates = {
  connects: 0,
  requests: 0,
  sustainedRequests: 0,
  newTorrents: 0,
  banSeconds: 0,
}
export const RATES = { ...OFF, connects: 100, requests: 100, newTorrents: 10, banSeconds: 60 }

export function limitsFor(
  rates: Partial<SourceRates> = {},
  words = new SharedArrayBuffer(SOURCE_LIMIT_BYTES),
  writer: BanWriter | null = null,
): SourceLimits {
  const data = { words, key0: 0x1234567, key1: 0x89abcde }
  const bans = { counts: new Int32Array(COUNTER_WORDS), place: BANS, writer }
  const limits = new SourceLimits(data, { ...RATES, ...rates }, bans)
  limits.setTime(START)
  return limits
}

/** An IPv4 address as a word. */
export function word(address: string): number {
  return wordOf(addressBytes(address), 0)
}

export function countAdmitted(count: number, ask: () => boolean): number {
  let admitted = 0
  for (let i = 0; i < count; i++) if (ask()) admitted++
  return admitted
}
