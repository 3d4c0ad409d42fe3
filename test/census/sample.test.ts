import { describe, expect, test } from 'bun:test'
import {
  ClientSample,
  type ClientSampleData,
  ClientSampleReader,
  createClientSample,
  SAMPLE_BYTES,
} from '../../src/census/sample.ts'
import { type ClientCount, Tally } from '../../src/census/tally.ts'
import { randomWords } from '../support/random.ts'
import { peerOf } from '../swarm/harness.ts'
import { idWords } from './peer-ids.ts'

const NOW = 10_000
const MAX_AGE = 1200
// As src/census/sample.ts lays them out.
const BUCKETS_AT = 16
const BUCKET_WORDS = 64
const ENTRIES = 15
const QB = '-qB4650-'
const TR = '-TR4050-'

interface Sampled {
  readonly data: ClientSampleData
  readonly sample: ClientSample
  readonly reader: ClientSampleReader
}

function newSample(): Sampled {
  const data = createClientSample(new Int32Array([0x1234567, 0x89abcde]), MAX_AGE)
  const sample = new ClientSample(data)
  sample.setTime(NOW)
  return { data, sample, reader: new ClientSampleReader(data) }
}

/** Peer number n announces itself. */
function note({ sample }: Sampled, n: number, start: string, ipv4 = true): void {
  const [id0, id1] = idWords(start)
  sample.note(n % 1000, peerOf(ipv4, [n, 5, 6, 7], 99), id0, id1)
}

function forget({ sample }: Sampled, n: number): void {
  sample.forget(n % 1000, peerOf(true, [n, 0, 0, 0], 99))
}

function read({ reader }: Sampled, now = NOW): ClientCount[] {
  const tally = new Tally()
  reader.read(tally, now)
  return tally.result()
}

function peersIn(rows: readonly ClientCount[], client?: string): number {
  return rows
    .filter((row) => client === undefined || row.client === client)
    .reduce((sum, { peers }) => sum + peers, 0)
}

function levelOf({ data }: Sampled): number {
  return new Int32Array(data.words)[0]
}

describe('a sample of few peers', () => {
  test('is all of them, however often they announce', () => {
    const all = newSample()
    for (let n = 0; n < 16_000; n++) note(all, n, n % 4 === 0 ? TR : QB)
    for (let n = 0; n < 16_000; n += 4) for (let i = 0; i < 5; i++) note(all, n, TR)
    expect(levelOf(all)).toBe(0)
    expect(read(all)).toEqual([
      { client: 'qBittorrent', version: '4.6', peers: 12_000 },
      { client: 'Transmission', version: '4.0', peers: 4000 },
    ])
  })

  test('tells apart peers by torrent, address, all of it, and port', () => {
    const all = newSample()
    const [id0, id1] = idWords(QB)
    const peers = [
      [1, peerOf(true, [1, 0, 0, 0], 1)],
      [0x5bd1e995, peerOf(true, [1, 0, 0, 0], 1)],
      [1, peerOf(true, [2, 0, 0, 0], 1)],
      [1, peerOf(true, [1, 0, 0, 0], 2)],
      [1, peerOf(false, [1, 0, 0, 0], 1)],
      [1, peerOf(false, [1, 1, 0, 0], 1)],
      [1, peerOf(false, [1, 0, 1, 0], 1)],
      [1, peerOf(false, [1, 0, 0, 1], 1)],
    ] as const
    for (const [torrent, peer] of peers) all.sample.note(torrent, peer, id0, id1)
    // The words after an IPv4 address are not part of it.
    all.sample.note(1, peerOf(true, [1, 9, 9, 9], 1), id0, id1)
    expect(peersIn(read(all))).toBe(peers.length)
  })

  test('is read to the last entry of each bucket', () => {
    const all = newSample()
    const words = new Int32Array(all.data.words)
    const [id0, id1] = idWords(QB)
    for (const bucket of [BUCKETS_AT, words.length - BUCKET_WORDS]) {
      for (let at = 1; at <= ENTRIES; at++) {
        words[bucket + at] = at
        words[bucket + at + 16] = NOW
        words[bucket + at + 32] = id0
        words[bucket + at + 48] = id1
      }
    }
    expect(peersIn(read(all))).toBe(2 * ENTRIES)
  })

  test('fills a bucket to its last entry before the level rises', () => {
    const all = newSample()
    for (let n = 0; levelOf(all) === 0; n++) note(all, n, QB)
    const words = new Int32Array(all.data.words)
    let most = 0
    for (let bucket = BUCKETS_AT; bucket < words.length; bucket += BUCKET_WORDS) {
      const hashes = words.subarray(bucket + 1, bucket + 1 + ENTRIES)
      most = Math.max(most, hashes.filter((hash) => hash !== 0).length)
    }
    expect(most).toBe(ENTRIES)
  })

  test('knows who left, who is silent for too long, and who uses another client now', () => {
    const all = newSample()
    for (let n = 0; n < 10; n++) note(all, n, QB)
    forget(all, 3)
    forget(all, 77)
    note(all, 4, TR)
    expect(peersIn(read(all), 'qBittorrent')).toBe(8)
    expect(peersIn(read(all), 'Transmission')).toBe(1)
    all.sample.setTime(NOW + MAX_AGE)
    note(all, 4, TR)
    expect(peersIn(read(all, NOW + MAX_AGE))).toBe(9)
    expect(peersIn(read(all, NOW + MAX_AGE + 1))).toBe(1)
    all.reader.setMaxAge(2 * MAX_AGE)
    expect(peersIn(read(all, NOW + MAX_AGE + 1))).toBe(9)
  })
})

describe('a sample of many peers', () => {
  test('is right to a percent point, in figures and shares, in the same memory', () => {
    const many = newSample()
    const peers = 1_000_000
    for (let n = 0; n < peers; n++)
      note(many, n, n % 10 < 4 ? QB : n % 100 === 99 ? TR : '-UT355W-', n % 2 === 0)
    expect(levelOf(many)).toBeGreaterThan(4)
    const rows = read(many)
    const all = peersIn(rows)
    expect(Math.abs(all / peers - 1)).toBeLessThan(0.04)
    expect(Math.abs(peersIn(rows, 'qBittorrent') / all - 0.4)).toBeLessThan(0.015)
    expect(Math.abs(peersIn(rows, 'Transmission') / all - 0.01)).toBeLessThan(0.004)
    expect(many.data.words.byteLength).toBe(SAMPLE_BYTES)
  })

  test('does not grow by announcing again and again', () => {
    const many = newSample()
    for (let n = 0; n < 100_000; n++) note(many, n, QB)
    const before = read(many)
    for (let n = 0; n < 100_000; n++) if (n % 3 === 0) for (let i = 0; i < 3; i++) note(many, n, QB)
    expect(read(many)).toEqual(before)
  })

  test('is all of them again when only few are left, and right meanwhile', () => {
    const many = newSample()
    const few = 2000
    for (let n = 0; n < 100_000; n++) note(many, n, QB)
    expect(levelOf(many)).toBeGreaterThan(1)
    for (let minute = 0; levelOf(many) > 0; minute++) {
      const now = NOW + minute * 60
      many.sample.setTime(now)
      // Each announces once in 15 minutes.
      for (let n = minute % 15; n < few; n += 15) note(many, n, QB)
      if (now > NOW + MAX_AGE) {
        expect(Math.abs(peersIn(read(many, now)) / few - 1)).toBeLessThan(0.3)
      }
      expect(now).toBeLessThan(NOW + 20 * MAX_AGE)
    }
    const settled = NOW + 30 * MAX_AGE
    many.sample.setTime(settled)
    for (let n = 0; n < few; n++) note(many, n, QB)
    expect(peersIn(read(many, settled))).toBe(few)
  })

  test('never reuses a counted entry: no peer is in it twice', () => {
    const many = newSample()
    const random = randomWords(3)
    for (let i = 0; i < 300_000; i++) {
      const n = random() % 40_000
      if (random() % 8 === 0) forget(many, n)
      else note(many, n, QB)
    }
    const words = new Int32Array(many.data.words)
    for (let bucket = 16; bucket < words.length; bucket += 64) {
      const hashes = [...words.slice(bucket + 1, bucket + 16)].filter((hash) => hash !== 0)
      expect(new Set(hashes).size).toBe(hashes.length)
    }
  })
})
