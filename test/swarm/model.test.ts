// Random operations must have the same result on the real swarms and on a naive model.
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { BLOCK_CLASSES } from '../../src/swarm/layout.ts'
import { FAMILIES, type Family, Harness, randomFrom, SMALL_LIMITS, testBuffers } from './harness.ts'
import { checkInvariants } from './invariants.ts'
import { Twin } from './model.ts'

/** A failure can be repeated; another seed tests something else. */
const SEED = Number(process.env.TEST_SEED ?? 20_250)

type Operation =
  | { do: 'announce'; family: Family; torrent: number; peer: number; role: number; wanted: number }
  | { do: 'leave'; family: Family; torrent: number; peer: number }
  | { do: 'scrape'; family: Family; torrent: number }
  | { do: 'grow'; family: Family; torrent: number; first: number; count: number; seeder: boolean }
  | { do: 'shrink'; family: Family; torrent: number; count: number; newestFirst: boolean }
  | { do: 'pass'; seconds: number }
  | { do: 'clean'; budget: number }

const family = fc.constantFrom(...FAMILIES)
/** Mostly the same few. */
const torrent = fc.oneof({ weight: 5, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(300) })
const peer = fc.oneof({ weight: 3, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(9000) })
const wanted = fc.constantFrom(0, 1, 2, 3, 7, 30, 74, 242)
/** Around the sizes where a swarm changes its form, and far beyond. */
const count = fc.oneof(
  { weight: 4, arbitrary: fc.nat(10) },
  { weight: 4, arbitrary: fc.integer({ min: 40, max: 60 }) },
  { weight: 2, arbitrary: fc.nat(1500) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 5000 }) },
)

function operation(torrents: fc.Arbitrary<number>): fc.Arbitrary<Operation> {
  const kind = <K extends Operation['do']>(name: K) => fc.constant(name)
  const where = { family, torrent: torrents }
  return fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ do: kind('announce'), ...where, peer, role: fc.nat(3), wanted }),
    },
    { weight: 4, arbitrary: fc.record({ do: kind('leave'), ...where, peer }) },
    { weight: 1, arbitrary: fc.record({ do: kind('scrape'), ...where }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: kind('grow'),
        ...where,
        first: fc.nat(4000),
        count,
        seeder: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: kind('shrink'), ...where, count, newestFirst: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ do: kind('pass'), seconds: fc.nat(1500) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: kind('clean'), budget: fc.constantFrom(1, 20, 1000) }),
    },
  )
}

function apply(twin: Twin, op: Operation): void {
  if (op.do === 'announce') {
    const seeder = op.role >= 2
    twin.announce(op.family, op.torrent, op.peer, seeder, op.role % 2 === 1, op.wanted)
  } else if (op.do === 'leave') {
    twin.leave(op.family, op.torrent, op.peer)
  } else if (op.do === 'scrape') {
    twin.scrape(op.family, op.torrent)
  } else if (op.do === 'grow') {
    twin.grow(op.family, op.torrent, op.first, op.count, op.seeder)
  } else if (op.do === 'shrink') {
    twin.shrink(op.family, op.torrent, op.count, op.newestFirst)
  } else if (op.do === 'pass') {
    twin.pass(op.seconds)
  } else {
    twin.clean(op.budget)
  }
}

/** All peers expire: what stays is a page of buckets per table, and an empty page per size of block. */
function endAll(twin: Twin, budget: number): void {
  twin.compareAll()
  checkInvariants(twin.harness)
  twin.pass(5000)
  twin.clean(budget)
  expectNothingLeft(twin.harness)
}

function expectNothingLeft(harness: Harness): void {
  const tables = harness.tables.length
  const { torrents, pages } = checkInvariants(harness)
  expect(torrents).toBe(0)
  expect(pages.rows).toBe(0)
  expect(pages.buckets).toBeLessThanOrEqual(tables)
  expect(pages.blocks).toBeLessThanOrEqual(tables * BLOCK_CLASSES)
}

test('random operations on a few torrents agree with the model', () => {
  const run = (operations: Operation[]) => {
    const twin = new Twin(new Harness())
    for (const op of operations) apply(twin, op)
    expect(twin.refused).toBe(0)
    endAll(twin, 50)
  }
  const operations = fc.array(operation(torrent), { minLength: 20, maxLength: 150, size: 'max' })
  fc.assert(fc.property(operations, run), { seed: SEED, numRuns: 60 })
}, 180_000)

test('what is refused for lack of memory changes nothing', () => {
  let refused = 0
  const run = (pages: number, operations: Operation[]) => {
    const twin = new Twin(new Harness(testBuffers(SMALL_LIMITS, pages)))
    for (const op of operations) apply(twin, op)
    refused += twin.refused
    endAll(twin, 50)
  }
  const pages = fc.integer({ min: 3, max: 60 })
  const operations = fc.array(operation(torrent), { minLength: 20, maxLength: 150, size: 'max' })
  fc.assert(fc.property(pages, operations, run), { seed: SEED, numRuns: 60 })
  expect(refused).toBeGreaterThan(1000)
}, 180_000)

test('random operations on a single swarm agree with the model', () => {
  const run = (operations: Operation[]) => {
    const twin = new Twin(new Harness())
    for (const op of operations) apply(twin, { ...op, family: 'ipv4' } as Operation)
    endAll(twin, 1)
  }
  const operations = fc.array(operation(fc.constant(1)), {
    minLength: 20,
    maxLength: 200,
    size: 'max',
  })
  fc.assert(fc.property(operations, run), { seed: SEED, numRuns: 40 })
}, 180_000)

test.each(FAMILIES)(
  'an %s swarm past all segment borders, up and down',
  (family) => {
    const random = randomFrom(SEED)
    const twin = new Twin(new Harness())
    let next = 0
    const step = (chanceToGrow: number) => {
      for (let i = 0; i < 40; i++) {
        if (random() < chanceToGrow) {
          const count = Math.floor(random() * 500)
          twin.grow(family, 1, next, count, random() < 0.5)
          next += count
        } else {
          twin.shrink(family, 1, Math.floor(random() * 500), random() < 0.5)
        }
        // Some change their role; with them the sets grow and shrink against each other.
        for (let j = 0; j < 30; j++) {
          twin.announce(family, 1, Math.floor(random() * next), random() < 0.3, true, 30)
        }
      }
      checkInvariants(twin.harness)
    }
    step(0.95)
    step(0.5)
    step(0.9)
    const { seeders, leechers } = twin.model.counts(family, 1)
    expect(seeders).toBeGreaterThan(256 * 16)
    expect(leechers).toBeGreaterThan(256 * 16)
    step(0.1)
    twin.shrink(family, 1, 1_000_000, false)
    expectNothingLeft(twin.harness)
  },
  180_000,
)

test('many torrents: tables split and join', () => {
  const random = randomFrom(SEED)
  const twin = new Twin(new Harness())
  const announced = (family: Family, torrent: number) => {
    const peers = random() < 0.9 ? 1 : 1 + Math.floor(random() * 6)
    for (let i = 0; i < peers; i++) {
      twin.announce(family, torrent, Math.floor(random() * 9), random() < 0.5, true, 5)
    }
  }
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 12_000; i++) announced('ipv4', Math.floor(random() * 20_000))
    for (let i = 0; i < 3_000; i++) announced('ipv6', Math.floor(random() * 3_000))
    checkInvariants(twin.harness)
    twin.pass(900)
    for (let i = 0; i < 8_000; i++) {
      twin.leave('ipv4', Math.floor(random() * 20_000), Math.floor(random() * 9))
    }
    twin.clean(100)
    checkInvariants(twin.harness)
    twin.compareAll()
  }
  endAll(twin, 100)
}, 180_000)
