// A test of an HTTP client under node:test. Run: node --test
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTracker } from 'aquatic/testing'

const INFO_HASH = 'a'.repeat(20)

function announce(tracker) {
  const query = `info_hash=${INFO_HASH}&peer_id=-XX0001-abcdefghijkl&port=6881&left=0`
  return fetch(`${tracker.http}?${query}`).then((response) => response.text())
}

test('a seeder is known for as long as it announces', async (t) => {
  const tracker = await startTracker({ http: true })
  t.after(() => tracker.stop())
  assert.match(await announce(tracker), /8:interval/)
  const [peer] = await tracker.peers(Buffer.from(INFO_HASH))
  assert.deepEqual([peer.address, peer.port, peer.seeder], ['127.0.0.1', 6881, true])
  await tracker.advanceClock(3600)
  assert.deepEqual(await tracker.peers(Buffer.from(INFO_HASH)), [])
})

test('a failure is told', async (t) => {
  const tracker = await startTracker({ http: true })
  t.after(() => tracker.stop())
  await tracker.faults({ http: { error: 'try later' } })
  assert.equal(await announce(tracker), 'd14:failure reason9:try latere')
})
