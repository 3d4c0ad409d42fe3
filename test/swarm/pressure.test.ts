// What swarms do under pressure, as the main thread tells the workers: large ones take no new peers, known peers are
// renewed, peers stay as much longer as their clients were told to wait.
import { describe, expect, test } from 'bun:test'
import { NO_PRESSURE, type PressureState, writePressure } from '../../src/swarm/pressure.ts'
import { ANNOUNCED, PRESSED, TURNED_AWAY } from '../../src/swarm/status.ts'
import { Cleaner } from '../../src/swarm/walks/cleaner.ts'
import { FAMILIES, Harness, SMALL_LIMITS, testBuffers } from './harness.ts'
import { checkInvariants } from './invariants.ts'

const LARGE = 50

function under(state: Partial<PressureState>, harness = new Harness()): Harness {
  writePressure(new Int32Array(harness.buffers.control), { ...NO_PRESSURE, ...state })
  harness.swarms.pressure.look()
  return harness
}

function fill(harness: Harness, family: (typeof FAMILIES)[number], torrent: number, peers: number) {
  for (let peer = 0; peer < peers; peer++) {
    const seeder = peer % 3 === 0
    expect(harness.announce(family, torrent, peer, { seeder }).status).toBe(ANNOUNCED)
  }
}

describe.each(FAMILIES)('%s', (family) => {
  // Below and above 48 peers a swarm has another shape.
  test.each([5, 40, LARGE, 200])(
    'a swarm of %d peers takes no new one, but answers, and renews those it knows',
    (size) => {
      const harness = new Harness()
      fill(harness, family, 1, size)
      under({ turnAwayFrom: size }, harness)
      const before = checkInvariants(harness)
      for (const seeder of [false, true]) {
        const turnedAway = harness.announce(family, 1, size, { seeder, wanted: 5 })
        expect(turnedAway.status).toBe(TURNED_AWAY)
        expect(turnedAway.seeders + turnedAway.leechers).toBe(size)
        expect(turnedAway.peers.length).toBeGreaterThan(0)
        expect(turnedAway.peers).not.toContain(size)
      }
      expect(checkInvariants(harness)).toEqual(before)
      const renewed = harness.announce(family, 1, 1, { now: 2000 })
      expect(renewed.status).toBe(ANNOUNCED)
      expect(harness.announce(family, 1, 1, { seeder: true, now: 2000 }).status).toBe(ANNOUNCED)
      // The renewed one stays, those that were silent go.
      harness.clean(2200, 1000, 1000)
      expect(harness.scrape(family, 1)).toMatchObject({ seeders: 1, leechers: 0 })
    },
  )

  test('smaller swarms and new torrents take peers as always', () => {
    const harness = under({ turnAwayFrom: 5, refuses: true })
    fill(harness, family, 1, 5)
    expect(harness.announce(family, 1, 5).status).toBe(PRESSED)
    expect(harness.announce(family, 2, 5).status).toBe(ANNOUNCED)
    harness.leave(family, 1, 0)
    expect(harness.announce(family, 1, 5).status).toBe(ANNOUNCED)
  })

  test('a refusal leaves nothing behind', () => {
    const harness = new Harness()
    fill(harness, family, 1, 60)
    under({ turnAwayFrom: 50, refuses: true }, harness)
    const before = checkInvariants(harness)
    for (let peer = 60; peer < 160; peer++) {
      expect(harness.announce(family, 1, peer).status).toBe(PRESSED)
    }
    expect(checkInvariants(harness)).toEqual(before)
    under({}, harness)
    expect(harness.announce(family, 1, 60).status).toBe(ANNOUNCED)
  })
})

test('a worker learns of a change when it looks, and only then', () => {
  const harness = new Harness()
  const other = new Harness(harness.buffers)
  under({ turnAwayFrom: 7, refuses: true, largeSwarm: 9, age: 2 }, harness)
  const { pressure } = other.swarms
  expect(pressure.turnAwayFrom).toBeGreaterThan(1e9)
  pressure.look()
  expect(pressure).toMatchObject({ turnAwayFrom: 7, refuses: true, largeFrom: 9 })
  expect(pressure.age(1200)).toBe(2400)
  under({}, harness)
  pressure.look()
  expect(pressure.largeFrom).toBeGreaterThan(1e9)
  expect(pressure).toMatchObject({ refuses: false })
  expect(pressure.age(1200)).toBe(1200)
})

test('a cleaning leaves peers as much longer as their clients were told to wait', () => {
  const left = (state: Partial<PressureState>) => {
    const harness = under(state)
    harness.announce('ipv4', 1, 1, { now: 1000 })
    const cleaner = new Cleaner(harness.swarms, harness.tables, 10, 1000, false, 1000)
    for (const now of [2990, 3020]) {
      for (let slices = 0; cleaner.step(now); slices++) expect(slices).toBeLessThan(1000)
      const stays = (state.age ?? 1) * 1000 >= now - 1000
      expect(harness.scrape('ipv4', 1).leechers).toBe(stays ? 1 : 0)
    }
    return harness.scrape('ipv4', 1).leechers
  }
  expect(left({})).toBe(0)
  expect(left({ age: 2 })).toBe(0)
  expect(left({ age: 3 })).toBe(1)
})

describe('intervals', () => {
  const { pressure } = new Harness().swarms
  const of = (state: Partial<PressureState>, usual = 900) => {
    const { pressure } = under(state).swarms
    return [pressure.interval(usual, true), pressure.interval(usual, false)]
  }

  test('are the usual ones without pressure', () => {
    expect([pressure.interval(900, true), pressure.interval(900, false)]).toEqual([900, 900])
  })

  test('of large swarms are as much longer as they are to be, and those of small ones', () => {
    expect(of({ longer: { large: 4, small: 1.5 } })).toEqual([3600, 1350])
    expect(of({ longer: { large: 4, small: 1 } })).toEqual([3600, 900])
  })

  test('grow for lack of room only as far as peers are remembered anyway', () => {
    const longerWithinAge = { large: 4, small: 2 }
    expect(of({ longerWithinAge, withinAgeSec: 900 })).toEqual([900, 900])
    expect(of({ longerWithinAge, withinAgeSec: 1500 })).toEqual([1500, 1500])
    expect(of({ longerWithinAge, withinAgeSec: 9000 })).toEqual([3600, 1800])
    expect(of({ longerWithinAge, withinAgeSec: 100 })).toEqual([900, 900])
    const both = { longerWithinAge, withinAgeSec: 1500, longer: { large: 2, small: 1 } }
    expect(of(both)).toEqual([1800, 1500])
  })
})

test('the words of pressure are no others', () => {
  const buffers = testBuffers(SMALL_LIMITS)
  const before = new Int32Array(buffers.control).slice()
  const state: PressureState = {
    largeSwarm: 1,
    longer: { large: 2, small: 2 },
    longerWithinAge: { large: 2, small: 2 },
    withinAgeSec: 1,
    age: 2,
    turnAwayFrom: 1,
    refuses: true,
  }
  const harness = new Harness(buffers)
  under(state, harness)
  under(NO_PRESSURE, harness)
  const words = new Int32Array(buffers.control)
  const changed = [...words.keys()].filter((i) => words[i] !== before[i])
  // Which way tables are used, and the count of changes.
  expect(changed).toEqual([5, 16])
})
