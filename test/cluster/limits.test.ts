// What other nodes tell of is let in by the rules of this one: a record is refused where the same announce would be here.
import { expect, test } from 'bun:test'
import { ListBuilder } from '../../src/access-list/build.ts'
import { MODE_ALLOW, MODE_DENY } from '../../src/access-list/list.ts'
import {
  createPublicPeers,
  PeerAddresses,
  type PeerAddressRules,
} from '../../src/peer-addresses/peer-addresses.ts'
import { setPeersPerAddress } from '../../src/swarm/memory.ts'
import { NO_PRESSURE, writePressure } from '../../src/swarm/pressure.ts'
import { INFO_HASH_WORDS } from '../../src/swarm/table/torrents.ts'
import { gateOf } from '../client-lists/support.ts'
import { DEFAULT_RULES } from '../peer-addresses/rules-for.ts'
import { Harness, PORTS_PER_ADDRESS, SMALL_LIMITS, testBuffers } from '../swarm/harness.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { exchange, MAX_PEER_AGE, TestNode } from './node.ts'

const START = 10_000

/** The number of a peer of an address, on the first port. */
function numberOf(a: number, b: number, c: number, d: number): number {
  return (a | (b << 8) | (c << 16) | (d << 24)) * PORTS_PER_ADDRESS
}

const PUBLIC = [numberOf(8, 8, 8, 8), numberOf(9, 9, 9, 9)]
const PRIVATE = [numberOf(10, 0, 0, 1), numberOf(192, 168, 0, 1)]
const RESERVED = [numberOf(224, 0, 0, 1), numberOf(240, 0, 0, 1)]

/** A node tells of peers in torrents 1 and 2 to another one; those of the first are those whom `node` then has. */
function tell(node: TestNode, peers: readonly number[]): TestNode {
  const other = new TestNode({ phase: 0.5 })
  for (const torrent of [1, 2]) for (const peer of peers) other.announce(START, torrent, peer)
  exchange(START, [node, other])
  checkInvariants(node.harness)
  return other
}

/** The same peers announce here: then the same is kept. */
function expectAsOwn(node: TestNode, own: TestNode, peers: readonly number[]): void {
  for (const torrent of [1, 2]) for (const peer of peers) own.announce(START, torrent, peer)
  expect(node.members([1, 2])).toEqual(own.members([1, 2]))
  checkInvariants(own.harness)
}

test.each<[Partial<PeerAddressRules>, number]>([
  [{}, 8],
  [{ privatePeers: 'refuse' }, 8],
  [{ privatePeers: 'store' }, 4],
  [{ privatePeers: 'store', storesReserved: true }, 0],
])('addresses that %o leaves out are left out of what others tell: %d', (rules, unwanted) => {
  const addresses = () => {
    const all = new PeerAddresses(createPublicPeers(), { ...DEFAULT_RULES, ...rules }, MAX_PEER_AGE)
    all.setTime(START)
    return all
  }
  const peers = [...PUBLIC, ...PRIVATE, ...RESERVED]
  const node = new TestNode({ addresses: addresses() })
  const other = tell(node, peers)
  expect(node.applier.counts.unwanted).toBe(unwanted)
  expect(node.members([1, 2])).toHaveLength(2 * peers.length - unwanted)
  expectAsOwn(node, new TestNode({ addresses: addresses() }), peers)
  // Who is stored already, from before the rules were changed, leaves by another node too.
  const later = new TestNode()
  tell(later, peers)
  later.applier.addresses = addresses()
  for (const peer of peers) other.announce(START + 60, 1, peer, { event: 'stopped' })
  exchange(START + 60, [later, other])
  expect(later.members([1])).toEqual([])
})

test.each([false, true])(
  'networks: only those that are served (a list of them: %p)',
  async (allow) => {
    const node = new TestNode()
    node.applier.networks = await gateOf({ networks: '8.8.8.0/24\n', allow })
    tell(node, PUBLIC)
    expect(node.applier.counts.unwanted).toBe(2)
    const [served] = PUBLIC.filter((peer) => (peer === PUBLIC[0]) === allow)
    expect(node.members([1])).toEqual([`ipv4 1:${served} leecher`])
  },
)

test.each([
  [MODE_ALLOW, 1],
  [MODE_DENY, 2],
])(
  'the access list of mode %d: nothing is taken of other torrents, not even a leave',
  (mode, served) => {
    const node = new TestNode()
    const { key0, key1 } = node.harness.buffers
    const list = new ListBuilder(1, { key0, key1 })
    const infoHash = new Int32Array(INFO_HASH_WORDS)
    node.harness.writeInfoHash(1, infoHash)
    list.add(infoHash)
    node.harness.swarms.access.replace(list.finish(mode))
    const other = tell(node, PUBLIC)
    expect(node.applier.counts.unwanted).toBe(2)
    expect(node.members([1, 2])).toEqual(other.members([served]))
    for (const torrent of [1, 2])
      other.announce(START + 9, torrent, PUBLIC[0], { event: 'stopped' })
    exchange(START + 9, [node, other])
    expect(node.applier.counts).toMatchObject({ unwanted: 3, left: 1 })
  },
)

const MANY = Array.from({ length: 40 }, (_, peer) => peer)

test('ceilings of peers and torrents', () => {
  for (const limits of [
    { ...SMALL_LIMITS, maxPeers: 15 },
    { ...SMALL_LIMITS, maxTorrents: 1 },
  ]) {
    const node = new TestNode({ harness: new Harness(testBuffers(limits)) })
    tell(node, MANY)
    const { length } = node.members([1, 2])
    expect(length).toBe(Math.min(limits.maxPeers, MANY.length))
    expect(node.applier.counts.noRoom).toBe(2 * MANY.length - length)
    expectAsOwn(node, new TestNode({ harness: new Harness(testBuffers(limits)) }), MANY)
  }
})

test('peers per address', () => {
  const [node, own] = [new TestNode(), new TestNode()]
  for (const { harness } of [node, own]) setPeersPerAddress(harness.buffers, 2)
  tell(node, MANY)
  expect(node.applier.counts).toMatchObject({ joined: MANY.length, noRoom: MANY.length })
  expectAsOwn(node, own, MANY)
})

test('pressure: large swarms take nobody new, and those who stay are renewed', () => {
  const [node, own] = [new TestNode(), new TestNode()]
  for (const { harness } of [node, own]) {
    const totals = new Int32Array(harness.buffers.control)
    writePressure(totals, { ...NO_PRESSURE, turnAwayFrom: 25 })
  }
  const other = tell(node, MANY)
  expect(node.applier.counts).toMatchObject({ joined: 50, noRoom: 30 })
  expectAsOwn(node, own, MANY)
  for (const peer of MANY) other.announce(START + 1500, 1, peer)
  exchange(START + 1500, [node, other])
  expect(node.applier.counts).toMatchObject({ joined: 50, renewed: 25, noRoom: 45 })
})
