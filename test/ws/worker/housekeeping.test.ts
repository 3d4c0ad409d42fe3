// What the clock does to connections, second by second.
import { expect, test } from 'bun:test'
import { RangeBuilder } from '../../../src/client-lists/build-ranges.ts'
import { ClientGate, MODE_DENY } from '../../../src/client-lists/gate.ts'
import { NO_NETWORKS } from '../../../src/client-lists/network-file.ts'
import { ConnectionStates, createConnectionStates } from '../../../src/swarm/connections.ts'
import { type Connection, Connections, type Socket } from '../../../src/ws/worker/connection.ts'
import {
  CLOSED_DENIED_NETWORK,
  CLOSED_SILENT,
  CLOSED_UNREACHABLE,
  COUNTER_COUNT,
} from '../../../src/ws/worker/counters.ts'
import { Housekeeping } from '../../../src/ws/worker/housekeeping.ts'
import { Memberships } from '../../../src/ws/worker/memberships.ts'
import { PENDING_OFFERS_MAX, PendingOffers } from '../../../src/ws/worker/pending-offers.ts'

const START = 1000
const SETTINGS = { maxConnectionAge: 10, pingInterval: 4, maxOfferAge: 5 }

class Fixture {
  readonly states = new ConnectionStates(createConnectionStates(1, 10))
  readonly connections = new Connections(0, this.states, SETTINGS.pingInterval)
  readonly counts = new Int32Array(COUNTER_COUNT)
  readonly events: string[] = []
  readonly housekeeping: Housekeeping
  private readonly pings = new Map<number, () => void>()
  now = START

  constructor(settings = SETTINGS) {
    const sender = { control: ({ slot }: Connection) => this.pings.get(slot)?.() }
    this.housekeeping = new Housekeeping(this.connections, sender, settings, this.counts, START)
  }

  open(name: string, nextPing = START + 1_000_000): Connection {
    const connection = this.connections.open(1, 2, this.now)
    connection.nextPing = nextPing
    const note = (what: string) => () =>
      void this.events.push(`${this.now - START} ${name} ${what}`)
    const end = (what: string) => () => {
      note(what)()
      connection.closed = true
    }
    const socket = { close: end('closed'), terminate: end('cut') }
    this.pings.set(connection.slot, note('pinged'))
    connection.socket = socket as unknown as Socket
    return connection
  }

  /** A tick a second. */
  run(seconds: number, each: (second: number) => void = () => {}): void {
    for (let i = 0; i < seconds; i++) {
      this.now++
      each(this.now - START)
      this.housekeeping.tick(this.now)
    }
  }

  /** The process stands still for so long. */
  pause(seconds: number): void {
    this.now += seconds
    this.housekeeping.tick(this.now)
  }
}

function withPeer(connection: Connection): Connection {
  connection.memberships = new Memberships()
  connection.memberships.add(new Int32Array(5), 0, new Int32Array(5), 0)
  return connection
}

test('a connection may be silent as long as the setting says, and not a second longer', () => {
  const fixture = new Fixture()
  fixture.open('a')
  fixture.run(10)
  expect(fixture.events).toEqual([])
  fixture.run(5)
  expect(fixture.events).toEqual(['11 a closed'])
  expect(fixture.counts[CLOSED_SILENT]).toBe(1)
})

test('with peers every sign of life counts, without only messages do', () => {
  const fixture = new Fixture()
  const [idle, left, seeder] = [fixture.open('idle'), fixture.open('left'), fixture.open('seeder')]
  withPeer(seeder)
  withPeer(left).memberships?.removeAt(0)
  fixture.run(30, () => {
    for (const connection of [idle, left, seeder])
      fixture.connections.showedLife(connection, fixture.now)
  })
  expect(fixture.events).toEqual(['11 idle closed', '11 left closed'])
  fixture.run(10)
  expect(fixture.events).toHaveLength(2)
  fixture.run(1)
  expect(fixture.events.at(-1)).toBe('41 seeder closed')
})

test('a message is a sign of life of its own', () => {
  const fixture = new Fixture()
  const connection = fixture.open('a')
  fixture.run(30, () => {
    connection.lastMessage = fixture.now
  })
  expect(fixture.events).toEqual([])
})

test('pings come when they are due; a second one without an answer ends the connection', () => {
  const fixture = new Fixture({ ...SETTINGS, maxConnectionAge: 100 })
  const dead = withPeer(fixture.open('dead', START + 2))
  fixture.run(1)
  expect(fixture.events).toEqual([])
  fixture.run(5)
  expect(fixture.events).toEqual(['2 dead pinged', '6 dead pinged'])
  expect(fixture.states.lives(dead.id, dead.generation)).toBe(false)
  fixture.run(4)
  expect(fixture.events.at(-1)).toBe('10 dead cut')
  expect(fixture.counts[CLOSED_UNREACHABLE]).toBe(1)
})

test('an answer to the second ping is in time', () => {
  const fixture = new Fixture({ ...SETTINGS, maxConnectionAge: 100 })
  const late = withPeer(fixture.open('late', START + 2))
  fixture.run(7)
  expect(late.missedPing).toBe(true)
  fixture.connections.showedLife(late, fixture.now)
  expect(fixture.states.lives(late.id, late.generation)).toBe(true)
  fixture.run(6)
  expect(fixture.events).toEqual(['2 late pinged', '6 late pinged', '10 late pinged'])
})

test('a pause is nobody’s silence', () => {
  const fixture = new Fixture()
  const connection = withPeer(fixture.open('a', START + 2))
  fixture.run(9)
  const [pings] = [fixture.events.length]
  fixture.pause(75)
  // What waited in its socket is read now.
  expect(fixture.events).toHaveLength(pings)
  expect(fixture.states.lifeOf(connection.id, connection.generation)).toBe(START + 75)
  fixture.connections.showedLife(connection, fixture.now)
  fixture.run(2)
  expect(fixture.events.slice(pings)).toEqual(['85 a pinged'])
})

test('after a pause, silence goes on where it was', () => {
  const fixture = new Fixture()
  fixture.open('a')
  fixture.run(9)
  fixture.pause(75)
  fixture.run(1)
  expect(fixture.events).toEqual([])
  fixture.run(1)
  expect(fixture.events).toEqual(['86 a closed'])
})

test('a worker that never has the time judges every other tick', () => {
  const fixture = new Fixture()
  fixture.open('a')
  let ticks = 0
  while (fixture.events.length === 0 && ticks++ < 100) fixture.pause(3)
  expect(ticks).toBeLessThan(10)
})

test('offers are forgotten after one to two times their age, and a pause is none of it', () => {
  const fixture = new Fixture({ ...SETTINGS, maxConnectionAge: 1000 })
  const connection = fixture.open('a')
  const pending = new PendingOffers(START)
  connection.pendingOffers = pending
  for (let key = 0; key < 3; key++) pending.add(key, 0, 1, 1)
  fixture.run(4)
  fixture.pause(50)
  fixture.run(1)
  expect(pending.rotatedAt).toBe(fixture.now)
  expect(pending.take(0, 0)).toBe(true)
  fixture.run(4)
  expect(connection.pendingOffers).toBe(pending)
  expect(pending.take(1, 0)).toBe(true)
  fixture.run(1)
  expect(connection.pendingOffers).toBeNull()
})

test('who was full of offers gets some again when they are forgotten', () => {
  const fixture = new Fixture({ ...SETTINGS, maxConnectionAge: 1000 })
  const connection = fixture.open('a')
  connection.pendingOffers = new PendingOffers(START)
  for (let key = 0; key < PENDING_OFFERS_MAX; key++) connection.pendingOffers.add(key, 0, 1, 1)
  fixture.connections.publish(connection)
  const takes = () => fixture.states.takesOffers(connection.id, connection.generation)
  expect(takes()).toBe(false)
  fixture.run(10)
  expect(takes()).toBe(true)
})

test('connections whose network a new list denies are closed, once, and the others stay', async () => {
  const fixture = new Fixture()
  const builder = new RangeBuilder(1)
  builder.add([10], 8)
  const tables = { ...NO_NETWORKS, ipv4: await builder.finish() }
  const gate = new ClientGate()
  const from = (name: string, a0: number) => {
    const { socket } = fixture.open(name)
    Object.assign(socket as object, { client: { ipv4: true, a0, a1: 0, a2: 0, a3: 0 } })
  }
  from('denied', 0x0100000a)
  from('served', 0x0100000b)
  gate.setNetworks({ mode: MODE_DENY, tables })
  fixture.run(1)
  expect(fixture.events).toEqual([])
  fixture.housekeeping.networksChanged(gate)
  fixture.run(3)
  expect(fixture.events).toEqual(['2 denied closed'])
  expect(fixture.counts[CLOSED_DENIED_NETWORK]).toBe(1)
})
