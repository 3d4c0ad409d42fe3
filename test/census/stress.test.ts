// Several threads note peers in one sample, while another counts: afterwards every peer that must be in it
// is there once, with its own peer id.

import { expect, test } from 'bun:test'
import { Worker } from 'node:worker_threads'
import {
  ClientSample,
  type ClientSampleData,
  ClientSampleReader,
  createClientSample,
} from '../../src/census/sample.ts'
import { Tally } from '../../src/census/tally.ts'
import { peerOf } from '../swarm/harness.ts'
import { STRESS_ID, STRESS_NOW, type StressPeer, type StressTask } from './stress-worker.ts'

const THREADS = 4
const MAX_AGE = 1200
/** Enough for a missing lock to show: a fifth of them were not. */
const OPERATIONS = 2_000_000
/** A bucket has 15 places. */
const PEERS_PER_BUCKET = 14

function stress(
  data: ClientSampleData,
  all: readonly StressPeer[],
  operations: number,
): Promise<number[]> {
  const gate = new SharedArrayBuffer(4)
  return Promise.all(
    Array.from({ length: THREADS }, (_, thread) => {
      const peers = all.filter((_, i) => i % THREADS === thread)
      const workerData: StressTask = { data, thread, threads: THREADS, peers, operations, gate }
      return new Promise<number>((resolve, reject) => {
        const worker = new Worker(new URL('stress-worker.ts', import.meta.url), { workerData })
        worker.on('message', resolve)
        worker.on('error', reject)
      })
    }),
  )
}

/** Peers counted; each entry is checked to hold one peer, in its bucket, once. */
function check(data: ClientSampleData): number {
  const words = new Int32Array(data.words)
  const level = levelOf(data)
  const again = newSample()
  const sample = new ClientSample(again)
  sample.setTime(STRESS_NOW)
  const [found, copy] = [new Set<number>(), new Int32Array(again.words)]
  for (let bucket = 16; bucket < words.length; bucket += 64) {
    expect(words[bucket]).toBe(0)
    for (let at = bucket + 1; at < bucket + 16; at++) {
      // Entries that dropped out when the level rose stay until the place is needed.
      if (words[at] === 0 || (words[at] >>> 1) >>> (31 - level) !== 0) continue
      const peer = words[at + 48]
      expect([words[at + 16], words[at + 32]]).toEqual([STRESS_NOW, STRESS_ID])
      expect(found.has(peer)).toBe(false)
      found.add(peer)
      sample.note(peer, peerOf(true, [peer, 0, 0, 0], 1), STRESS_ID, peer)
      expect(copy.slice(bucket + 1, bucket + 16).includes(words[at])).toBe(true)
    }
  }
  return found.size
}

/** Reads repeatedly while the threads work; returns how often. */
async function readUntil(data: ClientSampleData, done: () => boolean): Promise<number> {
  const reader = new ClientSampleReader(data)
  for (let reads = 0; ; reads++) {
    if (done()) return reads
    reader.read(new Tally(), STRESS_NOW)
    await new Promise(setImmediate)
  }
}

/** Peers that fill a few buckets almost, with their places. */
function peersOfBuckets(buckets: number): StressPeer[] {
  const counts = new Map<number, number>()
  const peers: StressPeer[] = []
  const scratch = newSample()
  const words = new Int32Array(scratch.words)
  const sample = new ClientSample(scratch)
  for (let peer = 0; peers.length < buckets * PEERS_PER_BUCKET; peer++) {
    sample.note(peer, peerOf(true, [peer, 0, 0, 0], 1), STRESS_ID, peer)
    for (let bucket = 16; bucket < 16 + buckets * 64; bucket += 64) {
      const count = counts.get(bucket) ?? 0
      // Each comes and goes alone, so the first place is where it is.
      const hash = words[bucket + 1]
      if (hash === 0 || count === PEERS_PER_BUCKET) continue
      counts.set(bucket, count + 1)
      peers.push({ peer, place: { bucket, hash } })
    }
    sample.forget(peer, peerOf(true, [peer, 0, 0, 0], 1))
  }
  return peers
}

/** Has the threads work on peers while the main thread reads; returns how many must be there. */
async function stressed(
  data: ClientSampleData,
  peers: readonly StressPeer[],
  operations: number,
): Promise<number> {
  let running = true
  const work = stress(data, peers, operations).finally(() => {
    running = false
  })
  expect(await readUntil(data, () => !running)).toBeGreaterThan(3)
  return (await work).reduce((sum, count) => sum + count, 0)
}

test('four threads in a few buckets lose no peer, and have nobody twice', async () => {
  const data = newSample()
  const there = await stressed(data, peersOfBuckets(4), OPERATIONS)
  expect(levelOf(data)).toBe(0)
  expect(check(data)).toBe(there)
}, 180_000)

test('four threads with enough peers for the level to rise keep a sample of them', async () => {
  const data = newSample()
  const peers = Array.from({ length: 400_000 }, (_, peer) => ({ peer }))
  const there = await stressed(data, peers, OPERATIONS / 5)
  expect(levelOf(data)).toBeGreaterThanOrEqual(3)
  expect(Math.abs((check(data) * 2 ** levelOf(data)) / there - 1)).toBeLessThan(0.05)
}, 180_000)

function newSample(): ClientSampleData {
  return createClientSample(new Int32Array([0x1234567, 0x89abcde]), MAX_AGE)
}

function levelOf({ words }: ClientSampleData): number {
  return new Int32Array(words)[0]
}
