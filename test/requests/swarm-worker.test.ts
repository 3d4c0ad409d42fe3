// Which workers clean the tables that they answer from: those of the one protocol that tends them.
import { expect, test } from 'bun:test'
import { ListBuilder } from '../../src/access-list/build.ts'
import { MODE_OFF } from '../../src/access-list/list.ts'
import { createRing, RingReader } from '../../src/channel/ring.ts'
import { createNoteState, NOTE_RING_WORDS, type NoteData } from '../../src/cluster/note.ts'
import { logFor } from '../../src/log/log.ts'
import { clockSeconds, readClock } from '../../src/os/clock.ts'
import { createPublicPeers } from '../../src/peer-addresses/peer-addresses.ts'
import { createSourceRows } from '../../src/peer-addresses/source-watch.ts'
import { FirstValue } from '../../src/process/first-value.ts'
import { UpdateHandlers } from '../../src/process/updates.ts'
import {
  openSourceLimits,
  openSwarms,
  type SwarmUpdate,
  type SwarmWorkerData,
  serveFrom,
} from '../../src/requests/swarm-worker.ts'
import { BanLog } from '../../src/source-limits/ban-log.ts'
import { createSourceLimits } from '../../src/source-limits/source-limits.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { Responder } from '../cluster/node.ts'
import { DEFAULT_RULES } from '../peer-addresses/rules-for.ts'
import { OFF } from '../source-limits/limits-for.ts'
import { Harness, setPeer } from '../swarm/harness.ts'

const MAX_AGE = 60
const INTERVAL = 10
const TORRENTS = 40
const FAMILIES = ['ipv4', 'ipv6'] as const

/** The peers that remain when all of `workers` have had time for a cleaning, long after they have aged out. */
function peersLeft(tendsSwarms: boolean, workers: number): number {
  readClock()
  const start = clockSeconds()
  const harness = new Harness()
  for (let torrent = 0; torrent < TORRENTS; torrent++) {
    for (const family of FAMILIES) harness.announce(family, torrent, 1, { now: start })
  }
  for (let index = 0; index < workers; index++) {
    const data = workerData(harness, tendsSwarms, index, workers)
    const { cleaner } = openSwarms(data, openSourceLimits(data, new Int32Array(1), 0))
    const now = start + MAX_AGE + 2 * INTERVAL
    for (let slices = 0; cleaner.step(now); slices++) expect(slices).toBeLessThan(1000)
  }
  let left = 0
  for (let torrent = 0; torrent < TORRENTS; torrent++) {
    for (const family of FAMILIES) left += harness.scrape(family, torrent).leechers
  }
  return left
}

function workerData(
  harness: Harness,
  tendsSwarms: boolean,
  index: number,
  workers: number,
): SwarmWorkerData {
  return {
    swarms: harness.buffers,
    tendsSwarms,
    sharesSwarms: true,
    countDownloads: true,
    limits: createSourceLimits(),
    rates: OFF,
    peerAddresses: DEFAULT_RULES,
    publicPeers: createPublicPeers(),
    sources: createSourceRows(),
    notes: null,
    bans: new BanLog(logFor('test')).newWriter(),
    clients: null,
    accessList: new FirstValue(new ListBuilder(0, { key0: 1, key1: 2 }).finish(MODE_OFF)),
    requests: { announceInterval: 900, intervalJitter: 0 },
    cleaningInterval: INTERVAL,
    maxPeerAge: MAX_AGE,
    index,
    workers,
  }
}

test.each([1, 2, 3])(
  '%d workers that tend the swarms forget all peers that are too old',
  (workers) => {
    expect(peersLeft(true, workers)).toBe(0)
  },
)

test.each([1, 3])(
  '%d workers of a protocol that does not tend the swarms clean nothing',
  (workers) => {
    expect(peersLeft(false, workers)).toBe(TORRENTS * FAMILIES.length)
  },
)

/** How many announces of one peer are told to other nodes, every 30 seconds for 2000. */
function toldOf(responder: Responder, ring: SharedArrayBuffer, from: number): number {
  const reader = new RingReader(ring)
  const announce = new Announce()
  announce.source = new Int32Array(INFO_HASH_WORDS)
  setPeer(announce.peer, 'ipv4', [8, 0, 0, 0], 1)
  let told = 0
  for (let second = from; second < from + 2000; second += 30) {
    responder.setTime(second)
    responder.announce({ announce })
  }
  responder.setTime(from + 2000)
  for (reader.refresh(); reader.next() !== 0; ) told++
  reader.release()
  return told
}

test('a worker tells other nodes of a peer as often as its age asks for, also after a change', () => {
  const harness = new Harness()
  const notes: NoteData = { ring: createRing(NOTE_RING_WORDS), state: createNoteState(1), index: 0 }
  const data = { ...workerData(harness, false, 0, 1), notes }
  const updates = new UpdateHandlers<SwarmUpdate>()
  const open = openSwarms(data, openSourceLimits(data, new Int32Array(1), 0))
  const responder = new Responder(open.swarms, new Int32Array(1))
  serveFrom(open, responder, data, updates)
  responder.addresses = null
  expect(toldOf(responder, notes.ring, 10_000)).toBeGreaterThan(60)
  const { requests, rates, peerAddresses, cleaningInterval } = data
  const settings = { requests, rates, peerAddresses, cleaningInterval, maxPeerAge: 1800 }
  updates.apply({ settings }, 0)
  const told = toldOf(responder, notes.ring, 12_000)
  expect(told).toBeGreaterThanOrEqual(2)
  expect(told).toBeLessThan(10)
})
