// Offers and answers between clients, over real connections.
import { describe, expect, test } from 'bun:test'
import type { Message } from '../../support/ws-client.ts'
import {
  announce,
  answer,
  newHash,
  offer,
  offerId,
  peerId,
  useTracker,
  WORKERS,
} from '../messages.ts'

describe.each(WORKERS)('with %d socket workers', (workers) => {
  const { connect, connectMany } = useTracker(workers)

  test('an offer goes to a peer, its answer back, both as they were', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    expect(await b.ask(announce(hash, 2, { offers: [offer(7)] }))).toMatchObject({ incomplete: 2 })
    const offered = await a.next()
    expect(offered).toEqual({
      action: 'announce',
      info_hash: hash,
      peer_id: peerId(2),
      ...offer(7),
    })
    a.send(answer(hash, 1, offered, 'v=0\r\n\u20ac\u0001'))
    expect(await b.next()).toEqual({
      action: 'announce',
      info_hash: hash,
      peer_id: peerId(1),
      offer_id: offerId(7),
      answer: { type: 'answer', sdp: 'v=0\r\n\u20ac\u0001' },
    })
    expect(await a.settled()).toEqual([])
  })

  test('each offer goes to another peer, none to the offerer', async () => {
    const hash = newHash()
    const peers = await connectMany(8)
    for (const [i, peer] of peers.entries()) await peer.ask(announce(hash, i))
    const asker = await connect()
    const offers = Array.from({ length: 10 }, (_, i) => offer(i))
    expect(await asker.ask(announce(hash, 99, { offers }))).toMatchObject({ incomplete: 9 })
    const got = await Promise.all(peers.map((peer) => peer.next()))
    expect(new Set(got.map(({ offer_id }) => offer_id)).size).toBe(8)
    for (const [i, message] of got.entries()) peers[i].send(answer(hash, i, message))
    const answerers = new Set<string | undefined>()
    for (const _ of peers) answerers.add((await asker.next()).peer_id)
    expect(answerers.size).toBe(8)
    for (const peer of [asker, ...peers]) expect(await peer.settled()).toEqual([])
  })

  test('seeders are never offered to seeders, and leechers come first', async () => {
    const hash = newHash()
    const [seeder, leecher, asker, other] = await connectMany(4)
    await seeder.ask(announce(hash, 1, { left: 0 }))
    await leecher.ask(announce(hash, 2))
    await asker.ask(announce(hash, 3, { left: 0, offers: [offer(1), offer(2), offer(3)] }))
    expect(await leecher.next()).toMatchObject({ peer_id: peerId(3) })
    expect(await seeder.settled()).toEqual([])
    await asker.ask(announce(hash, 3, { event: 'stopped' }))
    await other.ask(announce(hash, 4, { offers: [offer(4)] }))
    expect(await leecher.next()).toMatchObject({ peer_id: peerId(4) })
    await other.ask(announce(hash, 4, { offers: [offer(5), offer(6)] }))
    expect(await leecher.next()).toMatchObject({ peer_id: peerId(4) })
    expect(await seeder.next()).toMatchObject({ peer_id: peerId(4) })
  })

  test('an answer changes nothing in the swarm', async () => {
    const hash = newHash()
    const [seeder, leecher] = await connectMany(2)
    await seeder.ask(announce(hash, 1, { left: 0 }))
    await leecher.ask(announce(hash, 2, { offers: [offer(1)] }))
    const { left: _, ...message } = { left: 0, ...answer(hash, 1, await seeder.next()) }
    seeder.send(message)
    await leecher.next()
    const scrape = await leecher.ask({ action: 'scrape', info_hash: hash })
    expect(scrape.files?.[hash]).toEqual({ complete: 1, incomplete: 1, downloaded: 0 })
  })

  test('an answer to an offer that was never made is refused, and creates nothing', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    const forged = { peer_id: peerId(1), offer_id: offerId(3) }
    const refusal = await b.ask(answer(hash, 2, forged))
    expect(refusal).toMatchObject({ action: 'announce', info_hash: hash, offer_id: offerId(3) })
    expect(refusal['failure reason']).toContain('No such offer')
    const other = newHash()
    expect((await b.ask(answer(other, 2, forged)))['failure reason']).toContain('No such offer')
    const scrape = await b.ask({ action: 'scrape', info_hash: [hash, other] })
    expect(scrape.files?.[other]).toEqual({ complete: 0, incomplete: 0, downloaded: 0 })
    // Had the answer gone to a, it would have come before this offer.
    await b.ask(announce(hash, 2, { offers: [offer(1)] }))
    expect(await a.next()).toMatchObject({ offer_id: offerId(1) })
  })

  test('an offer is good for one answer, by the peer that it was made to', async () => {
    const hash = newHash()
    const [a, b, c] = await connectMany(3)
    await a.ask(announce(hash, 1))
    await b.ask(announce(hash, 2, { offers: [offer(1)] }))
    const offered = await a.next()
    // Another connection, another peer id, another torrent, another offerer, another offer.
    const wrong = [
      [c, answer(hash, 1, offered)],
      [c, answer(hash, 3, offered)],
      [a, answer(hash, 4, offered)],
      [a, answer(newHash(), 1, offered)],
      [a, answer(hash, 1, { ...offered, peer_id: peerId(3) })],
      [a, answer(hash, 1, { ...offered, offer_id: offerId(2) })],
    ] as const
    for (const [client, message] of wrong) {
      expect((await client.ask(message))['failure reason']).toContain('No such offer')
    }
    a.send(answer(hash, 1, offered))
    expect(await b.next()).toMatchObject({ answer: { sdp: 'answer' } })
    expect((await a.ask(answer(hash, 1, offered)))['failure reason']).toContain('No such offer')
    expect(await b.settled()).toEqual([])
  })

  test('an answer to a peer that has left is no error', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    await b.ask(announce(hash, 2, { offers: [offer(1)] }))
    const offered = await a.next()
    await b.close()
    a.send(answer(hash, 1, offered))
    expect(await a.settled()).toEqual([])
  })

  test('several peers share a connection, in one torrent too', async () => {
    const hash = newHash()
    const [shared, other] = await connectMany(2)
    await shared.ask(announce(hash, 1))
    expect(await shared.ask(announce(hash, 2))).toMatchObject({ incomplete: 2 })
    await shared.ask(announce(newHash(), 1))
    await other.ask(announce(hash, 3, { offers: [offer(1), offer(2)] }))
    const got = [await shared.next(), await shared.next()]
    expect(new Set(got.map(({ offer_id }) => offer_id)).size).toBe(2)
    // Which of the two peers each offer is for shows by whose answer is taken.
    const refused: Message[] = []
    for (const each of got) {
      for (const peer of [1, 2]) shared.send(answer(hash, peer, each))
      refused.push(await shared.next())
    }
    expect(refused.map((message) => message['failure reason'])).toHaveLength(2)
    expect([await other.next(), await other.next()].map(({ peer_id }) => peer_id).sort()).toEqual([
      peerId(1),
      peerId(2),
    ])
    await shared.ask(announce(hash, 1, { event: 'stopped' }))
    expect(await other.ask(announce(hash, 3))).toMatchObject({ incomplete: 2 })
  })

  test('offers that are none cost nobody the answer', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    for (const offers of [null, 'x', 5, {}, [], [null], [{ fake_offer: true }]]) {
      expect(await b.ask(announce(hash, 2, { offers }))).toMatchObject({ incomplete: 2 })
    }
    await b.ask(announce(hash, 2, { offers: [null, 7, {}, offer(1), [offer(2)]] }))
    expect(await a.next()).toMatchObject(offer(1))
    expect(await a.settled()).toEqual([])
  })

  test('what else is in an offer does not get into the message', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    const item = { ...offer(1), info_hash: 'x', 'failure reason': 'boo', action: 'scrape' }
    await b.ask(announce(hash, 2, { offers: [item] }))
    expect(await a.next()).toEqual({
      action: 'announce',
      info_hash: hash,
      peer_id: peerId(2),
      ...offer(1),
    })
  })

  test('the order of keys in a message means nothing', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    const shuffled = (message: object, by: number) => {
      const fields = Object.entries(message)
      return Object.fromEntries([...fields.slice(by), ...fields.slice(0, by)].reverse())
    }
    await a.ask(announce(hash, 1))
    for (let by = 0; by < 8; by++) {
      const offers = [shuffled(offer(by), by & 1)]
      const response = await b.ask(shuffled(announce(hash, 2, { offers, event: 'update' }), by))
      expect(response).toMatchObject({ info_hash: hash, incomplete: 2 })
      const offered = await a.next()
      expect(offered).toEqual({
        action: 'announce',
        info_hash: hash,
        peer_id: peerId(2),
        ...offer(by),
      })
      a.send(shuffled(answer(hash, 1, offered), by))
      expect(await b.next()).toMatchObject({ offer_id: offerId(by), peer_id: peerId(1) })
    }
    for (const by of [0, 1]) {
      const scrape = await a.ask(shuffled({ action: 'scrape', info_hash: hash }, by))
      expect(scrape.files?.[hash].incomplete).toBe(2)
    }
  })

  test('an offer may have any short string for an id', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    const ids = ['', '0', 'sixteen bytes id', '\u4e2d"\\\u0001', 'x'.repeat(21), 'y'.repeat(64)]
    for (const offer_id of ids) {
      await b.ask(announce(hash, 2, { offers: [{ ...offer(1), offer_id }] }))
      const offered = await a.next()
      expect(offered.offer_id).toBe(offer_id)
      const wrong = await a.ask(
        answer(hash, 1, { ...offered, offer_id: `${offer_id}x`.slice(-64) }),
      )
      expect(wrong['failure reason']).toContain(
        offer_id === ids.at(-1) ? 'No such' : 'No such offer',
      )
      a.send(answer(hash, 1, offered))
      expect(await b.next()).toMatchObject({ offer_id, answer: { sdp: 'answer' } })
    }
    const offer_id = 'z'.repeat(65)
    const refusal = await a.ask(answer(hash, 1, { peer_id: peerId(2), offer_id }))
    expect(refusal['failure reason']).toContain('Invalid answer')
  })

  test('who sends offers that are none is told, and gets the rest passed on', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    const offers = [{ ...offer(1), offer_id: 'z'.repeat(65) }, null, offer(2)]
    const response = await b.ask(announce(hash, 2, { offers }))
    expect(response).toMatchObject({ info_hash: hash, complete: 0, incomplete: 2 })
    expect(response['warning message']).toContain('2 left out of offers')
    expect(await a.next()).toMatchObject(offer(2))
    expect(await a.settled()).toEqual([])
  })

  test('messages to one connection keep their order', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    await a.ask(announce(hash, 1))
    // Not more at a time: a connection with many messages waiting is spared.
    for (let first = 0; first < 100; first += 20) {
      const numbers = Array.from({ length: 20 }, (_, i) => first + i)
      for (const n of numbers) b.send(announce(hash, 2, { offers: [offer(n)] }))
      for (const n of numbers) expect((await a.next()).offer_id).toBe(offerId(n))
    }
  })

  test('a large swarm gives everybody a chance', async () => {
    const hash = newHash()
    const peers = await connectMany(60)
    for (const [i, peer] of peers.entries()) await peer.ask(announce(hash, i))
    const asker = await connect()
    for (let round = 0; round < 60; round++) {
      const offers = Array.from({ length: 10 }, (_, i) => offer(round * 10 + i))
      await asker.ask(announce(hash, 99, { offers }))
    }
    const received = await Promise.all(peers.map((peer) => peer.settled()))
    const counts = received.map((messages) => messages.length)
    expect(counts.filter((count) => count > 0).length).toBeGreaterThan(50)
  })
})
