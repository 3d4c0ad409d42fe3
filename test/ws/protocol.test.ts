// What clients are told, over real connections: announces, scrapes, errors.
import { describe, expect, test } from 'bun:test'
import { waitUntil } from '../support/wait.ts'
import { OPCODE_BINARY, OPCODE_PING, WsClient } from '../support/ws-client.ts'
import { announce, newHash, offer, offerId, peerId, useTracker, WORKERS } from './messages.ts'

describe.each(WORKERS)('with %d socket workers', (workers) => {
  const { tracker, connect, connectMany, keep } = useTracker(workers)

  test('an announce is answered with interval and counts, the peer itself included', async () => {
    const hash = newHash()
    const [a, b] = await connectMany(2)
    expect(await a.ask(announce(hash, 1, { event: 'started' }))).toEqual({
      action: 'announce',
      info_hash: hash,
      interval: 120,
      complete: 0,
      incomplete: 1,
    })
    expect(await b.ask(announce(hash, 2, { left: 0 }))).toMatchObject({
      complete: 1,
      incomplete: 1,
    })
    expect(await b.ask(announce(hash, 2, { left: 5 }))).toMatchObject({
      complete: 0,
      incomplete: 2,
    })
    expect(await a.ask(announce(hash, 1, { event: 'stopped' }))).toMatchObject({
      complete: 0,
      incomplete: 1,
      info_hash: hash,
    })
    expect(await a.ask(announce(hash, 1, { event: 'stopped' }))).toMatchObject({ incomplete: 1 })
  })

  test.each(['started', 'update', 'paused', 'empty', '', null, undefined])(
    'event %p joins the swarm',
    async (event) => {
      const hash = newHash()
      const client = await connect()
      expect(await client.ask(announce(hash, 1, { event }))).toMatchObject({ incomplete: 1 })
    },
  )

  test.each([null, undefined, -1, 1.5, '0', 2 ** 60, 1e300])(
    'left = %p is a leecher',
    async (left) => {
      const client = await connect()
      const message = announce(newHash(), 1, { left })
      expect(await client.ask(message)).toMatchObject({ complete: 0, incomplete: 1 })
    },
  )

  test('a peer leaves with its connection', async () => {
    const hash = newHash()
    const hashes = [hash, newHash(), newHash()]
    const [a, b] = await connectMany(2)
    for (const each of hashes) await a.ask(announce(each, 1))
    await b.ask(announce(hash, 2))
    await a.close()
    // Its worker may notice the end a moment after others have been asked.
    await waitUntil('only the other peer is left', async () => {
      const { files = {} } = await b.ask({ action: 'scrape', info_hash: hashes })
      return hashes.map((each) => files[each].incomplete).join() === '1,0,0'
    })
  })

  test("another connection's peer id gets an answer and no entry, until that ends", async () => {
    const hash = newHash()
    const [owner, thief, watcher] = await connectMany(3)
    await owner.ask(announce(hash, 1))
    await watcher.ask(announce(hash, 2))
    const stolen = announce(hash, 1, { left: 0, offers: [offer(1)] })
    expect(await thief.ask(stolen)).toMatchObject({ complete: 0, incomplete: 2 })
    await thief.ask(announce(hash, 1, { event: 'stopped' }))
    expect(await watcher.settled()).toEqual([])
    await thief.close()
    await watcher.ask(announce(hash, 2, { offers: [offer(2)] }))
    expect(await owner.next()).toMatchObject({ offer_id: offerId(2) })
    const next = await connect()
    await owner.close()
    await waitUntil('the peer is the next one’s', async () => {
      await next.ask(announce(hash, 1))
      await watcher.ask(announce(hash, 2, { offers: [offer(3)] }))
      return (await next.settled()).length > 0
    })
  })

  test('every spelling of an info hash is one swarm', async () => {
    const hash = newHash()
    const escaped = [...hash]
      .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')
    const text = (spelling: string, peer: number) =>
      `{"action":"announce","info_hash":"${spelling}","peer_id":"${'p'.repeat(19)}${peer}"}`
    const raw = JSON.stringify(hash).slice(1, -1)
    const client = await connect()
    const spellings = [raw, escaped, escaped.toUpperCase().replaceAll('\\U', '\\u')]
    for (const [i, spelling] of spellings.entries()) {
      expect(await client.ask(text(spelling, i))).toMatchObject({
        info_hash: hash,
        incomplete: i + 1,
      })
    }
  })

  test('a scrape gives each torrent, an unknown one zeros, and creates none', async () => {
    const [hash, unknown] = [newHash(), newHash()]
    const client = await connect()
    await client.ask(announce(hash, 1, { left: 0, event: 'completed' }))
    await client.ask(announce(hash, 2))
    await client.ask(announce(hash, 2, { left: 0, event: 'completed' }))
    const known = { complete: 2, incomplete: 0, downloaded: 1 }
    const none = { complete: 0, incomplete: 0, downloaded: 0 }
    for (const info_hash of [
      [hash, unknown],
      [unknown, hash, hash],
    ]) {
      expect(await client.ask({ action: 'scrape', info_hash })).toEqual({
        action: 'scrape',
        files: { [hash]: known, [unknown]: none },
      })
    }
    // Each once, however often and in whatever spelling it was asked for: JSON.parse would hide the rest.
    const escaped = JSON.stringify(hash).replace('h', '\\u0068')
    const list = [hash, unknown, hash].map((each) => JSON.stringify(each))
    client.send(`{"action":"scrape","info_hash":[${[...list, escaped, ...list].join()}]}`)
    const text = await client.nextText()
    expect(text.match(/"complete"/g)).toHaveLength(2)
    expect(JSON.parse(text).files).toEqual({ [hash]: known, [unknown]: none })
    const single = await client.ask({ action: 'scrape', info_hash: unknown })
    expect(single).toEqual({ action: 'scrape', files: { [unknown]: none } })
    expect(await client.ask({ action: 'scrape', info_hash: [] })).toEqual({
      action: 'scrape',
      files: {},
    })
  })

  test('there is no full scrape', async () => {
    const client = await connect()
    const refusal = await client.ask({ action: 'scrape' })
    expect(refusal.action).toBe('scrape')
    expect(refusal['failure reason']).toContain('full scrapes are not allowed')
  })

  test('every error says what it is about', async () => {
    const hash = newHash()
    const client = await connect()
    const good = announce(hash, 1)
    const cases: [message: unknown, expected: object][] = [
      ['{', { action: 'announce' }],
      [`{"info_hash":${JSON.stringify(hash)},`, { action: 'announce', info_hash: hash }],
      ['[]', { action: 'announce' }],
      [{}, { action: 'announce' }],
      [
        { ...good, action: 'dance' },
        { action: 'announce', info_hash: hash },
      ],
      [{ ...good, info_hash: 'short' }, { action: 'announce' }],
      [{ ...good, info_hash: [hash] }, { action: 'announce' }],
      [{ ...good, info_hash: undefined }, { action: 'announce' }],
      [
        { ...good, peer_id: undefined },
        { action: 'announce', info_hash: hash },
      ],
      [
        { ...good, peer_id: `${peerId(1)}x` },
        { action: 'announce', info_hash: hash },
      ],
      [
        { ...good, event: 7 },
        { action: 'announce', info_hash: hash },
      ],
      [{ action: 'scrape', info_hash: 'short' }, { action: 'scrape' }],
      [{ action: 'scrape', info_hash: 7 }, { action: 'scrape' }],
      [
        { ...good, answer: {}, offer_id: offerId(1) },
        { action: 'announce', info_hash: hash, offer_id: offerId(1) },
      ],
      [
        { ...good, answer: 'sdp' },
        { action: 'announce', info_hash: hash },
      ],
    ]
    for (const [message, expected] of cases) {
      const refusal = await client.ask(message)
      const { 'failure reason': reason, ...rest } = refusal
      expect(rest).toEqual(expected as never)
      expect(reason).toMatch(/^\w/)
    }
    expect(await client.ask(good)).toMatchObject({ incomplete: 1 })
  })

  test('several announces in flight on one connection each get their answer, in order', async () => {
    const client = await connect()
    const hashes = Array.from({ length: 200 }, newHash)
    for (const hash of hashes) client.send(announce(hash, 1))
    for (const hash of hashes) expect((await client.next()).info_hash).toBe(hash)
  })

  test('a binary message is a message, a ping is answered', async () => {
    const client = await connect()
    const hash = newHash()
    const bytes = new TextEncoder().encode(JSON.stringify(announce(hash, 1)))
    client.sendFrame(OPCODE_BINARY, bytes)
    expect(await client.next()).toMatchObject({ info_hash: hash, incomplete: 1 })
    client.sendFrame(OPCODE_BINARY, Uint8Array.of(0xff, 0xfe))
    expect((await client.next())['failure reason']).toBe('Invalid JSON')
    client.sendFrame(OPCODE_PING, Uint8Array.of(1, 2, 3))
    expect(await client.settled()).toEqual([])
  })

  test('path and query are ignored, compression is declined', async () => {
    const client = await WsClient.connect(tracker().at(), {
      path: '/announce/a/b?c=d&e=%ff',
      headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' },
    })
    keep(client)
    expect(client.head.toLowerCase()).not.toContain('sec-websocket-extensions')
    expect(await client.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
  })
})
