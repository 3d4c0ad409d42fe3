import { expect, test } from 'bun:test'
import { Census, fromSwarms } from '../../src/census/census.ts'
import { Harness } from '../swarm/harness.ts'

// The harness gives all WebSocket peers ids that begin with -WWT, and then the number of the peer.
test('a census of swarms counts each peer once, in swarms of all sizes', async () => {
  const harness = new Harness()
  let peers = 0
  for (const [torrent, size] of [1, 2, 3, 40, 400, 3000].entries()) {
    for (let peer = 1; peer <= size; peer++) {
      harness.announce('websocket', torrent, peer, { seeder: peer % 2 === 0 })
      peers++
    }
  }
  harness.announce('ipv4', 1, 1)
  const census = new Census(fromSwarms(harness.swarms))
  await census.run()
  expect(census.result).toEqual([{ client: 'WebTorrent', version: '', peers }])
  harness.leave('websocket', 0, 1)
  await census.run()
  expect(census.result[0].peers).toBe(peers - 1)
})

test('a stopped census keeps its counts', async () => {
  const harness = new Harness()
  harness.announce('websocket', 1, 1)
  const census = new Census(fromSwarms(harness.swarms))
  await census.run()
  const before = census.result
  census.stop()
  harness.announce('websocket', 1, 2)
  await census.run()
  expect(census.result).toBe(before)
})
