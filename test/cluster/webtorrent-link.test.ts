// What WebTorrent's nodes tell each other (src/ws/cluster/web-link.ts), in simulated time and under all that a network does.
import { describe, expect, test } from 'bun:test'
import { randomWords } from '../support/random.ts'
import { Network, type SimulatedNode } from './webtorrent-simulation.ts'

const SEEDS = Number(process.env.AQUATIC_TEST_SEEDS ?? 12)
/** After the last change, loss or outage: a node that has died is gone, and what was missed has been asked for twice. */
const QUIET_MS = 80_000

function networkOf(seed: number): Network {
  const words = randomWords(seed)
  return new Network(() => words() / 2 ** 32)
}

/** Who has announced, and is still there, at each node. */
class Expected {
  private readonly peers = new Map<string, Map<string, string>>()

  of(node: string): Map<string, string> {
    const known = this.peers.get(node) ?? new Map<string, string>()
    this.peers.set(node, known)
    return known
  }

  all(nodes: readonly SimulatedNode[]): string[] {
    const up = nodes.filter(({ isUp }) => isUp)
    return up.flatMap(({ name }) => [...this.of(name).values()]).sort()
  }
}

function joined(network: Network, ...names: string[]): SimulatedNode[] {
  const nodes = names.map((name) => network.start(name))
  network.run(8000)
  return nodes
}

test('who comes, changes and leaves is known at the others, and counts of downloads', () => {
  const network = networkOf(1)
  const [a, b] = joined(network, 'a', 'b')
  a.announce(1, 1, false)
  a.announce(1, 2, true)
  network.run(200)
  expect(b.known()).toEqual(['torrent 1: 1 leecher', 'torrent 1: 2 seeder'])
  a.announce(1, 1, true, true)
  a.leave(1, 2)
  network.run(200)
  expect(b.known()).toEqual(['torrent 1: 1 seeder'])
  expect(b.downloads(1)).toBe(1)
  const c = network.start('c')
  network.run(8000)
  expect(c.known()).toEqual(['torrent 1: 1 seeder'])
  expect(c.downloads(1)).toBe(1)
  expect(b.link.counts.walks).toBeGreaterThan(0)
})

test('the same client at two nodes is two peers, and neither takes the place of the other', () => {
  const network = networkOf(2)
  const [a, b, c] = joined(network, 'a', 'b', 'c')
  a.announce(1, 1, false)
  b.announce(1, 1, true)
  network.run(200)
  for (const node of [a, b, c]) {
    expect(node.known()).toEqual(['torrent 1: 1 leecher', 'torrent 1: 1 seeder'])
  }
  b.leave(1, 1)
  network.run(200)
  for (const node of [a, b, c]) expect(node.known()).toEqual(['torrent 1: 1 leecher'])
})

test('offers do not go to a node that is silent, and its peers go when it is dead', () => {
  const network = networkOf(3)
  const [a, b] = joined(network, 'a', 'b')
  a.announce(1, 1, false)
  network.run(200)
  const [node] = b.link.all()
  const slots = Array.from({ length: 10 }, (_, slot) => slot)
  const takes = () => slots.some((slot) => b.states.takesOffers((1 << 24) | slot, 0))
  expect(takes()).toBe(true)
  a.kill()
  network.run(5000)
  expect(node.isHeard(network.now)).toBe(false)
  expect(takes()).toBe(false)
  expect(b.known()).toHaveLength(1)
  network.run(12_000)
  expect(b.known()).toEqual([])
})

test('a node that starts anew brings its new peers, and its old ones are gone at once', () => {
  const network = networkOf(4)
  const [a, b] = joined(network, 'a', 'b')
  a.announce(1, 1, false)
  network.run(200)
  a.kill()
  const anew = network.start('a')
  anew.announce(1, 2, false)
  network.run(6000)
  expect(b.known()).toEqual(['torrent 1: 2 leecher'])
})

test('a goodbye is enough', () => {
  const network = networkOf(5)
  const [a, b] = joined(network, 'a', 'b')
  a.announce(1, 1, false)
  network.run(200)
  a.link.leave()
  a.kill()
  network.run(100)
  expect(b.known()).toEqual([])
  expect(b.told).toContain('a has left')
})

test('who comes while the first, empty swarms are walked through for a new node is known to it', () => {
  const network = networkOf(8)
  const [a] = joined(network, 'a')
  const c = network.start('c')
  while (a.link.counts.walks === 0) network.run(10)
  // Some of the tables.
  network.run(50)
  for (let torrent = 0; torrent < 97; torrent++) a.announce(torrent, torrent, false)
  network.run(1000)
  expect(a.known()).toHaveLength(97)
  expect(c.known()).toEqual(a.known())
})

test('notes that found no room have everything told again', () => {
  const network = networkOf(6)
  const [a, b] = joined(network, 'a', 'b')
  // Without a turn in between.
  for (let peer = 0; peer < 7000; peer++) {
    a.announce(peer % 50, peer, false)
    a.leave(peer % 50, peer)
  }
  for (let peer = 0; peer < 100; peer++) a.announce(1, peer, true)
  network.run(10_000)
  expect(a.link.counts.lost).toBeGreaterThan(0)
  expect(b.known()).toEqual(a.known())
  expect(b.known()).toHaveLength(100)
})

test('of two nodes with one name one stays silent', () => {
  const network = networkOf(7)
  const [a, b] = joined(network, 'a', 'b')
  const second = network.start('second')
  // It has the name of another.
  Object.assign(second.link, { parts: { ...Reflect.get(second.link, 'parts'), node: 'a' } })
  a.announce(1, 1, false)
  second.announce(1, 2, false)
  network.run(20_000)
  expect(second.link.state).toBe('taken')
  expect(b.known()).toEqual(['torrent 1: 1 leecher'])
})

describe('whatever the network does, all nodes know the same in the end', () => {
  test.each(Array.from({ length: SEEDS }, (_, seed) => seed))('seed %d', (seed) => {
    const network = networkOf(seed + 100)
    const names = ['a', 'b', 'c']
    joined(network, ...names)
    const expected = new Expected()
    const pick = (count: number) => Math.floor(network.random() * count)
    for (let round = 0; round < 120; round++) {
      const what = pick(40)
      if (what === 0) network.side = new Set(names.filter(() => pick(2) === 0))
      else if (what === 1) network.loss = pick(3) * 0.1
      else if (what === 2) network.delay = 1 + pick(400)
      else if (what === 3) {
        const name = names[pick(names.length)]
        network.nodes.find((node) => node.name === name)?.kill()
        expected.of(name).clear()
        network.start(name)
      } else if (what === 4) network.run(20_000)
      change(network, expected, pick)
      network.run(pick(300))
    }
    network.side = new Set()
    network.loss = 0
    network.delay = 1
    network.run(QUIET_MS)
    const all = expected.all(network.nodes)
    expect(all.length).toBeGreaterThan(30)
    for (const node of network.nodes) {
      expect(node.known()).toEqual(all)
      expect(node.link.all().every(({ isWhole }) => isWhole)).toBe(true)
    }
  })
})

function change(network: Network, expected: Expected, pick: (count: number) => number): void {
  for (let i = 0; i < 20; i++) {
    const node = network.nodes[pick(network.nodes.length)]
    const torrent = pick(4)
    const peer = pick(60)
    const peers = expected.of(node.name)
    const key = `${torrent} ${peer}`
    if (pick(3) === 0) {
      node.leave(torrent, peer)
      peers.delete(key)
      continue
    }
    const seeder = pick(2) === 0
    node.announce(torrent, peer, seeder)
    peers.set(key, `torrent ${torrent}: ${peer} ${seeder ? 'seeder' : 'leecher'}`)
  }
}
