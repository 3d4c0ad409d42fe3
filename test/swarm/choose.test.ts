// The choice of peers where buckets differ in size.
import { expect, test } from 'bun:test'
import { hashPeer, Peer } from '../../src/swarm/peers/peer.ts'
import { address, FamilyHarness, Harness, portOf, setPeer } from './harness.ts'

test('a peer in an overfull bucket is chosen, too', () => {
  const harness = new Harness()
  const swarm = new FamilyHarness('ipv4', harness)
  const table = harness.tableOf('ipv4', 1)
  const peers: number[] = []
  const who = new Peer()
  for (let peer = 0; peer < 1000; peer++) peers.push(peer)
  // The hash decides on the bucket: many more for one of them.
  for (let peer = 1000; peers.length < 1060; peer++) {
    setPeer(who, 'ipv4', [address('ipv4', peer, 0), 0, 0, 0], portOf(peer))
    const hash = hashPeer(table, who)
    if ((hash & 1023) === 5) peers.push(peer)
  }
  for (const peer of peers) swarm.announce(1, peer, { wanted: 0 })
  const counts = new Map<number, number>()
  for (let i = 0; i < peers.length * 60; i++) {
    const [peer] = swarm.announce(1, 0, { wanted: 1 }).peers
    counts.set(peer, (counts.get(peer) ?? 0) + 1)
  }
  for (const peer of peers.slice(1)) expect(counts.get(peer) ?? 0).toBeGreaterThan(15)
})
