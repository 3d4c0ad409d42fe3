// Clients that ask for more than they may, over real connections. Addresses that limits apply to come
// through a proxy that the tracker trusts.
import { describe, expect, test } from 'bun:test'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { frame, OPCODE_TEXT, WsClient } from '../support/ws-client.ts'
import { announce, answer, newHash, offer, offerId, WORKERS } from './messages.ts'

const PROXIED = "[network]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'\n"

function withWs<T>(settings: string, use: (tracker: Tracker) => Promise<T>): Promise<T> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

function connectFrom(tracker: Tracker, address: string): Promise<WsClient> {
  return WsClient.connect(tracker.at(), { headers: { 'X-Forwarded-For': address } })
}

test('a client that announces again on each response is held, and stays in the swarm', async () => {
  await withWs(PROXIED, async (tracker) => {
    const hash = newHash()
    const [loop, other] = await Promise.all(
      ['203.0.113.7', '203.0.113.7'].map((address) => connectFrom(tracker, address)),
    )
    let responses = 0
    let reasons = 0
    let next = loop.next()
    for (let quiet = false; !quiet; ) {
      loop.send(announce(hash, 1))
      const message = await waitFor(next, reasons === 0 ? 5000 : 1000)
      if (message !== undefined) next = loop.next()
      if (message === undefined) quiet = true
      else if (message['failure reason'] === undefined) responses++
      else {
        reasons++
        expect(message).toMatchObject({ action: 'announce', info_hash: hash })
        expect(message['failure reason']).toBe(
          'Too many requests on this connection: announce less often',
        )
      }
    }
    // A minute of 5.1 per second, and the seconds that the test took.
    expect(responses).toBeGreaterThan(300)
    expect(responses).toBeLessThan(500)
    expect(reasons).toBeLessThanOrEqual(10)
    // Somebody at the same address is served, and makes an offer to the one that is silent now.
    const response = await other.ask(announce(hash, 2, { offers: [offer(1)] }))
    expect(response).toMatchObject({ incomplete: 2 })
    let last = await next
    while (last.offer_id === undefined) last = await loop.next()
    expect(last.offer_id).toBe(offerId(1))
    for (const client of [loop, other]) client.destroy()
  })
}, 180_000)

describe.each(WORKERS)('with %d socket workers', (workers) => {
  test('who goes on regardless is closed with the reason, and others do not notice', async () => {
    const settings = `socket_workers = ${workers}\nlog_level = 'debug'\nlog_addresses = 'plain'\n${PROXIED}`
    await withWs(settings, async (tracker) => {
      const [flooder, other] = await Promise.all(
        ['203.0.113.7', '203.0.113.8'].map((address) => connectFrom(tracker, address)),
      )
      const empty = frame(OPCODE_TEXT, new TextEncoder().encode('{}'))
      flooder.socket.write(Buffer.concat(Array.from({ length: 2000 }, () => empty)))
      expect(await waitFor(flooder.closed, 60_000)).toEqual({
        code: 1008,
        reason: 'too many requests',
      })
      await tracker.waitForOutput(/203\.0\.113\.7 closed: it keeps sending more than/)
      expect(await other.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
      other.destroy()
    })
  }, 180_000)

  test('an address is limited over all of its connections', async () => {
    const limits = '[source_limits]\nrequests_per_second = 1\n'
    await withWs(`socket_workers = ${workers}\n${PROXIED}${limits}`, async (tracker) => {
      const connect = (address: string) => connectFrom(tracker, address)
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect('203.0.113.7')))
      let refused = 0
      for (let round = 0; round < 5; round++) {
        for (const client of clients) {
          const { 'failure reason': reason } = await client.ask(announce(newHash(), 1))
          if (reason === undefined) continue
          refused++
          expect(reason).toBe('Too many requests from your address: announce less often')
        }
      }
      // 60 at once, and a few for the time that it took.
      expect(refused).toBeGreaterThan(20)
      expect(refused).toBeLessThanOrEqual(40)
      const neighbour = await connect('203.0.113.8')
      expect(await neighbour.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
      for (const client of [...clients, neighbour]) client.destroy()
    })
  }, 180_000)
})

test('answers to offers do not count', async () => {
  const limits = '[source_limits]\nconnection_requests_per_second = 1\nrequests_per_second = 1\n'
  await withWs(`${PROXIED}${limits}`, async (tracker) => {
    const hash = newHash()
    const [answerer, offerer] = await Promise.all([
      connectFrom(tracker, '203.0.113.7'),
      WsClient.connect(tracker.at()),
    ])
    await answerer.ask(announce(hash, 1))
    for (let n = 0; n < 300; n++) {
      await offerer.ask(announce(hash, 2, { offers: [offer(n)] }))
      answerer.send(answer(hash, 1, await answerer.next()))
      expect(await offerer.next()).toMatchObject({ offer_id: offerId(n), answer: {} })
    }
    expect(await answerer.ask(announce(hash, 1))).toMatchObject({ incomplete: 2 })
    // Answers to nothing do.
    const nothing = answer(hash, 1, { peer_id: 'x'.repeat(20), offer_id: offerId(999) })
    await waitUntil('they are refused for their number', async () => {
      const { 'failure reason': reason } = await answerer.ask(nothing)
      return reason?.startsWith('Too many requests') === true
    })
    for (const client of [answerer, offerer]) client.destroy()
  })
}, 180_000)
