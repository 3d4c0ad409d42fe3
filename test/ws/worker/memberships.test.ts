import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Memberships } from '../../../src/ws/worker/memberships.ts'

/** An id that differs from others in its first word or in its last one only. */
function id(first: number, last: number): Int32Array {
  return Int32Array.of(first, 0, 0, 0, last)
}

test('are what was added and not removed, however many, also when info hashes begin alike', () => {
  const small = fc.nat(4)
  const kind = fc.constantFrom('add', 'add', 'add', 'remove')
  const step = fc.record({ kind, first: small, last: small, peer: fc.nat(2) })
  let most = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200, size: 'max' }), (steps) => {
      const memberships = new Memberships()
      const model = new Map<string, [hash: Int32Array, peer: Int32Array]>()
      for (const { kind, first, last, peer } of steps) {
        const hash = id(first, last)
        const peerId = id(7, peer)
        if (kind === 'add') {
          memberships.add(hash, 0, peerId, 0)
          model.set(`${first} ${last} ${peer}`, [hash, peerId])
        } else {
          memberships.remove(hash, 0, peerId, 0)
          model.delete(`${first} ${last} ${peer}`)
          const others = [...model.keys()].filter((name) => name.startsWith(`${first} ${last} `))
          expect(memberships.othersIn(hash, 0, peerId, 0)).toBe(others.length)
          expect(memberships.find(hash, 0, peerId, 0)).toBe(-1)
        }
        most = Math.max(most, model.size)
      }
      expect(memberships.count).toBe(model.size)
      const places = [...model.values()].map(([hash, peer]) => memberships.find(hash, 0, peer, 0))
      expect(places.toSorted((a, b) => a - b)).toEqual(places.map((_, index) => index))
      for (const [hash, peer] of model.values()) {
        expect(memberships.othersIn(hash, 0, peer, 0)).toBe(-1)
      }
    }),
    { seed: 1, numRuns: 300 },
  )
  expect(most).toBeGreaterThan(40)
})
