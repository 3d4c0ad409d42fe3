// How many requests a connection and an address may make: by the clock of the test, and by workers that
// share one memory.
import { describe, expect, test } from 'bun:test'
import { PLENTY } from '../../../src/swarm/admission.ts'
import { Peer } from '../../../src/swarm/peers/peer.ts'
import { ANNOUNCED, GATED, PEERS_RATIONED, TORRENTS_RATIONED } from '../../../src/swarm/status.ts'
import { addressKey } from '../../../src/tcp/client-address.ts'
import { Connection } from '../../../src/ws/worker/connection.ts'
import { Memberships } from '../../../src/ws/worker/memberships.ts'
import {
  ADMITTED,
  CLOSE,
  createRequestLimits,
  RequestLimits,
  type RequestRates,
  SAY_NOTHING,
  TELL,
  TOO_MANY_OF_ADDRESS,
  TOO_MANY_OF_CONNECTION,
} from '../../../src/ws/worker/request-limits.ts'

const RATES = { perConnection: 5, perAddress: 0, newTorrents: 0 }
const START = 100_000

function makeLimits(rates: RequestRates, data = createRequestLimits()): RequestLimits {
  const limits = new RequestLimits(data, rates)
  limits.setTime(START)
  return limits
}

function connectionFrom(address: string, torrents = 0): Connection {
  const { high, low } = addressKey(address)
  const connection = new Connection({ id: 0, slot: 0, generation: 0 }, high, low, START, START)
  if (torrents > 0) {
    connection.memberships = new Memberships()
    connection.memberships.count = torrents
  }
  return connection
}

/** Asks until it is refused, at most `max` times; how often it was admitted. */
function admitted(limits: RequestLimits, connection: Connection, max = 1_000_000): number {
  let count = 0
  while (count < max && limits.check(connection) === ADMITTED) {
    limits.charge(connection)
    count++
  }
  return count
}

describe('a connection', () => {
  test('may send what a minute allows at once, and then its rate', () => {
    const limits = makeLimits(RATES)
    const connection = connectionFrom('203.0.113.7')
    expect(admitted(limits, connection)).toBe(300)
    expect(limits.check(connection)).toBe(TOO_MANY_OF_CONNECTION)
    for (let second = 1; second <= 10; second++) {
      limits.setTime(START + second)
      expect(admitted(limits, connection)).toBe(5)
    }
    limits.setTime(START + 1000)
    expect(admitted(limits, connection)).toBe(300)
    // Another one, from the same address, has its own.
    expect(admitted(limits, connectionFrom('203.0.113.7'))).toBe(300)
  })

  test('may send one more per second for ten torrents', () => {
    const limits = makeLimits(RATES)
    // Of 1 ÷ 6 seconds each, which is rounded.
    expect(Math.abs(admitted(limits, connectionFrom('203.0.113.7', 10)) - 360)).toBeLessThan(2)
    const most = admitted(limits, connectionFrom('203.0.113.7', 10_000))
    expect(Math.abs(most - 60 * 1005)).toBeLessThan(2)
  })

  test('may announce 10,000 torrents at once when it starts, and leave them all', () => {
    const limits = makeLimits(RATES)
    const connection = connectionFrom('203.0.113.7', 1)
    for (let torrents = 0; torrents < 10_000; torrents++) {
      expect(admitted(limits, connection, 1)).toBe(1)
      if (connection.memberships !== null) connection.memberships.count = torrents + 1
    }
    limits.setTime(START + 60)
    for (let torrents = 10_000; torrents > 0; torrents--) {
      expect(admitted(limits, connection, 1)).toBe(1)
      if (connection.memberships !== null) connection.memberships.count = torrents - 1
    }
  })

  test('is told at first, at most five times in ten seconds, and closed when it goes on', () => {
    const limits = makeLimits(RATES)
    const connection = connectionFrom('203.0.113.7')
    const deeds = (count: number) => Array.from({ length: count }, () => limits.refuse(connection))
    admitted(limits, connection)
    expect(deeds(7)).toEqual([TELL, TELL, TELL, TELL, TELL, SAY_NOTHING, SAY_NOTHING])
    limits.setTime(START + 9)
    expect(deeds(1)).toEqual([SAY_NOTHING])
    limits.setTime(START + 10)
    expect(deeds(6)).toEqual([TELL, TELL, TELL, TELL, TELL, SAY_NOTHING])
    limits.setTime(START + 1000)
    const many = deeds(301)
    expect(many.indexOf(CLOSE)).toBe(300)
  })

  test.each(['127.0.0.1', '127.8.9.1', '::1'])('from %s is never limited', (address) => {
    const limits = makeLimits({ perConnection: 1, perAddress: 1, newTorrents: 0 })
    const connection = connectionFrom(address)
    expect(admitted(limits, connection, 10_000)).toBe(10_000)
  })

  test('is not limited with 0', () => {
    const limits = makeLimits({ perConnection: 0, perAddress: 0, newTorrents: 0 })
    expect(admitted(limits, connectionFrom('203.0.113.7'), 100_000)).toBe(100_000)
    limits.configure(RATES)
    expect(admitted(limits, connectionFrom('203.0.113.7'))).toBe(300)
  })
})

describe('an address', () => {
  const rates = { perConnection: 0, perAddress: 64, newTorrents: 0 }

  test('may send what a minute allows over all of its connections and workers', () => {
    const data = createRequestLimits()
    const workers = Array.from({ length: 4 }, () => makeLimits(rates, data))
    const connections = Array.from({ length: 8 }, () => connectionFrom('203.0.113.7'))
    let count = 0
    for (let i = 0; i < 10_000; i++) count += admitted(workers[i % 4], connections[i % 8], 1)
    expect(count).toBe(3840)
    expect(workers[0].check(connections[0])).toBe(TOO_MANY_OF_ADDRESS)
    expect(admitted(workers[1], connectionFrom('203.0.113.8'))).toBe(3840)
    for (const worker of workers) worker.setTime(START + 1)
    expect(admitted(workers[2], connections[2])).toBe(64)
  })

  test('is a /64, and a /48 may send four times as much', () => {
    const limits = makeLimits(rates)
    expect(admitted(limits, connectionFrom('2001:db8:1:1::5'))).toBe(3840)
    expect(admitted(limits, connectionFrom('2001:db8:1:1::6'))).toBe(0)
    let count = 3840
    for (let i = 2; i < 50; i++) count += admitted(limits, connectionFrom(`2001:db8:1:${i}::5`))
    expect(count).toBe(15_360)
    expect(admitted(limits, connectionFrom('2001:db8:2:1::5'))).toBe(3840)
  })

  test('that is used up is refused without a limit per connection, told, and closed', () => {
    const limits = makeLimits(rates)
    const connection = connectionFrom('203.0.113.7')
    admitted(limits, connection)
    const deeds = Array.from({ length: 61 }, () => limits.refuse(connection))
    expect(deeds[0]).toBe(TELL)
    expect(deeds.indexOf(CLOSE)).toBe(60)
  })
})

describe('what is new', () => {
  const RATES_OF_NEW = { perConnection: 0, perAddress: 0, newTorrents: 1 }
  const peer = new Peer()

  /** How many of so many torrents or peers a client gets in. */
  function brings(
    limits: RequestLimits,
    address: string,
    times: number,
    what: 'newTorrent' | 'newPeer',
    left: number,
  ) {
    let count = 0
    for (let i = 0; i < times; i++) {
      limits.check(connectionFrom(address))
      if (limits[what](peer, left) === ANNOUNCED) count++
    }
    return count
  }

  test('is limited per address, /64 and /48, by the rate and what is left', () => {
    for (const [what, left, most] of [
      ['newTorrent', PLENTY, 60],
      ['newTorrent', 480, 30],
      ['newPeer', 480, 30],
      ['newPeer', 1, 1],
    ] as const) {
      const limits = makeLimits(RATES_OF_NEW)
      const bring = (address: string) => brings(limits, address, 300, what, left)
      expect(bring('203.0.113.7')).toBe(most)
      expect(bring('203.0.113.8')).toBe(most)
      expect(bring('2001:db8:1:1::1')).toBe(most)
      expect(bring('2001:db8:1:1::2')).toBe(0)
      for (const network of [2, 3, 4]) expect(bring(`2001:db8:1:${network}::1`)).toBe(most)
      expect(bring('2001:db8:1:5::1')).toBe(0)
      expect(bring('2001:db8:2:5::1')).toBe(most)
      expect(bring('127.0.0.1')).toBe(300)
      expect(bring('::1')).toBe(300)
      limits.setTime(START + 30)
      expect(bring('203.0.113.7')).toBe(Math.floor(most / 2))
    }
  })

  test('is told apart: over the rate, and more than the rest allows', () => {
    const limits = makeLimits(RATES_OF_NEW)
    brings(limits, '203.0.113.7', 60, 'newTorrent', PLENTY)
    expect(limits.newTorrent(peer, PLENTY)).toBe(GATED)
    expect(limits.newTorrent(peer, 100)).toBe(TORRENTS_RATIONED)
    brings(limits, '203.0.113.7', 60, 'newPeer', 100)
    expect(limits.newPeer(peer, 100)).toBe(PEERS_RATIONED)
    expect(limits.newPeer(peer, PLENTY)).toBe(ANNOUNCED)
    limits.configure({ ...RATES_OF_NEW, newTorrents: 0 })
    expect(limits.newTorrent(peer, PLENTY)).toBe(ANNOUNCED)
  })

  test('does not count in the requests of an address, nor they in it', () => {
    const limits = makeLimits({ perConnection: 0, perAddress: 1, newTorrents: 1 })
    expect(admitted(limits, connectionFrom('203.0.113.7'))).toBe(60)
    expect(brings(limits, '203.0.113.7', 100, 'newTorrent', PLENTY)).toBe(60)
    expect(brings(limits, '203.0.113.7', 100, 'newPeer', 1)).toBe(1)
  })
})
