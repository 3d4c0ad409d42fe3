// WebSocket peers last as long as their connection shows life, though they announce no more.
import { describe, expect, test } from 'bun:test'
import { GENERATION, Harness } from './harness.ts'

const MAX_AGE = 180
const TORRENT = 1
const START = 1000

function announceAll(harness: Harness, count: number, connection: number): void {
  for (let peer = 0; peer < count; peer++) {
    const seeder = peer % 3 === 0
    harness.announce('websocket', TORRENT, connection * 10_000 + peer, {
      seeder,
      now: START,
      connection,
    })
  }
}

function open(harness: Harness, connection: number, life: number): void {
  harness.connections.setLife(connection, life)
  harness.connections.set(connection, GENERATION, false, false)
}

function peers(harness: Harness): number {
  const { seeders, leechers } = harness.scrape('websocket', TORRENT)
  return seeders + leechers
}

// In a row, in a block, in buckets.
describe.each([2, 20, 3000])('%d peers of each connection', (count) => {
  test('stay while it shows life, and not a second longer than it does', () => {
    const harness = new Harness()
    announceAll(harness, count, 1)
    announceAll(harness, count, 2)
    for (const connection of [1, 2]) open(harness, connection, START)
    for (let now = START; now <= START + 1000; now += 100) {
      harness.connections.setLife(1, now)
      if (now <= START + 300) harness.connections.setLife(2, now)
      harness.clean(now, MAX_AGE, 500)
      expect(peers(harness)).toBe(now - (START + 300) <= MAX_AGE ? 2 * count : count)
    }
    harness.clean(START + 1000 + MAX_AGE, MAX_AGE, 500)
    expect(peers(harness)).toBe(count)
    harness.clean(START + 1001 + MAX_AGE, MAX_AGE, 500)
    expect(peers(harness)).toBe(0)
  })

  test('go when it is closed, or its slot is another connection’s', () => {
    const harness = new Harness()
    announceAll(harness, count, 1)
    announceAll(harness, count, 2)
    announceAll(harness, count, 3)
    const now = START + MAX_AGE + 1
    for (const connection of [1, 2, 3]) open(harness, connection, now)
    harness.connections.close(1, GENERATION)
    harness.connections.set(2, GENERATION + 1, false, false)
    harness.clean(now, MAX_AGE, 500)
    expect(peers(harness)).toBe(count)
  })

  test('stay for longer than their rows can count', () => {
    const harness = new Harness()
    announceAll(harness, count, 1)
    open(harness, 1, START)
    for (let now = START; now < START + 100_000; now += 160) {
      harness.connections.setLife(1, now)
      if (count < 3000 || now % 1600 === START % 1600) harness.clean(now, MAX_AGE, 500)
    }
    expect(peers(harness)).toBe(count)
  })
})

test('a missed ping and a backlog are no end', () => {
  const harness = new Harness()
  announceAll(harness, 2, 1)
  harness.connections.setLife(1, START + 100)
  harness.connections.set(1, GENERATION, true, true)
  harness.clean(START + MAX_AGE + 50, MAX_AGE, 500)
  expect(peers(harness)).toBe(2)
})

test('peers of other kinds have no connection', () => {
  const harness = new Harness()
  for (let slot = 0; slot < 64; slot++) open(harness, slot, START + 1000)
  for (const family of ['ipv4', 'ipv6'] as const) {
    harness.announce(family, TORRENT, 5, { now: START })
    harness.clean(START + MAX_AGE + 1, MAX_AGE, 500)
    expect(harness.scrape(family, TORRENT).leechers).toBe(0)
  }
})
