import { expect, test } from 'bun:test'
import {
  createPopulation,
  Population,
  type PopulationSettings,
} from '../../../load/ws/population.ts'

const SETTINGS: PopulationSettings = {
  torrents: 500,
  connections: 300,
  torrentsPerConnection: 40,
  peersPerTorrent: 0,
  gammaShape: 0.2,
  seederProbability: 0.25,
  seed: 9,
}

function population(change: Partial<PopulationSettings> = {}): Population {
  return new Population(createPopulation({ ...SETTINGS, ...change }))
}

test('ids have 20 characters up to U+00FF, and no two are the same', () => {
  const found = population()
  const ids = new Set<string>()
  for (let i = 0; i < SETTINGS.torrents; i++) {
    expect(found.torrentOf(found.infoHash(i))).toBe(i)
    ids.add(found.infoHash(i))
  }
  for (let i = 0; i < SETTINGS.connections; i++) {
    ids.add(found.peerId(i))
    expect(JSON.parse(`"${found.peerIdJson(i)}"`)).toBe(found.peerId(i))
  }
  expect(ids.size).toBe(SETTINGS.torrents + SETTINGS.connections)
  for (const id of ids) {
    expect(id).toHaveLength(20)
    for (const character of id) expect(character.charCodeAt(0)).toBeLessThan(256)
  }
  const all = [...ids].join('')
  for (let code = 0; code < 256; code++) expect(all).toContain(String.fromCharCode(code))
})

test('the same seed gives the same torrents and roles, another seed others', () => {
  const [one, same, other] = [population(), population(), population({ seed: 10 })]
  expect(one.torrentsOf(7)).toEqual(same.torrentsOf(7))
  expect(one.isSeeder(7, 3)).toBe(same.isSeeder(7, 3))
  expect(one.infoHash(7)).toBe(same.infoHash(7))
  expect(one.torrentsOf(7)).not.toEqual(other.torrentsOf(7))
  expect(one.infoHash(7)).not.toBe(other.infoHash(7))
})

test('neighbouring seeds share no info hash', () => {
  const seeds = [8, 9, 10, 11]
  const all = seeds.flatMap((seed) => {
    const found = population({ seed })
    return Array.from({ length: SETTINGS.torrents }, (_, i) => found.infoHash(i))
  })
  expect(new Set(all).size).toBe(seeds.length * SETTINGS.torrents)
})

test('a client is in different torrents, popular ones more often', () => {
  const found = population()
  const members = new Array(SETTINGS.torrents).fill(0)
  for (let connection = 0; connection < SETTINGS.connections; connection++) {
    const torrents = found.torrentsOf(connection)
    expect(new Set(torrents).size).toBe(torrents.length)
    expect(torrents.length).toBeLessThanOrEqual(SETTINGS.torrentsPerConnection)
    expect(torrents.length).toBeGreaterThan(SETTINGS.torrentsPerConnection / 2)
    for (const torrent of torrents) members[torrent]++
  }
  const sorted = members.sort((a, b) => b - a)
  expect(sorted[0]).toBeGreaterThan(10 * sorted[SETTINGS.torrents / 2])
})

test('about as many are seeders as was asked for', () => {
  const found = population()
  let seeders = 0
  for (let connection = 0; connection < 100; connection++) {
    for (let torrent = 0; torrent < 100; torrent++) {
      if (found.isSeeder(connection, torrent)) seeders++
    }
  }
  expect(Math.abs(seeders - 2500)).toBeLessThan(200)
})

test('all workers see what each has sent and had answered', () => {
  const buffers = createPopulation(SETTINGS)
  const [one, other] = [new Population(buffers), new Population(buffers)]
  one.addSent(5, true)
  one.addSent(5, false)
  one.addKnown(5, false, 1)
  expect(other.sent(5)).toEqual({ seeders: 1, leechers: 1 })
  expect(other.known(5)).toEqual({ seeders: 0, leechers: 1 })
  other.addKnown(5, false, -1)
  expect(one.known(5)).toEqual({ seeders: 0, leechers: 0 })
})

test.each([
  [64, 30],
  [64, 64],
  [100, 7],
  [5, 1],
])(
  '%p connections in torrents of %p peers: each torrent has them, or a few more',
  (connections, peersPerTorrent) => {
    const found = population({ connections, peersPerTorrent })
    const sizes = new Map<number, number>()
    for (let i = 0; i < connections; i++) {
      const torrents = found.torrentsOf(i)
      expect(new Set(torrents).size).toBe(SETTINGS.torrentsPerConnection)
      for (const torrent of torrents) sizes.set(torrent, (sizes.get(torrent) ?? 0) + 1)
    }
    const groups = Math.floor(connections / peersPerTorrent)
    expect(sizes.size).toBe(groups * SETTINGS.torrentsPerConnection)
    for (const [torrent, size] of sizes) {
      expect(found.torrentOf(found.infoHash(torrent))).toBe(torrent)
      expect(size).toBeGreaterThanOrEqual(peersPerTorrent)
      expect(size).toBeLessThan(2 * peersPerTorrent + 1)
    }
  },
)

test('in torrents of the same size, other peers meet in each', () => {
  const found = population({ connections: 60, peersPerTorrent: 6 })
  const mine = found.torrentsOf(0)
  const met = new Set<number>()
  for (let i = 1; i < 60; i++) if (found.torrentsOf(i).some((t) => mine.includes(t))) met.add(i)
  expect(met.size).toBeGreaterThan(30)
})
