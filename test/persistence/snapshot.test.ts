// Snapshots of the UDP swarms: what is written comes back, and what is damaged does not.
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { SnapshotStopped } from '../../src/persistence/block-writer.ts'
import { momentNow } from '../../src/persistence/boot.ts'
import { END_BYTES, readEnd, type SnapshotEnd, SUM_BYTES } from '../../src/persistence/format.ts'
import { type LoadFigures, loadSnapshot } from '../../src/persistence/read.ts'
import { writeSnapshot } from '../../src/persistence/write.ts'
import { folderOfFile } from '../support/folder.ts'
import { type ExportedPeer, Exporter } from '../swarm/exporter.ts'
import { type Family, Harness, SMALL_LIMITS, testBuffers } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'

const folder = folderOfFile()
let files = 0
const newPath = () => join(folder, `${files++}`)

const BOOT = new Uint8Array(16).fill(3)
const OTHER_BOOT = new Uint8Array(16).fill(4)
const MAX_AGE = 1200
const UDP: readonly Family[] = ['ipv4', 'ipv6']

function write(harness: Harness, path: string, more = {}) {
  return writeSnapshot({ path, swarms: harness.swarms, bootId: BOOT, gently: false, ...more })
}

interface LoadOptions {
  readonly later?: number
  readonly bootId?: Uint8Array
  readonly wallLater?: number
}

function load(harness: Harness, path: string, options: LoadOptions = {}): LoadFigures {
  const { bootId = BOOT, later = 0, wallLater = later } = options
  const { monotonic, wall } = momentNow(bootId)
  const now = { bootId, monotonic: monotonic + later, wall: wall + wallLater }
  const { swarms } = harness
  const loaded = loadSnapshot({ path, swarms, now, maxAge: MAX_AGE, countDownloads: true })
  if (loaded === null) throw new Error('no file')
  return loaded
}

function endOf(path: string): SnapshotEnd {
  const bytes = readFileSync(path)
  return readEnd(bytes.subarray(bytes.length - SUM_BYTES - END_BYTES))
}

const clock = () => momentNow(BOOT).monotonic

/** Everybody, as comparable text. Ages are rounded down to what a slow test may be late. */
function members(harness: Harness, withAges: boolean, now = clock()): string[] {
  const text = (family: Family) => (peer: ExportedPeer) => {
    const age = withAges ? Math.floor(((now - peer.seen) & 0x7fff) / 100) : 0
    return [family, peer.torrent, peer.completed, peer.peer, peer.seeder, age].join(':')
  }
  return UDP.flatMap((family) =>
    new Exporter(family, harness).finish(1000).map(text(family)),
  ).sort()
}

function fill(harness: Harness, torrents: number, peersMax: number): void {
  for (const family of UDP) {
    for (let torrent = 0; torrent < torrents; torrent++) {
      const peers = 1 + ((torrent * 7) % peersMax)
      for (let peer = 0; peer < peers; peer++) {
        const now = clock() - (peer % 10) * 100 - 50
        harness.announce(family, torrent, peer, { now, wanted: 0, seeder: peer % 3 === 0 })
      }
    }
  }
}

describe('a snapshot', () => {
  test('brings the same swarms back', async () => {
    const swarm = fc.record({
      family: fc.constantFrom(...UDP),
      torrent: fc.nat(300),
      first: fc.nat(1000),
      count: fc.oneof(fc.nat(5), fc.integer({ min: 40, max: 60 }), fc.nat(3000)),
      seeders: fc.nat(10),
      completed: fc.nat(3),
      age: fc.integer({ min: 0, max: 11 }),
    })
    const run = async (
      list: {
        family: Family
        torrent: number
        first: number
        count: number
        seeders: number
        completed: number
        age: number
      }[],
    ) => {
      const before = new Harness()
      for (const { family, torrent, first, count, seeders, completed, age } of list) {
        const now = clock() - age * 100 - 50
        for (let peer = first; peer < first + count; peer++) {
          const seeder = peer % 10 < seeders
          if (peer - first < completed) before.announce(family, torrent, peer, { now, wanted: 0 })
          const done = peer - first < completed
          before.announce(family, torrent, peer, { now, wanted: 0, seeder, completed: done })
        }
      }
      const path = newPath()
      const figures = await write(before, path)
      const after = new Harness()
      const loaded = load(after, path)
      expect(loaded).toMatchObject({ peers: figures.peers, tooOld: 0, known: 0, refused: 0 })
      expect(members(after, true)).toEqual(members(before, true))
      expect(figures.bytes).toBe(statSync(path).size)
      checkInvariants(after)
    }
    await fc.assert(fc.asyncProperty(fc.array(swarm, { maxLength: 25 }), run), {
      seed: Number(process.env.TEST_SEED ?? 20_250),
      numRuns: 25,
    })
  }, 180_000)

  test('is readable by its owner only, and leaves nothing else', async () => {
    const place = mkdtempSync(join(folder, 'place-'))
    const path = join(place, 'snapshot')
    await write(new Harness(), path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await write(new Harness(), path)
    expect(readdirSync(place)).toEqual(['snapshot'])
  })

  test('is complete while announces go on', async () => {
    const harness = new Harness()
    fill(harness, 2000, 40)
    const before = members(harness, false).length
    const path = newPath()
    let done = false
    const writing = write(harness, path, { gently: true }).finally(() => {
      done = true
    })
    for (let torrent = 5000; !done; torrent++) {
      harness.announce('ipv4', torrent, 1, { now: clock() })
      if (torrent % 50 === 0) await new Promise(setImmediate)
    }
    expect((await writing).peers).toBeGreaterThanOrEqual(before)
    const after = new Harness()
    load(after, path)
    const loaded = new Set(members(after, false))
    const missing = members(harness, false).filter(
      (text) => !loaded.has(text) && Number(text.split(':')[1]) < 5000,
    )
    expect(missing).toEqual([])
  })

  test('that is stopped leaves the old one', async () => {
    const path = newPath()
    const harness = new Harness()
    harness.announce('ipv4', 1, 1, { now: clock() })
    await write(harness, path)
    const old = readFileSync(path)
    fill(harness, 100, 10)
    expect(write(harness, path, { mustStop: () => true })).rejects.toThrow(SnapshotStopped)
    await write(harness, path, { mustStop: () => true }).catch(() => {})
    expect(readFileSync(path)).toEqual(old)
    expect(existsSync(`${path}.tmp`)).toBe(false)
  })

  test('of peers seen since a second leaves out the others', async () => {
    const harness = new Harness()
    const now = clock()
    for (let peer = 0; peer < 1000; peer++) {
      harness.announce('ipv4', peer % 9, peer, { now: now - peer, wanted: 0 })
    }
    const path = newPath()
    expect((await write(harness, path, { seenSince: now - 100 })).peers).toBe(101)
    const after = new Harness()
    expect(load(after, path).peers).toBe(101)
  })

  test('of peers seen since a second has exactly those, of swarms of any size', async () => {
    const harness = new Harness()
    const now = clock()
    const isRecent = (torrent: number, peer: number) => (torrent * 5 + peer * 3) % 7 < 3
    for (const family of UDP) {
      for (let torrent = 0; torrent < 200; torrent++) {
        const peers = torrent === 9 ? 400 : torrent % 5
        for (let peer = 0; peer < peers; peer++) {
          const seen = now - (isRecent(torrent, peer) ? 50 : 150)
          harness.announce(family, torrent, peer, { now: seen, wanted: 0, seeder: peer % 2 === 0 })
        }
      }
    }
    const path = newPath()
    await write(harness, path, { seenSince: now - 100 })
    const after = new Harness()
    load(after, path)
    const isWanted = (text: string) => {
      const [, torrent, , peer] = text.split(':').map(Number)
      return isRecent(torrent, peer)
    }
    expect(members(after, true)).toEqual(members(harness, true).filter(isWanted))
  })
})

describe('ages', () => {
  test('go on over a restart of the machine, by the wall clock', async () => {
    const before = new Harness()
    const now = clock()
    for (const age of [0, 100, 600, 1100]) before.announce('ipv4', 1, age, { now: now - age })
    const path = newPath()
    await write(before, path)
    const after = new Harness()
    // Another start: the monotonic clock says nothing, 300 seconds have passed on the wall.
    const loaded = load(after, path, { bootId: OTHER_BOOT, later: -now + 20, wallLater: 300 })
    expect(loaded).toMatchObject({ peers: 3, tooOld: 1 })
    expect(loaded.ageSeconds).toBeGreaterThanOrEqual(300)
    expect(loaded.ageSeconds).toBeLessThan(310)
    const ages = new Exporter('ipv4', after).finish(100).map(({ seen }) => (20 - seen) & 0x7fff)
    const expected = [300, 400, 900]
    ages
      .sort((a, b) => a - b)
      .forEach((age, i) => {
        expect(age).toBeGreaterThanOrEqual(expected[i])
        expect(age).toBeLessThan(expected[i] + 10)
      })
  })

  test('go by the monotonic clock while the machine runs, whatever the wall clock says', async () => {
    const before = new Harness()
    before.announce('ipv4', 1, 1, { now: clock() - 10 })
    const path = newPath()
    await write(before, path)
    for (const wallLater of [-100_000, 100_000]) {
      expect(load(new Harness(), path, { later: 1000, wallLater })).toMatchObject({ peers: 1 })
      expect(load(new Harness(), path, { later: 1300, wallLater })).toMatchObject({ tooOld: 1 })
    }
  })

  test('go by the wall clock when the monotonic one was set back, as by an image of the machine', async () => {
    const before = new Harness()
    const now = clock()
    for (const age of [0, 600, 1100]) before.announce('ipv4', 1, age, { now: now - age })
    const path = newPath()
    await write(before, path)
    const after = new Harness()
    const loaded = load(after, path, { later: -5000, wallLater: 400 })
    expect(loaded).toMatchObject({ peers: 2, tooOld: 1, clockRanBackwards: true })
    const ages = new Exporter('ipv4', after)
      .finish(10)
      .map(({ seen }) => (now - 5000 - seen) & 0x7fff)
    ages.sort((a, b) => a - b)
    for (const [i, age] of [400, 1000].entries()) {
      expect(ages[i]).toBeGreaterThanOrEqual(age)
      expect(ages[i]).toBeLessThan(age + 10)
    }
    // Of the same second, and of the second before it: the clock stands, or ran backwards.
    const { monotonic } = endOf(path)
    const at = (second: number) => load(new Harness(), path, { later: second - clock() })
    expect(at(monotonic).clockRanBackwards).toBe(false)
    expect(at(monotonic - 1).clockRanBackwards).toBe(true)
    const elsewhere = load(new Harness(), path, { bootId: OTHER_BOOT, later: -5000 })
    expect(elsewhere.clockRanBackwards).toBe(false)
  })

  test('never become less because the wall clock was set back', async () => {
    const before = new Harness()
    before.announce('ipv4', 1, 1, { now: clock() - 1100 })
    const path = newPath()
    await write(before, path)
    const after = new Harness()
    load(after, path, { bootId: OTHER_BOOT, wallLater: -1_000_000 })
    const [{ seen }] = new Exporter('ipv4', after).finish(10)
    expect((clock() - seen) & 0x7fff).toBeGreaterThanOrEqual(1100)
  })
})

describe('loading', () => {
  test('beside younger entries keeps them', async () => {
    const before = new Harness()
    const now = clock()
    for (const size of [2, 100]) {
      for (let peer = 0; peer < size; peer++) {
        before.announce('ipv4', size, peer, { now: now - 500, wanted: 0, seeder: true })
      }
    }
    const path = newPath()
    await write(before, path)
    const after = new Harness()
    for (const size of [2, 100]) {
      for (let peer = 0; peer < size; peer++) {
        // Half of them are known from a later announce, the others from an earlier one.
        const seenAt = peer % 2 === 0 ? now - 100 : now - 900
        after.announce('ipv4', size, peer, { now: seenAt, wanted: 0 })
      }
    }
    expect(load(after, path)).toMatchObject({ peers: 51, known: 51 })
    for (const { peer, seeder } of new Exporter('ipv4', after).finish(1000)) {
      expect(seeder).toBe(peer % 2 === 1)
    }
    checkInvariants(after)
  })

  test('stops at the limits and says how many it left out', async () => {
    const before = new Harness()
    fill(before, 200, 10)
    const path = newPath()
    const { peers } = await write(before, path)
    const small = new Harness(testBuffers({ ...SMALL_LIMITS, maxPeers: 100 }))
    expect(load(small, path)).toMatchObject({ peers: 100, refused: peers - 100 })
    checkInvariants(small)
  })

  test('that does not exist is not an error', () => {
    const { swarms } = new Harness()
    const now = momentNow(BOOT)
    const request = { path: newPath(), swarms, now, maxAge: MAX_AGE, countDownloads: true }
    expect(loadSnapshot(request)).toBeNull()
  })
})
