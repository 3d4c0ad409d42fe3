import { describe, expect, setSystemTime, test } from 'bun:test'
import fc from 'fast-check'
import { KEYS_OFF, type KeyGate } from '../../src/access-keys/gate.ts'
import {
  KEY_ENDED,
  KEY_GUESSES,
  KEY_MISSING,
  KEY_UNKNOWN,
  KEY_VALID,
} from '../../src/access-keys/verdict.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { gateOf, peerOf, readKeys, verdictOn } from './support.ts'

function tryKeys(gate: KeyGate, count: number, peer: Peer): number[] {
  return Array.from({ length: count }, (_, n) => verdictOn(gate, `guess-${n}`, peer))
}

function ipv6(a0: number, a1: number): Peer {
  const peer = new Peer()
  peer.ipv4 = false
  peer.a0 = a0
  peer.a1 = a1
  return peer
}

describe('a gate', () => {
  test('agrees with a set of keys, whatever is in it', async () => {
    const key = fc.stringMatching(/^[a-c_-]{1,9}$/)
    await fc.assert(
      fc.asyncProperty(fc.array(key), fc.array(key), async (members, asked) => {
        const set = new Set(members)
        const gate = gateOf({ table: (await readKeys(members.join('\n'))).table })
        for (const one of [...members, ...asked]) {
          expect(verdictOn(gate, one)).toBe(set.has(one) ? KEY_VALID : KEY_UNKNOWN)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('misses a key that is not there, and takes one that no key can be for unknown', async () => {
    const gate = gateOf(await readKeys('one\n'))
    expect(verdictOn(gate, '')).toBe(KEY_MISSING)
    for (const key of ['*', 'x'.repeat(129), 'x'.repeat(5000), 'one ', 'öne', 'one\u0000']) {
      expect(verdictOn(gate, key)).toBe(KEY_UNKNOWN)
    }
  })

  test('finds a key ended from its second on, by the wall clock', async () => {
    try {
      const gate = gateOf(await readKeys('one 1801396800\nlast 4294967295\nday 2027-01-31\n'))
      const at = (text: string, second: number) => {
        setSystemTime(new Date(text))
        gate.setTime(second)
        return ['one', 'last', 'day'].map((key) => verdictOn(gate, key))
      }
      expect(at('2027-01-31T11:59:59.999Z', 1)).toEqual([KEY_VALID, KEY_VALID, KEY_VALID])
      expect(at('2027-01-31T12:00:00Z', 2)).toEqual([KEY_ENDED, KEY_VALID, KEY_VALID])
      expect(at('2027-01-31T23:59:59Z', 3)).toEqual([KEY_ENDED, KEY_VALID, KEY_VALID])
      expect(at('2027-02-01T00:00:00Z', 4)).toEqual([KEY_ENDED, KEY_VALID, KEY_ENDED])
    } finally {
      setSystemTime()
    }
  })

  test('takes another list, and none', async () => {
    const gate = gateOf(await readKeys('one\n'))
    gate.replace({ required: true, guessesPerMinute: 0, table: (await readKeys('two\n')).table })
    expect(['one', 'two'].map((key) => verdictOn(gate, key))).toEqual([KEY_UNKNOWN, KEY_VALID])
    gate.replace(KEYS_OFF)
    expect([gate.required, verdictOn(gate, 'two')]).toEqual([false, KEY_UNKNOWN])
  })

  test('answers the same by the hash of a key', async () => {
    const gate = gateOf(await readKeys('one\ntwo 2001-01-01\n'))
    const verdict = (key: string) => {
      const bytes = Buffer.from(key)
      const hash = gate.hashOf(bytes, 0, bytes.length)
      // Another question in between: the hash is a copy.
      verdictOn(gate, 'other')
      return hash === null ? null : gate.verdictOf(hash)
    }
    expect(['one', 'two', 'three', '', 'x'.repeat(129)].map(verdict)).toEqual([
      KEY_VALID,
      KEY_ENDED,
      KEY_UNKNOWN,
      null,
      null,
    ])
  })
})

describe('guesses', () => {
  test('of one address are limited, and then no key of it is looked up until some have drained', async () => {
    const gate = gateOf({ ...(await readKeys('one\nold 2001-01-01\n')), guessesPerMinute: 6 })
    gate.setTime(1000)
    const [guesser, other] = [peerOf(1), peerOf(2)]
    const verdicts = tryKeys(gate, 70, guesser)
    expect(verdicts.filter((verdict) => verdict === KEY_UNKNOWN)).toHaveLength(60)
    expect(verdicts.slice(60).every((verdict) => verdict === KEY_GUESSES)).toBe(true)
    expect(verdictOn(gate, 'one', guesser)).toBe(KEY_GUESSES)
    expect(verdictOn(gate, 'one', other)).toBe(KEY_VALID)
    gate.setTime(1011)
    expect(verdictOn(gate, 'one', guesser)).toBe(KEY_VALID)
    expect(tryKeys(gate, 2, guesser)).toEqual([KEY_UNKNOWN, KEY_GUESSES])
  })

  test('are no valid keys, ended ones, or requests without a key', async () => {
    const gate = gateOf({ ...(await readKeys('one\nold 2001-01-01\n')), guessesPerMinute: 1 })
    gate.setTime(1000)
    for (let i = 0; i < 50; i++) {
      expect(['one', 'old', ''].map((key) => verdictOn(gate, key))).toEqual([
        KEY_VALID,
        KEY_ENDED,
        KEY_MISSING,
      ])
    }
  })

  test('of keys that none can be count too', async () => {
    const gate = gateOf({ ...(await readKeys('one\n')), guessesPerMinute: 1 })
    gate.setTime(1000)
    for (let i = 0; i < 10; i++) expect(verdictOn(gate, 'x'.repeat(200))).toBe(KEY_UNKNOWN)
    expect(verdictOn(gate, 'one')).toBe(KEY_GUESSES)
  })

  test('of an IPv6 /64 are those of one address, and a /48 may have four times as many', async () => {
    const gate = gateOf({ ...(await readKeys('one\n')), guessesPerMinute: 1 })
    gate.setTime(1000)
    const unknown = (a1: number, peers = 1) => {
      const peer = ipv6(0x0120, a1)
      return tryKeys(gate, 15 * peers, peer).filter((verdict) => verdict === KEY_UNKNOWN).length
    }
    expect(unknown(0x10000)).toBe(10)
    for (let subnet = 2; subnet <= 4; subnet++) expect(unknown(subnet << 16)).toBe(10)
    expect(unknown(5 << 16)).toBe(0)
    expect(unknown(0x50001)).toBe(10)
  })

  test('are not limited from this machine, nor with 0', async () => {
    const { table } = await readKeys('one\n')
    const gate = gateOf({ table, guessesPerMinute: 1 })
    const local = peerOf()
    local.a0 = 0x0100007f
    expect(tryKeys(gate, 200, local).every((verdict) => verdict === KEY_UNKNOWN)).toBe(true)
    gate.replace({ required: true, table, guessesPerMinute: 0 })
    expect(tryKeys(gate, 200, peerOf()).every((verdict) => verdict === KEY_UNKNOWN)).toBe(true)
  })
})
