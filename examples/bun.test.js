// A test of a WebTorrent client under bun:test. Run: bun test
import { expect, test } from 'bun:test'
import { startTracker } from 'aquatic/testing'

const announce = { action: 'announce', info_hash: 'a'.repeat(20), peer_id: 'p'.repeat(20), left: 5 }

test('an announce that is lost is sent again', async () => {
  const tracker = await startTracker({ ws: true })
  try {
    const socket = new WebSocket(tracker.ws)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    const answer = new Promise((resolve) =>
      socket.addEventListener('message', ({ data }) => resolve(JSON.parse(data))),
    )
    await tracker.faults({ ws: { loss: 1 } })
    socket.send(JSON.stringify(announce))
    await tracker.faults({})
    socket.send(JSON.stringify(announce))
    expect(await answer).toMatchObject({ action: 'announce', incomplete: 1 })
    socket.close()
  } finally {
    await tracker.stop()
  }
})
