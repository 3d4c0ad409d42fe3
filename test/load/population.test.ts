import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  createPopulation,
  Population,
  type PopulationSettings,
  portOf,
  rankOf,
  swapHalf,
  TORRENT_FIRST,
  TORRENT_KNOWN,
  TORRENT_PEERS,
  TORRENT_SENT,
  torrentAt,
} from '../../load/population.ts'

const SETTINGS: PopulationSettings = {
  torrents: 1000,
  peers: 20_000,
  gammaShape: 0.2,
  seederProbability: 0.75,
  seed: 42,
  sockets: 6,
}

function population(settings: Partial<PopulationSettings> = {}): Population {
  return new Population(createPopulation({ ...SETTINGS, ...settings }))
}

function swarms({ torrents, words }: Population): number[] {
  return Array.from({ length: torrents }, (_, t) => words[torrentAt(t) + TORRENT_PEERS])
}

describe('a population', () => {
  test('has as many peers as asked for, in a row without gaps', () => {
    const { words, torrents } = population()
    let first = 0
    for (let torrent = 0; torrent < torrents; torrent++) {
      expect(words[torrentAt(torrent) + TORRENT_FIRST]).toBe(first)
      first += words[torrentAt(torrent) + TORRENT_PEERS]
    }
    expect(first).toBe(SETTINGS.peers)
  })

  test('follows from its seed', () => {
    expect(swarms(population())).toEqual(swarms(population()))
    expect(swarms(population())).not.toEqual(swarms(population({ seed: 43 })))
    expect(population().infoHashLines()).toBe(population().infoHashLines())
    expect(population().infoHashLines()).not.toBe(population({ seed: 43 }).infoHashLines())
  })

  test('shares no info hash with those of neighbouring seeds', () => {
    const seeds = [41, 42, 43, 44]
    const all = seeds.flatMap((seed) => population({ seed }).infoHashLines().trimEnd().split('\n'))
    expect(new Set(all).size).toBe(seeds.length * SETTINGS.torrents)
  })

  test('is less equal the smaller the shape', () => {
    const largest = (gammaShape: number) => Math.max(...swarms(population({ gammaShape })))
    expect(largest(1000)).toBeLessThan(30)
    expect(largest(1)).toBeGreaterThan(60)
    expect(largest(0.05)).toBeGreaterThan(300)
  })

  test('a swarm has no more peers than ports', () => {
    expect(swarms(population({ torrents: 2, peers: 131_070, gammaShape: 0.01 }))).toEqual([
      65535, 65535,
    ])
  })

  test('has different info hashes', () => {
    const lines = population().infoHashLines().trimEnd().split('\n')
    expect(new Set(lines).size).toBe(1000)
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{40}$/)
  })

  test('gives every peer to exactly one socket, the one it says', () => {
    const all = population()
    const seen = new Set<string>()
    for (let socket = 0; socket < SETTINGS.sockets; socket++) {
      const list = all.peersOf(socket)
      for (let i = 0; i < list.length; i += 2) {
        expect(all.socketOf(list[i], list[i + 1])).toBe(socket)
        seen.add(`${list[i]} ${list[i + 1]}`)
      }
    }
    expect(seen.size).toBe(SETTINGS.peers)
  })

  test('has the share of seeders asked for', () => {
    const all = population()
    let seeders = 0
    for (const [torrent, peers] of swarms(all).entries()) {
      for (let rank = 0; rank < peers; rank++) if (all.isSeeder(torrent, rank)) seeders++
    }
    expect(seeders / SETTINGS.peers).toBeCloseTo(0.75, 1)
    expect(population({ seederProbability: 0 }).isSeeder(0, 0)).toBe(false)
    expect(population({ seederProbability: 1 }).isSeeder(0, 0)).toBe(true)
  })
})

test('a port tells the rank that has it, for every rank and place of the torrent', () => {
  for (const base of [0, 1, 255, 256, 40_000, 65_534]) {
    const ports = new Set<number>()
    for (let rank = 0; rank < 65535; rank++) {
      const port = portOf(base, rank)
      if (rankOf(base, port) !== rank) throw new Error(`base ${base}, rank ${rank}, port ${port}`)
      ports.add(port)
    }
    expect(ports.size).toBe(65535)
    expect(ports.has(0)).toBe(false)
  }
  expect(swapHalf(0x1234)).toBe(0x3412)
})

test('announced and known peers are counted once, by role', () => {
  const all = population()
  const torrent = swarms(all).findIndex((peers) => peers > 3)
  const at = torrentAt(torrent)
  for (let i = 0; i < 2; i++) {
    all.markSent(torrent, 0, true)
    all.markSent(torrent, 1, false)
    all.markKnown(torrent, 1, false)
  }
  expect([...all.words.slice(at + TORRENT_SENT, at + TORRENT_SENT + 2)]).toEqual([1, 1])
  expect([...all.words.slice(at + TORRENT_KNOWN, at + TORRENT_KNOWN + 2)]).toEqual([0, 1])
  expect([0, 1, 2].map((rank) => all.wasSent(torrent, rank))).toEqual([true, true, false])
  expect([0, 1, 2].map((rank) => all.isKnown(torrent, rank))).toEqual([false, true, false])
})

// A race shows in some runs only, so there are several.
test.each([1, 2, 3, 4, 5])(
  'threads that mark the same peers at once count each of them once (%d)',
  async () => {
    const buffers = createPopulation({ ...SETTINGS, torrents: 20, peers: 600_000, gammaShape: 100 })
    const gate = new SharedArrayBuffer(4)
    const steps = [1, 1, 1]
    await Promise.all(
      steps.map(async (step) => {
        const workerData = { buffers, gate, step, threads: steps.length }
        const worker = new Worker(new URL('./mark-worker.ts', import.meta.url), { workerData })
        await once(worker, 'message')
        await worker.terminate()
      }),
    )
    const all = new Population(buffers)
    for (const [torrent, peers] of swarms(all).entries()) {
      const at = torrentAt(torrent)
      let seeders = 0
      for (let rank = 0; rank < peers; rank++) if (all.isSeeder(torrent, rank)) seeders++
      const expected = [seeders, peers - seeders, seeders, peers - seeders]
      expect([...all.words.slice(at + TORRENT_SENT, at + TORRENT_KNOWN + 2)]).toEqual(expected)
    }
  },
  180_000,
)
