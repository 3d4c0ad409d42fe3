// What clients can do to the tracker by accident or on purpose, over real connections. After each
// fault the tracker still answers.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import {
  frame,
  OPCODE_CONTINUATION,
  OPCODE_TEXT,
  openSocket,
  WsClient,
} from '../support/ws-client.ts'

const ADDRESS = "address = '127.0.0.1:0'"
const HASH = 'faults~~~~~~~~~~~~~~'
const id = (n: number) => `-WW0001-${String(n).padStart(12, '0')}`
const announce = (peer: number, more: object = {}) => ({
  action: 'announce',
  info_hash: HASH,
  peer_id: id(peer),
  ...more,
})
const offers = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    offer: { type: 'offer', sdp: 'v=0' },
    offer_id: id(i),
  }))

function withWs<T>(settings: string, use: (tracker: Tracker) => Promise<T>): Promise<T> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

test.each([1, 2])('a stop says goodbye with 1001 to all clients of %d workers', (workers) =>
  withWs(`socket_workers = ${workers}\n[network]\n${ADDRESS}\n`, async (tracker) => {
    const clients = await Promise.all(
      Array.from({ length: 16 }, () => WsClient.connect(tracker.at())),
    )
    for (const [i, client] of clients.entries()) await client.ask(announce(i))
    const startedMs = performance.now()
    tracker.signal('SIGTERM')
    const ends = await Promise.all(clients.map(({ closed }) => closed))
    expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([1001]))
    expect((await tracker.waitForEnd()).code).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(2000)
  }),
)

describe('a tracker', () => {
  let tracker: Tracker
  beforeAll(async () => {
    tracker = new Tracker({ executable: WS_EXECUTABLE, settings: `[network]\n${ADDRESS}\n` })
    await tracker.waitForStart()
  })
  afterAll(async () => {
    const client = await WsClient.connect(tracker.at())
    expect(await client.ask(announce(1))).toMatchObject({ interval: 120 })
    client.destroy()
    await tracker.discard()
  })
  const connect = () => WsClient.connect(tracker.at())

  test('closes a connection that sends invalid UTF-8', async () => {
    const client = await connect()
    client.sendFrame(OPCODE_TEXT, Uint8Array.of(0x22, 0xc3, 0x28, 0x22))
    expect((await client.closed).code).toBe(1007)
  })

  test('closes a connection that sends a message over the limit, whole or in parts', async () => {
    const [whole, parts, promised] = [await connect(), await connect(), await connect()]
    whole.sendText(' '.repeat(65_537))
    expect((await whole.closed).code).toBe(1009)
    parts.sendFrame(OPCODE_TEXT, new Uint8Array(40_000).fill(32), false)
    parts.sendFrame(OPCODE_CONTINUATION, new Uint8Array(40_000).fill(32), true)
    expect((await parts.closed).code).toBe(1009)
    // A frame that says it has 2^40 bytes.
    promised.socket.write(Uint8Array.of(0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4))
    expect((await promised.closed).code).toBe(1009)
  })

  test('answers a message of exactly the limit', async () => {
    const client = await connect()
    const message = JSON.stringify(announce(2))
    client.sendText(message + ' '.repeat(65_536 - message.length))
    expect(await client.next()).toMatchObject({ info_hash: HASH })
    client.destroy()
  })

  test('takes 64 KiB of nested arrays for invalid JSON', async () => {
    const client = await connect()
    for (const text of [
      '['.repeat(65_536),
      '{"a":'.repeat(13_000),
      `{"offers":${'['.repeat(60_000)}`,
    ]) {
      expect(await client.ask(text)).toEqual({
        action: 'announce',
        'failure reason': 'Invalid JSON',
      })
    }
    client.destroy()
  })

  test('answers a message that came in thousands of fragments', async () => {
    const client = await connect()
    const bytes = new TextEncoder().encode(JSON.stringify(announce(3)).padEnd(20_000, ' '))
    const frames = Array.from(bytes, (byte, i) =>
      frame(
        i === 0 ? OPCODE_TEXT : OPCODE_CONTINUATION,
        Uint8Array.of(byte),
        i === bytes.length - 1,
      ),
    )
    client.socket.write(Buffer.concat(frames))
    expect(await client.next()).toMatchObject({ info_hash: HASH })
    client.destroy()
  })

  test.each([
    ['a frame that is not masked', Uint8Array.of(0x81, 0x02, 0x7b, 0x7d)],
    ['an unknown opcode', frame(3, new Uint8Array(0))],
    ['a continuation of nothing', frame(OPCODE_CONTINUATION, Uint8Array.of(0x7b), true)],
    ['a reserved bit', Uint8Array.of(0xc1, 0x80, 1, 2, 3, 4)],
  ])('closes a connection that sends %s', async (_, bytes) => {
    const client = await connect()
    client.socket.write(bytes)
    client.send(announce(4))
    expect(await waitFor(client.closed, 60_000)).toBeDefined()
  })

  test.each([
    [
      'no key',
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      /^HTTP\/1\.1 400 .*This is not a valid WebSocket handshake\.\n$/s,
    ],
    [
      'no HTTP',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'a head without end',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}`,
      /^HTTP\/1\.1 431 /,
    ],
  ])(
    'answers a handshake with %s by its status, closes it, and goes on',
    async (_, text, expected) => {
      const socket = openSocket(tracker.at())
      let reply = ''
      const closed = new Promise<true>((resolve) => {
        // Input that it no longer reads can cut the answer short.
        socket.on('error', () => {})
        socket.on('data', (data) => {
          reply += data.toString('latin1')
        })
        socket.on('close', () => resolve(true))
      })
      socket.write(text, 'latin1')
      // Before the time of a handshake is over, which would close it as well.
      expect(await waitFor(closed, 14_000)).toBe(true)
      expect(reply).toMatch(expected)
      const client = await connect()
      expect(await client.ask(announce(6))).toMatchObject({ info_hash: HASH })
      client.destroy()
    },
    180_000,
  )

  test('forgets a connection that is cut in the middle of a message', async () => {
    const [cut, watcher] = [await connect(), await connect()]
    await cut.ask(announce(5, { info_hash: 'cut~~~~~~~~~~~~~~~~~' }))
    cut.socket.write(frame(OPCODE_TEXT, new Uint8Array(1000)).subarray(0, 500))
    cut.destroy()
    const scrape = { action: 'scrape', info_hash: 'cut~~~~~~~~~~~~~~~~~' }
    await waitUntil('the peer is gone', async () => {
      const { files = {} } = await watcher.ask(scrape)
      return files['cut~~~~~~~~~~~~~~~~~'].incomplete === 0
    })
    watcher.destroy()
  })

  test('closes what does not complete a handshake within 15 seconds, however slowly it sends', async () => {
    const starts = ['', 'GET / HTTP/1.1\r\nHost: a\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nX: ']
    const trickles = ['', 'X: y\r\n', 'y']
    await Promise.all(starts.map((start, i) => closesSlowHandshake(tracker, start, trickles[i])))
  }, 180_000)
})

async function closesSlowHandshake(
  tracker: Tracker,
  start: string,
  trickle: string,
): Promise<void> {
  const socket = openSocket(tracker.at())
  const since = performance.now()
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.on('error', () => {})
  if (start !== '') socket.write(start)
  const timer = setInterval(() => trickle !== '' && socket.write(trickle), 1000)
  expect(await waitFor(closed, 60_000)).toBeDefined()
  clearInterval(timer)
  // Late by as much as this machine is; one that trickles would stay for good.
  expect(performance.now() - since).toBeLessThan(30_000)
}

test('a frame over the limit of frames closes the connection; the same message in several does not', () =>
  withWs(`[network]\n${ADDRESS}\nwebsocket_max_frame_size = 1000\n`, async (tracker) => {
    const [long, parts] = [
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
    ]
    const message = new TextEncoder().encode(JSON.stringify(announce(1)).padEnd(1500, ' '))
    parts.sendFrame(OPCODE_TEXT, message.subarray(0, 1000), false)
    parts.sendFrame(OPCODE_CONTINUATION, message.subarray(1000), true)
    expect(await parts.next()).toMatchObject({ info_hash: HASH })
    long.sendFrame(OPCODE_TEXT, message, true)
    expect((await long.closed).code).toBe(1009)
    parts.destroy()
  }))

test('a client that does not read what it asks for is closed at the bound', async () => {
  const settings = `[network]\n${ADDRESS}\n[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_backlog_bytes = 65536\n`
  await withWs(settings, async (tracker) => {
    const [deaf, other] = [
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
    ]
    await deaf.ask(announce(1))
    deaf.socket.pause()
    let ended = false
    deaf.socket.on('close', () => {
      ended = true
    })
    const info_hash = Array.from({ length: 255 }, (_, i) => id(i))
    // The system's own buffers take some MB before the tracker notices.
    await waitUntil('the connection is closed', async () => {
      for (let i = 0; i < 50 && !ended; i++) deaf.send({ action: 'scrape', info_hash })
      const { files = {} } = await other.ask({ action: 'scrape', info_hash: HASH })
      return ended || files[HASH].incomplete === 0
    })
    deaf.destroy()
    other.destroy()
  })
}, 180_000)

test('a client with a backlog gets no offers until it reads again; others do', async () => {
  const settings = `[network]\n${ADDRESS}\n[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_backlog_bytes = 268435456\n`
  await withWs(settings, async (tracker) => {
    const [deaf, peer, asker] = [
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
    ]
    await deaf.ask(announce(1))
    await peer.ask(announce(2))
    deaf.socket.pause()
    const info_hash = Array.from({ length: 255 }, (_, i) => id(i))
    const scrapes = 1500
    for (let i = 0; i < scrapes; i++) deaf.send({ action: 'scrape', info_hash })
    // What the tracker has taken from it shows when offers stop being spread over both.
    await waitUntil('offers go to the other alone', async () => {
      let others = 0
      for (let i = 0; i < 10; i++) {
        await asker.ask(announce(3, { offers: offers(1) }))
        others += (await peer.settled()).length
      }
      return others === 10
    })
    deaf.socket.resume()
    let answers = 0
    while (answers < scrapes) if ((await deaf.next()).files !== undefined) answers++
    await waitUntil('it gets offers again', async () => {
      await asker.ask(announce(3, { offers: offers(2) }))
      return (await deaf.settled()).some(({ offer }) => offer !== undefined)
    })
    for (const client of [deaf, peer, asker]) client.destroy()
  })
}, 180_000)

test('a connection that misses a ping loses its peer id to the next, and then ends', async () => {
  const settings = `[network]\n${ADDRESS}\n[cleaning]\nping_interval_seconds = 1\n`
  await withWs(settings, async (tracker) => {
    const dead = await WsClient.connect(tracker.at(), { answersPings: false })
    const [next, asker] = [
      await WsClient.connect(tracker.at()),
      await WsClient.connect(tracker.at()),
    ]
    await dead.ask(announce(1))
    await asker.ask(announce(2))
    await waitUntil('the next one has the peer', async () => {
      await next.ask(announce(1))
      await asker.ask(announce(2, { offers: offers(1) }))
      return (await next.settled()).some(({ offer }) => offer !== undefined)
    })
    expect(await waitFor(dead.closed, 60_000)).toBeDefined()
    // Its end took nothing from the connection that had taken over the peer.
    const scrape = await asker.ask({ action: 'scrape', info_hash: HASH })
    expect(scrape.files?.[HASH].incomplete).toBe(2)
    for (const client of [next, asker]) client.destroy()
  })
}, 180_000)

test('an offer that is too old cannot be answered', async () => {
  const settings = `[network]\n${ADDRESS}\n[cleaning]\nmax_offer_age = 1\n`
  await withWs(settings, async (tracker) => {
    const [a, b] = [await WsClient.connect(tracker.at()), await WsClient.connect(tracker.at())]
    await a.ask(announce(1))
    await b.ask(announce(2, { offers: offers(1) }))
    const { peer_id: to_peer_id, offer_id } = await a.next()
    const late = { ...announce(1), to_peer_id, offer_id, answer: { type: 'answer', sdp: '' } }
    const since = performance.now()
    await waitUntil('three seconds have passed', () => performance.now() - since > 3200)
    expect((await a.ask(late))['failure reason']).toContain('No such offer')
    a.destroy()
    b.destroy()
  })
}, 180_000)

test('connections that come and go leave nothing behind', async () => {
  const settings = `socket_workers = 2\n[network]\n${ADDRESS}\n`
  await withWs(settings, async (tracker) => {
    const churn = async (n: number) => {
      const client = await WsClient.connect(tracker.at())
      await client.ask(announce(n, { offers: offers(3) }))
      if (n % 3 === 0) client.destroy()
      else await client.close()
    }
    for (let n = 0; n < 1000; n += 20) {
      await Promise.all(Array.from({ length: 20 }, (_, i) => churn(n + i)))
    }
    const watcher = await WsClient.connect(tracker.at())
    await waitUntil('all peers are gone', async () => {
      const { files = {} } = await watcher.ask({ action: 'scrape', info_hash: HASH })
      return files[HASH].incomplete === 0
    })
    watcher.destroy()
  })
}, 180_000)

test('a worker that fails ends the tracker with the cause', async () => {
  const options = {
    executable: WS_EXECUTABLE,
    settings: `[network]\n${ADDRESS}\n`,
    env: { _AQUATIC_TEST_FAULT: 'socket' },
  }
  await withTracker(options, async (tracker) => {
    const client = await WsClient.connect(tracker.at())
    client.send(announce(1))
    const { code, stderr } = await tracker.waitForEnd()
    expect(code).toBe(1)
    expect(stderr).toContain('socket worker 1 failed')
    expect(stderr).toContain('a fault that a test asked for')
    client.destroy()
  })
})
