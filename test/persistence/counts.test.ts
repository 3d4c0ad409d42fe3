// The counts of aquatic_ws on disk, and how they wait for their torrents' peers.
import { afterEach, expect, setSystemTime, test } from 'bun:test'
import { join } from 'node:path'
import { SnapshotRefused } from '../../src/persistence/block-reader.ts'
import { readBootId } from '../../src/persistence/boot.ts'
import { CountState, KEEP_SECONDS } from '../../src/persistence/count-state.ts'
import { loadSnapshot } from '../../src/persistence/read.ts'
import { writeSnapshot } from '../../src/persistence/write.ts'
import { folderOfFile } from '../support/folder.ts'
import { Harness } from '../swarm/harness.ts'

const path = join(folderOfFile(), 'aquatic_ws.counts')
const bootId = readBootId()
afterEach(() => {
  setSystemTime()
})

const MAX = 100_000

/** A tracker's swarms, and what keeps their counts. */
function tracker(max = MAX) {
  const harness = new Harness()
  const state = new CountState(harness.swarms, true, max)
  state.onChange((kept) => harness.swarms.priorDownloads.replace(kept))
  const write = () => state.write({ path, bootId, gently: false, mustStop: () => false })
  return { harness, state, write }
}

/** `times`: by so many peers, who stay. */
function complete(harness: Harness, torrent: number, times: number): void {
  for (let peer = 0; peer < times; peer++) {
    harness.announce('websocket', torrent, peer, { connection: 1, wanted: 0 })
    const more = { seeder: true, completed: true, connection: 1, wanted: 0 }
    harness.announce('websocket', torrent, peer, more)
  }
}

const completedOf = (harness: Harness, torrent: number) =>
  harness.scrape('websocket', torrent).completed

test('counts are there again, for torrents of any size, without peers and with the first', async () => {
  const before = tracker()
  const times = (torrent: number) => (torrent === 7 ? 300 : torrent % 4)
  for (let torrent = 0; torrent < 3000; torrent++) complete(before.harness, torrent, times(torrent))
  expect(await before.write()).toContain('of 2250 torrents')
  const { harness, state } = tracker()
  expect(state.load(path)).toContain('of 2250 torrents')
  for (let torrent = 0; torrent < 3000; torrent++) {
    expect(completedOf(harness, torrent)).toBe(times(torrent))
    complete(harness, torrent, 1)
    expect(completedOf(harness, torrent)).toBe(times(torrent) + 1)
  }
})

test('torrents without completed downloads are left out, whatever is beside them', async () => {
  const before = tracker()
  for (let torrent = 0; torrent < 600; torrent++) {
    before.harness.announce('websocket', torrent, 500, { connection: 1, wanted: 0 })
    complete(before.harness, torrent, torrent % 3)
  }
  expect(await before.write()).toContain('of 400 torrents')
  const { harness, state } = tracker()
  state.load(path)
  for (let torrent = 0; torrent < 600; torrent++) {
    expect(completedOf(harness, torrent)).toBe(torrent % 3)
  }
})

test('starting workers get the loaded counts, and a count waits for two hours to the second', async () => {
  const start = 1_800_000_000_000
  setSystemTime(start)
  const before = tracker()
  complete(before.harness, 1, 5)
  await before.write()
  const { state, write } = tracker()
  expect(state.prior.slotCount).toBe(0)
  state.load(path)
  const fresh = new Harness()
  fresh.swarms.priorDownloads.replace(state.prior)
  expect(completedOf(fresh, 1)).toBe(5)
  setSystemTime(start + KEEP_SECONDS * 1000)
  expect(tracker().state.load(path)).toContain('of 1 torrent')
  expect(await write()).toContain('of 1 torrent,')
  setSystemTime(start + (KEEP_SECONDS + 1) * 1000)
  expect(tracker().state.load(path)).toContain('of 0 torrents')
  expect(await write()).toContain('of 0 torrents')
})

test('counts of torrents without returned peers are written again, and waits two hours in all', async () => {
  const before = tracker()
  complete(before.harness, 1, 5)
  await before.write()
  const start = Date.now()
  setSystemTime(start + (KEEP_SECONDS - 60) * 1000)
  const second = tracker()
  second.state.load(path)
  expect(await second.write()).toContain('of 1 torrent,')
  setSystemTime(start + (KEEP_SECONDS + 60) * 1000)
  const third = tracker()
  expect(third.state.load(path)).toContain('of 0 torrents')
  expect(completedOf(third.harness, 1)).toBe(0)
  expect(await second.write()).toContain('of 0 torrents')
})

test('the higher count holds, where there are two of a torrent', async () => {
  const before = tracker()
  complete(before.harness, 1, 5)
  await before.write()
  const { harness, state, write } = tracker()
  state.load(path)
  complete(harness, 1, 2)
  expect(await write()).toContain('of 2 torrents')
  const after = tracker()
  after.state.load(path)
  expect(completedOf(after.harness, 1)).toBe(7)
})

test('what another process has counted meanwhile is added to torrents that have peers', async () => {
  const old = tracker()
  complete(old.harness, 1, 5)
  await old.write()
  const { harness, state } = tracker()
  state.load(path)
  complete(harness, 1, 1)
  complete(old.harness, 1, 8)
  complete(old.harness, 2, 3)
  await old.write()
  state.load(path)
  expect([completedOf(harness, 1), completedOf(harness, 2)]).toEqual([13, 3])
})

test('a torrent is kept once, however often it is taken over', async () => {
  let old = tracker()
  complete(old.harness, 1, 5)
  complete(old.harness, 2, 3)
  for (let process = 0; process < 5; process++) {
    await old.write()
    const next = tracker(2)
    next.state.load(path)
    await old.write()
    expect(next.state.load(path)).toContain('of 2 torrents')
    expect(await next.write()).toContain('of 2 torrents')
    old = next
  }
  expect([completedOf(old.harness, 1), completedOf(old.harness, 2)]).toEqual([5, 3])
})

test('the latest counts come first, where there are too many', async () => {
  const old = tracker()
  complete(old.harness, 1, 1)
  await old.write()
  const { harness, state } = tracker(1)
  state.load(path)
  const other = tracker()
  complete(other.harness, 2, 2)
  await other.write()
  state.load(path)
  expect([completedOf(harness, 1), completedOf(harness, 2)]).toEqual([0, 2])
})

test('a second of after 2038 is later, not earlier', async () => {
  setSystemTime(new Date('2038-01-19T03:00:00Z'))
  const before = tracker()
  complete(before.harness, 1, 5)
  await before.write()
  setSystemTime(new Date('2038-01-19T03:30:00Z'))
  const { harness, state, write } = tracker()
  expect(state.load(path)).toBe('the completed downloads of 1 torrent')
  complete(harness, 2, 1)
  expect(await write()).toContain('of 2 torrents')
  expect(tracker().state.load(path)).toContain('of 2 torrents')
})

test('no more are kept than there may be torrents', async () => {
  const before = tracker()
  for (let torrent = 0; torrent < 50; torrent++) complete(before.harness, torrent, 1)
  await before.write()
  expect(tracker(20).state.load(path)).toContain('of 20 torrents')
})

test('the files of both trackers are not taken for each other', async () => {
  const { harness, state, write } = tracker()
  complete(harness, 1, 1)
  await write()
  const { swarms } = harness
  const now = { bootId, monotonic: 0, wall: 0 }
  const load = () => loadSnapshot({ path, swarms, now, maxAge: 100, countDownloads: true })
  expect(load).toThrow(SnapshotRefused)
  harness.announce('ipv4', 1, 1)
  await writeSnapshot({ path, swarms, bootId, gently: false })
  expect(() => state.load(path)).toThrow(SnapshotRefused)
})
