// Clients that do not read what they are sent, over real connections: what they cost the tracker and others.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { frame, OPCODE_TEXT, WsClient } from '../support/ws-client.ts'
import { announce, answer, newHash, offer, offerId, peerId } from './messages.ts'

const ADDRESS = "address = '127.0.0.1:0'"

function withWs<T>(settings: string, use: (tracker: Tracker) => Promise<T>): Promise<T> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

/** The most that it has had resident so far. */
function peakMegabytes({ pid }: Tracker): number {
  const [, kilobytes] = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmHWM:\s+(\d+)/) ?? []
  return Number(kilobytes) / 1024
}

test('clients that send without reading cost little memory, and the others nothing', async () => {
  await withWs(`[network]\n${ADDRESS}\n`, async (tracker) => {
    const watcher = await WsClient.connect(tracker.at())
    const deaf = await Promise.all(Array.from({ length: 50 }, () => WsClient.connect(tracker.at())))
    const before = peakMegabytes(tracker)
    const empty = frame(OPCODE_TEXT, new TextEncoder().encode('{}'))
    const chunk = Buffer.concat(Array.from({ length: 500_000 }, () => empty))
    for (const client of deaf) {
      client.socket.pause()
      client.socket.write(chunk)
    }
    const ends = Promise.all(deaf.map(({ closed }) => closed))
    expect(await waitFor(ends, 120_000)).toBeDefined()
    expect(await watcher.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
    expect(peakMegabytes(tracker) - before).toBeLessThan(250)
    watcher.destroy()
  })
}, 180_000)

test('nobody can have another connection closed by answering its offers', async () => {
  const settings = `[network]\n${ADDRESS}\n[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_backlog_bytes = 65536\n`
  await withWs(settings, async (tracker) => {
    const connect = () => WsClient.connect(tracker.at())
    const hash = newHash()
    const victim = await connect()
    const answerers = await Promise.all(Array.from({ length: 10 }, connect))
    for (const [i, client] of answerers.entries()) await client.ask(announce(hash, i + 1))
    const rounds = 30
    for (let round = 0; round < rounds; round++) {
      const offers = Array.from({ length: 10 }, (_, i) => offer(round * 10 + i))
      await victim.ask(announce(hash, 0, { offers }))
    }
    victim.socket.pause()
    const sdp = 's'.repeat(60_000)
    for (const [i, client] of answerers.entries()) {
      for (let round = 0; round < rounds; round++) {
        client.send(answer(hash, i + 1, await client.next(), sdp))
      }
      expect(await client.settled()).toEqual([])
    }
    victim.socket.resume()
    // It is still the same client: answers that were not dropped come, and so do new offers.
    const got = await victim.settled()
    expect(got.length).toBeGreaterThan(0)
    expect(got.length).toBeLessThan(rounds * 10)
    for (const { peer_id, answer: { sdp: text = '' } = {} } of got) {
      expect(text).toBe(sdp)
      expect(peer_id).not.toBe(peerId(0))
    }
    await waitUntil('it gets offers again', async () => {
      await answerers[0].ask(announce(hash, 1, { offers: [offer(999)] }))
      return (await victim.settled()).some(({ offer_id }) => offer_id === offerId(999))
    })
    for (const client of [victim, ...answerers]) client.destroy()
  })
}, 180_000)
