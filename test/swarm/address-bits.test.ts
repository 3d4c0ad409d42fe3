// The bits of a hash that come of an address alone: as even as a hash, and not for outsiders to choose.
import { expect, test } from 'bun:test'
import { ADDRESS_BUCKETS, addressBits } from '../../src/swarm/address.ts'
import { randomWords } from '../support/random.ts'

const KEYS = 4096
const A0 = 0x0a010203
const A1 = 0x11223344
const BITS = Array.from({ length: 32 }, (_, bit) => bit)

/** Of so many keys, within six standard deviations. */
function expectOneInEight(count: number, what: string): void {
  const chance = 1 / ADDRESS_BUCKETS
  const deviation = Math.sqrt(KEYS * chance * (1 - chance))
  expect(Math.abs(count - KEYS * chance), what).toBeLessThan(6 * deviation)
}

test('whether two addresses share their bits is up to the key, whichever bit they differ in', () => {
  const random = randomWords(1)
  for (const bit of BITS) {
    for (const [b0, b1] of [
      [A0 ^ (1 << bit), A1],
      [A0, A1 ^ (1 << bit)],
    ]) {
      let same = 0
      for (let i = 0; i < KEYS; i++) {
        const key = random() | 0
        if (addressBits(A0, A1, key) === addressBits(b0, b1, key)) same++
      }
      expectOneInEight(same, `bit ${bit}`)
    }
  }
})

test('every address has each of the bits for as many keys as any other', () => {
  const random = randomWords(2)
  for (const bit of BITS) {
    const counts = Array<number>(ADDRESS_BUCKETS).fill(0)
    for (let i = 0; i < KEYS; i++) counts[addressBits(1 << bit, 0, random() | 0)]++
    for (const [bits, count] of counts.entries()) expectOneInEight(count, `${bits} of bit ${bit}`)
  }
})
