// Who owns a WebSocket peer: what other connections can do to it, in swarms of every form.
import { describe, expect, test } from 'bun:test'
import { ownsPeer } from '../../src/swarm/owner.ts'
import { ANNOUNCED, HELD } from '../../src/swarm/status.ts'
import { address, GENERATION, Harness } from './harness.ts'
import { checkInvariants } from './invariants.ts'

const T = 3
const VICTIM = 2
const FAMILY = 'websocket'

/** Peer 2 is that of connection 2; the others fill the swarm. */
function swarmOf(size: number): Harness {
  const harness = new Harness()
  for (const slot of [1, 2, 3]) harness.connections.set(slot, GENERATION, false, false)
  for (let peer = 1; peer <= size; peer++) {
    harness.announce(FAMILY, T, peer, { connection: peer === VICTIM ? 2 : 1, wanted: 0 })
  }
  return harness
}

/** In the row, in a block, in buckets. */
describe.each([2, 20, 500])('in a swarm of %d', (size) => {
  test('another connection can neither change nor remove a peer', () => {
    const harness = swarmOf(size)
    const attack = harness.announce(FAMILY, T, VICTIM, { connection: 3, seeder: true, wanted: 9 })
    expect(attack).toMatchObject({ status: HELD, seeders: 0, leechers: size, peers: [] })
    expect(harness.request.joined).toBe(false)
    harness.leave(FAMILY, T, VICTIM, 3)
    expect(harness.scrape(FAMILY, T)).toMatchObject({ seeders: 0, leechers: size })
    harness.leave(FAMILY, T, VICTIM, 2)
    expect(harness.scrape(FAMILY, T)).toMatchObject({ leechers: size - 1 })
    checkInvariants(harness)
  })

  test.each([
    ['is gone', (harness: Harness) => harness.connections.close(2, GENERATION)],
    [
      'has missed a ping',
      (harness: Harness) => harness.connections.set(2, GENERATION, true, false),
    ],
    ['has a slot used anew', (harness: Harness) => harness.connections.set(2, 8, false, false)],
  ])('a peer whose connection %s goes to the next that asks', (_, happen) => {
    for (const seeder of [false, true]) {
      const harness = swarmOf(size)
      happen(harness)
      const taken = harness.announce(FAMILY, T, VICTIM, { connection: 3, seeder })
      expect(taken.status).toBe(ANNOUNCED)
      expect(harness.request.joined).toBe(true)
      // The former owner, cleaning up late, removes nothing.
      harness.leave(FAMILY, T, VICTIM, 2)
      const { seeders, leechers } = harness.scrape(FAMILY, T)
      expect(seeders + leechers).toBe(size)
      expect(seeders).toBe(seeder ? 1 : 0)
      harness.leave(FAMILY, T, VICTIM, 3)
      expect(harness.scrape(FAMILY, T).leechers).toBe(size - 1)
      checkInvariants(harness)
    }
  })

  test.each([
    ['of the same address', [0, 0x0a000001], [0, 0x0a000001], ANNOUNCED],
    ['of the same /64', [0x20010db8, 7], [0x20010db8, 7], ANNOUNCED],
    ['of another address', [0, 0x0a000001], [0, 0x0a000002], HELD],
    ['of another /32', [0x20010db8, 7], [0x20010db9, 7], HELD],
    ['of this machine', [0, 0x7f000001], [0, 0x7f000001], HELD],
    ['of ::1', [0, 0], [0, 0], HELD],
  ])('a peer whose connection lives goes to one %s or not', (_, [high, low], asking, status) => {
    for (const seeder of [false, true]) {
      const harness = swarmOf(size)
      harness.connections.setAddress(1, 0, 0x0a000009)
      harness.connections.setAddress(2, high, low)
      harness.connections.setAddress(3, asking[0], asking[1])
      const taken = harness.announce(FAMILY, T, VICTIM, { connection: 3, seeder })
      expect(taken.status).toBe(status)
      expect(harness.request.joined).toBe(status === ANNOUNCED)
      harness.leave(FAMILY, T, VICTIM, status === ANNOUNCED ? 2 : 3)
      const { seeders, leechers } = harness.scrape(FAMILY, T)
      expect(seeders + leechers).toBe(size)
      // Others' peers are not touched.
      expect(harness.announce(FAMILY, T, 1, { connection: 3 }).status).toBe(HELD)
      checkInvariants(harness)
    }
  })

  test('a peer that its connection announces again has not joined', () => {
    const harness = swarmOf(size)
    expect(harness.announce(FAMILY, T, VICTIM, { connection: 2, seeder: true }).status).toBe(
      ANNOUNCED,
    )
    expect(harness.request.joined).toBe(false)
    harness.announce(FAMILY, T, 9999, { connection: 2 })
    expect(harness.request.joined).toBe(true)
  })

  test('whose a peer is can be asked', () => {
    const harness = swarmOf(size)
    const owns = (torrent: number, peer: number, connection: number) => {
      const words = [0, 1, 2, 3].map((i) => address(FAMILY, peer, i))
      const table = harness.ask(torrent, FAMILY, [...words, peer], GENERATION, connection)
      return ownsPeer(table, harness.request)
    }
    expect(owns(T, VICTIM, 2)).toBe(true)
    expect(owns(T, VICTIM, 1)).toBe(false)
    expect(owns(T, 1, 1)).toBe(true)
    harness.announce(FAMILY, T, 1, { connection: 1, seeder: true })
    expect(owns(T, 1, 1)).toBe(true)
    expect(owns(T, size + 1, 1)).toBe(false)
    expect(owns(T + 1, VICTIM, 2)).toBe(false)
  })
})
