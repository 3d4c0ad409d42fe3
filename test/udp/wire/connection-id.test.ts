import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { macWords } from '../../../src/memory/half-sip-hash.ts'
import { Peer } from '../../../src/swarm/peers/peer.ts'
import { udpSettings } from '../../../src/udp/settings/config.ts'
import { ConnectionIds } from '../../../src/udp/wire/connection-id.ts'
import { addressBytes } from '../../support/packets.ts'
import { randomWords } from '../../support/random.ts'
import { setSource } from '../harness.ts'

const SECRET = new Uint8Array(32).fill(3)
const MAX_AGE = 300
/** One key serves this long. */
const EPOCH = 4096
/** The second in an id starts anew after this long. */
const WRAP = 65_536

const IPV4 = addressBytes('192.0.2.7')
const IPV4_WORD = Buffer.from(IPV4).readInt32LE(0)
const IPV6 = addressBytes('2001:db8::7')

class Ids {
  private readonly ids: ConnectionIds

  constructor(secret: Uint8Array = SECRET, maxAge = MAX_AGE, isShared = false) {
    this.ids = new ConnectionIds(secret, maxAge, isShared)
  }

  issue(now: number, address: Uint8Array): Buffer {
    const { ids } = this
    ids.setTime(now)
    ids.issue(peerAt(address))
    return Buffer.from(Int32Array.of(ids.id0, ids.id1).buffer)
  }

  verify(now: number, id: Buffer, address: Uint8Array): boolean {
    this.ids.setTime(now)
    const [id0, id1] = [id.readInt32LE(0), id.readInt32LE(4)]
    return this.ids.verify(id0, id1, peerAt(address))
  }
}

function peerAt(address: Uint8Array): Peer {
  const peer = new Peer()
  setSource(peer, address)
  return peer
}

function withBitFlipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] ^= 1 << (bit & 7)
  return copy
}

describe.each([
  ['IPv4', IPV4],
  ['IPv6', IPV6],
])('an id for an %s address', (_, address) => {
  const ids = new Ids()
  const now = 50_000
  const id = ids.issue(now, address)

  test('is valid from there', () => {
    expect(ids.verify(now, id, address)).toBe(true)
  })

  test('is valid in another worker, which has the same secret', () => {
    expect(new Ids().verify(now, id, address)).toBe(true)
  })

  test('is not valid in a tracker with another secret, whichever byte differs', () => {
    for (let i = 0; i < SECRET.length; i++) {
      const other = withBitFlipped(SECRET, i * 8)
      expect(new Ids(other).verify(now, id, address)).toBe(false)
    }
  })

  test('is not valid from an address that differs in one bit', () => {
    for (let bit = 0; bit < address.length * 8; bit++) {
      expect(ids.verify(now, id, withBitFlipped(address, bit))).toBe(false)
    }
  })

  test('is not valid when one of its 64 bits is changed', () => {
    for (let bit = 0; bit < 64; bit++) {
      expect(ids.verify(now, withBitFlipped(id, bit), address)).toBe(false)
    }
  })

  test('is not valid with any other second written into it', () => {
    const valid: number[] = []
    for (let second = 0; second < WRAP; second++) {
      const changed = Buffer.from(id)
      changed.writeUInt16LE(second, 0)
      if (ids.verify(now, changed, address)) valid.push(second)
    }
    expect(valid).toEqual([now])
  })

  test('is valid to the second of max_connection_age, and no longer', () => {
    for (const maxAge of [1, 60, 300, 4000]) {
      const aging = new Ids(SECRET, maxAge)
      for (let age = 0; age <= maxAge; age++) {
        expect(aging.verify(now + age, id, address)).toBe(true)
      }
      for (const more of [1, 2, 60, 4095, 4096, 8192, 60_000]) {
        expect(aging.verify(now + maxAge + more, id, address)).toBe(false)
      }
    }
  })

  test('of the future is refused, except by a worker that read the clock a moment earlier', () => {
    expect(ids.verify(now - 1, id, address)).toBe(true)
    for (const early of [2, 3, 60, 300, 4000, 4096, 50_000]) {
      expect(ids.verify(now - early, id, address)).toBe(false)
    }
  })
})

test('an IPv4 address and the IPv6 address with the same first bytes have different ids', () => {
  const long = Buffer.alloc(16)
  long.set(IPV4)
  const ids = new Ids()
  expect(ids.issue(50_000, IPV4)).not.toEqual(ids.issue(50_000, long))
  expect(ids.verify(50_000, ids.issue(50_000, IPV4), long)).toBe(false)
})

test('the same address gets the same id within a second, and another one in the next', () => {
  const ids = new Ids()
  expect(ids.issue(50_000, IPV4)).toEqual(ids.issue(50_000, IPV4))
  const hash = (now: number) => ids.issue(now, IPV4).subarray(2).toString('hex')
  expect(hash(50_000)).not.toBe(hash(50_001))
})

describe.each([60, 300, 4000, 86_400])(
  'shared by machines, with max_connection_age = %d',
  (maxAge) => {
    // Of the wall clock, around a change of keys, in this century and after 31 bits of seconds.
    const MOMENTS = [1_795_800_000, EPOCH * 438_428, EPOCH * 438_428 - 1, 2 ** 31 + 5]
    const other = () => new Ids(SECRET, maxAge, true)

    test('an id is valid elsewhere, also where the clock is up to ten seconds behind', () => {
      for (const now of MOMENTS) {
        for (const address of [IPV4, IPV6]) {
          const id = other().issue(now, address)
          for (const age of [-10, -5, -1, 0, 1, 59, maxAge]) {
            if (age > maxAge) continue
            expect({ now, age, valid: other().verify(now + age, id, address) }).toEqual({
              now,
              age,
              valid: true,
            })
          }
          for (const age of [-13, -60, -4096, maxAge + 3, maxAge + 60]) {
            expect(other().verify(now + age, id, address)).toBe(false)
          }
        }
      }
    })

    test('an id is not valid where the secret is another one', () => {
      for (const now of MOMENTS) {
        const id = other().issue(now, IPV4)
        expect(new Ids(withBitFlipped(SECRET, 9), maxAge, true).verify(now, id, IPV4)).toBe(false)
      }
    })
  },
)

/** The longest of the short form: it could outlive its key. */
const AGE_LIMIT = 4000
const DAY = 86_400
/** Of the time in an id of the long form, in seconds. */
const UNIT = 2

test('the settings allow a day, and no more', () => {
  const { max_connection_age } = udpSettings.schema.cleaning.settings
  const allows = (seconds: number) => 'value' in max_connection_age.check(BigInt(seconds))
  expect(allows(DAY)).toBe(true)
  expect(allows(DAY + 1)).toBe(false)
})

describe.each([AGE_LIMIT + 1, 2 * 3600, DAY])('with max_connection_age = %d', (maxAge) => {
  const ids = new Ids(SECRET, maxAge)

  test.each([IPV4, IPV6])(
    'an id lives so long, to the unit of time, over keys and the wrap',
    (address) => {
      for (const issued of [
        DAY,
        EPOCH * 40 - 1,
        EPOCH * 40,
        WRAP * UNIT - 1,
        WRAP * UNIT,
        500_001,
      ]) {
        const id = new Ids(SECRET, maxAge).issue(issued, address)
        for (const age of [0, 1, 2, EPOCH, maxAge >> 1, maxAge - 1, maxAge]) {
          if (age > maxAge) continue
          expect(ids.verify(issued + age, id, address)).toBe(true)
          // Another worker, or the tracker after a restart that kept the secret.
          expect(new Ids(SECRET, maxAge).verify(issued + age, id, address)).toBe(true)
        }
        for (const more of [UNIT + 1, 60, EPOCH, 40_000]) {
          expect(ids.verify(issued + maxAge + more, id, address)).toBe(false)
        }
      }
    },
  )

  test('an id is not valid again when its time comes round', () => {
    const id = ids.issue(200_000, IPV4)
    for (const rounds of [1, 2, 3, 4]) {
      for (const age of [0, 1, maxAge]) {
        expect(ids.verify(200_000 + rounds * WRAP * UNIT + age, id, IPV4)).toBe(false)
      }
    }
    // Nor after as many seconds as there are numbers for it.
    if (maxAge < WRAP) expect(ids.verify(200_000 + WRAP, id, IPV4)).toBe(false)
  })

  test('a clock that was set back makes ids of the future invalid, but for one unit', () => {
    const id = ids.issue(200_000, IPV4)
    expect(ids.verify(199_999, id, IPV4)).toBe(true)
    for (const back of [3, 60, EPOCH, maxAge, 150_000]) {
      expect(ids.verify(200_000 - back, id, IPV4)).toBe(false)
    }
  })

  test('an id has no bit, and belongs to no address, that could be another', () => {
    const id = ids.issue(200_000, IPV6)
    for (let bit = 0; bit < 64; bit++) {
      expect(ids.verify(200_000, withBitFlipped(id, bit), IPV6)).toBe(false)
    }
    for (let bit = 0; bit < IPV6.length * 8; bit++) {
      expect(ids.verify(200_000, id, withBitFlipped(IPV6, bit))).toBe(false)
    }
    const valid: number[] = []
    for (let time = 0; time < WRAP; time++) {
      const changed = Buffer.from(id)
      changed.writeUInt16LE(time, 0)
      if (ids.verify(200_000, changed, IPV6)) valid.push(time)
    }
    expect(valid).toEqual([(200_000 / UNIT) % WRAP])
  })
})

test('an id of a long age depends on 64 bits more of the derived key than those of HalfSipHash', () => {
  const digest = createHash('sha256')
    .update(SECRET)
    .update(`epoch ${Math.floor(200_000 / EPOCH)}`)
  const key = digest.digest()
  const words = [0, 1, 2, 3].map((i) => key.readInt32LE(i * 4))
  const time = 200_000 / UNIT
  const hash = new Int32Array(2)
  macWords(Int32Array.of(words[2], words[3], time, IPV4_WORD), 0, 4, words[0], words[1], hash)
  const id = Buffer.alloc(8)
  id.writeInt32LE(hash[0] << 16, 0)
  id.writeUInt16LE(time % WRAP, 0)
  id.writeInt32LE(hash[1], 4)
  expect(new Ids(SECRET, DAY).issue(200_000, IPV4)).toEqual(id)
})

test('an age set at runtime is in force at once, in the same form, and in the other', () => {
  const ids = new ConnectionIds(SECRET, 300)
  const peer = peerAt(IPV4)
  const isValid = (id: readonly number[]) => ids.verify(id[0], id[1], peer)
  const issue = () => {
    ids.issue(peer)
    return [ids.id0, ids.id1]
  }
  ids.setTime(200_000)
  const short = issue()
  ids.setMaxAge(4000)
  ids.setTime(200_000 + 4000)
  expect(isValid(short)).toBe(true)
  ids.setMaxAge(DAY)
  expect(isValid(short)).toBe(false)
  const long = issue()
  expect(isValid(long)).toBe(true)
  ids.setTime(200_000 + DAY)
  ids.setMaxAge(7200)
  expect(isValid(long)).toBe(false)
  ids.setMaxAge(DAY)
  expect(isValid(long)).toBe(true)
  ids.setMaxAge(300)
  expect(isValid(issue())).toBe(true)
})

test('ids live across the change of keys', () => {
  for (const border of [EPOCH, 2 * EPOCH, 3 * EPOCH, 16 * EPOCH, 17 * EPOCH]) {
    const worker = new Ids(SECRET, AGE_LIMIT)
    for (let issued = border - AGE_LIMIT - 5; issued < border + 5; issued += 7) {
      const id = new Ids().issue(issued, IPV4)
      for (const age of [
        0,
        1,
        border - issued - 1,
        border - issued,
        border - issued + 1,
        AGE_LIMIT,
      ]) {
        if (age < 0 || age > AGE_LIMIT) continue
        expect(worker.verify(issued + age, id, IPV4)).toBe(true)
        expect(new Ids(SECRET, AGE_LIMIT).verify(issued + age, id, IPV4)).toBe(true)
      }
      expect(worker.verify(issued + AGE_LIMIT + 1, id, IPV4)).toBe(false)
    }
  }
})

test('a worker that read the clock before the change of keys knows the ids made after it', () => {
  for (const border of [EPOCH, 2 * EPOCH, 5 * EPOCH, WRAP]) {
    expect(new Ids().verify(border - 1, new Ids().issue(border, IPV4), IPV4)).toBe(true)
  }
})

test('ids live across the wrap of the second in them', () => {
  const ids = new Ids()
  for (let issued = WRAP - MAX_AGE - 1; issued < WRAP + 1; issued++) {
    const id = ids.issue(issued, IPV6)
    expect(ids.verify(issued + MAX_AGE, id, IPV6)).toBe(true)
    expect(ids.verify(issued + MAX_AGE + 1, id, IPV6)).toBe(false)
  }
})

test('an id is not valid again when its second comes round', () => {
  const ids = new Ids()
  for (const now of [10, EPOCH + 10, 50_000]) {
    const id = ids.issue(now, IPV4)
    for (const rounds of [1, 2, 16, 17]) {
      for (const age of [0, 1, MAX_AGE]) {
        expect(ids.verify(now + rounds * WRAP + age, id, IPV4)).toBe(false)
      }
    }
  }
})

test('ids work in the first minutes of the machine, when the clock is below the longest age', () => {
  const ids = new Ids()
  for (const now of [0, 1, 2, 299]) {
    const id = ids.issue(now, IPV4)
    expect(ids.verify(now, id, IPV4)).toBe(true)
    expect(ids.verify(now + MAX_AGE, id, IPV4)).toBe(true)
    const older = Buffer.from(id)
    older.writeUInt16LE((now - 100) & 0xffff, 0)
    expect(ids.verify(now, older, IPV4)).toBe(false)
  }
})

test('the caller may erase its secret', () => {
  const secret = SECRET.slice()
  const ids = new Ids(secret)
  const before = ids.issue(EPOCH - 1, IPV4)
  secret.fill(0)
  expect(ids.issue(EPOCH + 1, IPV4)).toEqual(new Ids().issue(EPOCH + 1, IPV4))
  expect(ids.verify(EPOCH + 1, before, IPV4)).toBe(true)
})

// 48 bits is what the strength of an id rests on: none of them may be constant, or follow another.
test('the 48 bits of the hash look random over neighbouring addresses and seconds', () => {
  const ids = new Ids()
  const hashes: Buffer[] = []
  for (let i = 0; i < 4096; i++) {
    hashes.push(ids.issue(50_000 + (i >> 6), addressBytes(`10.0.0.${i & 63}`)).subarray(2))
  }
  expect(new Set(hashes.map((hash) => hash.toString('hex'))).size).toBe(hashes.length)
  const bit = (hash: Buffer, i: number) => (hash[i >> 3] >> (i & 7)) & 1
  for (let i = 0; i < 48; i++) {
    for (let j = 0; j <= i; j++) {
      const differing = hashes.filter((hash) => (bit(hash, i) ^ (i === j ? 0 : bit(hash, j))) !== 0)
      // 2048 ± 6 standard deviations of 32: less than once in 400,000 runs with other keys.
      expect(Math.abs(differing.length - 2048)).toBeLessThan(192)
    }
  }
})

test('a million guesses at an id for a known second are all refused', () => {
  const ids = new ConnectionIds(SECRET, MAX_AGE)
  ids.setTime(50_000)
  const random = randomWords(1)
  const peer = peerAt(IPV4)
  let accepted = 0
  for (let i = 0; i < 1_000_000; i++) {
    const id0 = (50_000 - (i % MAX_AGE)) | (random() << 16)
    if (ids.verify(id0, random() | 0, peer)) accepted++
  }
  expect(accepted).toBe(0)
})
