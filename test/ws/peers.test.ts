// Who owns a peer, and how many one connection may have, over real connections from several addresses.
import { describe, expect, test } from 'bun:test'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash, offer, WORKERS } from './messages.ts'

// Addresses that are not this machine's come through a proxy that the tracker trusts.
const PROXIED = "[network]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'\n"

function withWs<T>(settings: string, use: (tracker: Tracker) => Promise<T>): Promise<T> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

function connectFrom(tracker: Tracker, address: string): Promise<WsClient> {
  return WsClient.connect(tracker.at(), { headers: { 'X-Forwarded-For': address } })
}

describe.each(WORKERS)('with %d socket workers', (workers) => {
  test.each([
    ['203.0.113.7', '203.0.113.7', '203.0.113.8'],
    ['2001:db8:1:2::5', '2001:db8:1:2::77', '2001:db8:1:3::5'],
  ])('a peer of %s goes to a new connection from %s, to none from %s', (old, same, other) =>
    withWs(`socket_workers = ${workers}\n${PROXIED}`, async (tracker) => {
      const hash = newHash()
      const [halfOpen, thief, watcher] = await Promise.all(
        [old, other, '198.51.100.1'].map((address) => connectFrom(tracker, address)),
      )
      const incomplete = async () => {
        const scrape = await watcher.ask({ action: 'scrape', info_hash: hash })
        return scrape.files?.[hash].incomplete
      }
      let offers = 0
      // There is one other peer in the torrent, so an offer shows whose it is.
      const expectOwner = async (client: WsClient) => {
        offers++
        await watcher.ask(announce(hash, 2, { offers: [offer(offers)] }))
        expect(await client.next()).toMatchObject(offer(offers))
      }
      await halfOpen.ask(announce(hash, 1))
      await expectOwner(halfOpen)
      await thief.ask(announce(hash, 1))
      await expectOwner(halfOpen)
      // Connections from loopback spread over workers by chance: several come back, one after the other.
      for (let i = 0; i < 4; i++) {
        const next = await connectFrom(tracker, same)
        expect(await next.ask(announce(hash, 1))).toMatchObject({ incomplete: 2 })
        await expectOwner(next)
        if (i < 3) next.destroy()
      }
      for (const client of [halfOpen, thief]) expect(await client.settled()).toEqual([])
      // That the former connection ends takes nothing from the swarm.
      await halfOpen.close()
      for (let i = 0; i < 8; i++) await (await connectFrom(tracker, '198.51.100.2')).close()
      expect(await incomplete()).toBe(2)
      for (const client of [thief, watcher]) client.destroy()
    }),
  )

  test('through a proxy that is not trusted nobody takes a peer from a connection that lives', () =>
    withWs(`socket_workers = ${workers}\n[network]\naddress = '127.0.0.1:0'\n`, async (tracker) => {
      const hash = newHash()
      const [owner, thief] = await Promise.all(
        ['203.0.113.7', '203.0.113.7'].map((address) => connectFrom(tracker, address)),
      )
      await owner.ask(announce(hash, 1))
      await thief.ask(announce(hash, 1))
      await thief.ask(announce(hash, 2, { offers: [offer(1)] }))
      expect(await owner.next()).toMatchObject(offer(1))
      for (const client of [owner, thief]) client.destroy()
    }))
})

test('a connection has at most so many peer ids in one torrent, and they come and go', async () => {
  const settings = `[network]\naddress = '127.0.0.1:0'\n[protocol]\npeer_announce_interval = 1\n[cleaning]\ninterval = 1\nmax_peer_age = 3\n`
  await withWs(settings, async (tracker) => {
    const [client, other] = [
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
    ]
    const hash = newHash()
    const join = async (peer: number) => (await client.ask(announce(hash, peer)))['failure reason']
    for (const peer of [1, 2, 3, 4]) expect(await join(peer)).toBeUndefined()
    for (let peer = 5; peer < 500; peer++) {
      expect(await join(peer)).toBe('Too many peer ids in one torrent on one connection')
    }
    // Those that it has are renewed; another torrent and another connection have their own.
    expect(await client.ask(announce(hash, 2))).toMatchObject({ incomplete: 4 })
    for (const peer of [5, 6, 7, 8]) {
      expect(await client.ask(announce(newHash(), peer))).toMatchObject({ incomplete: 1 })
    }
    expect(await other.ask(announce(hash, 9))).toMatchObject({ incomplete: 5 })
    await client.ask(announce(hash, 1, { event: 'stopped' }))
    expect(await join(5)).toBeUndefined()
    expect(await join(6)).toContain('Too many peer ids')
    // What has aged out makes room as well: nothing comes from it, and no ping before its peers are over.
    await waitUntil('its peers are forgotten', async () => {
      const { files = {} } = await other.ask({ action: 'scrape', info_hash: hash })
      return files[hash].incomplete === 1
    })
    expect(await join(6)).toBeUndefined()
    for (const each of [client, other]) each.destroy()
  })
}, 180_000)

test('a newcomer finds those who are there, not one connection with many peer ids', async () => {
  await withWs("[network]\naddress = '127.0.0.1:0'\n", async (tracker) => {
    const connect = () => WsClient.connect(tracker.at())
    const hash = newHash()
    const greedy = await connect()
    for (let peer = 1000; peer < 1500; peer++) await greedy.ask(announce(hash, peer))
    const honest = await Promise.all(Array.from({ length: 20 }, connect))
    for (const [i, client] of honest.entries()) await client.ask(announce(hash, i))
    const newcomer = await connect()
    const offers = Array.from({ length: 10 }, (_, i) => offer(i))
    expect(await newcomer.ask(announce(hash, 99, { offers }))).toMatchObject({ incomplete: 25 })
    expect((await greedy.settled()).length).toBeLessThanOrEqual(4)
    for (const client of [greedy, newcomer, ...honest]) client.destroy()
  })
})
