// Whatever strangers send where HTTP is expected: it is answered briefly or closed, reveals nothing about the
// program, and leaves nothing open and no line in the log.
import { expect, test } from 'bun:test'
import { MALFORMED_HEADS, randomHeads, replyTo } from '../support/malformed-http.ts'
import {
  type Endpoint,
  listenOn,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { WsClient } from '../support/ws-client.ts'

const SHORT_BYTES = 1000

/** Many at once: some are answered only when the handshake's time is over. */
async function sendAll(endpoint: Endpoint, heads: readonly string[]): Promise<void> {
  const replies = await Promise.all(heads.map((head) => replyTo(endpoint, head)))
  for (const [i, reply] of replies.entries()) {
    expect([heads[i].slice(0, 200), reply !== undefined]).toEqual([heads[i].slice(0, 200), true])
    expect(reply?.length).toBeLessThan(SHORT_BYTES)
    expect(reply?.toString('latin1')).not.toMatch(/\.ts\b|Error:|<html|HTTP\/1\.1 500/)
  }
}

/** `linesMax`: of troubles, each of which is told once a minute. */
async function expectUnmoved(tracker: Tracker, before: string, linesMax = 0): Promise<void> {
  expect((await fetch(`http://${tracker.address()}/health`)).status).toBe(200)
  const client = await WsClient.connect(tracker.at())
  const message = { action: 'announce', info_hash: 'h'.repeat(20), peer_id: 'p'.repeat(20) }
  expect(await client.ask(message)).toMatchObject({ incomplete: 1 })
  client.destroy()
  expect(tracker.stderr.slice(before.length).split('\n').length - 1).toBeLessThanOrEqual(linesMax)
}

const SETTINGS = [
  ['ws', 0, listenOn('127.0.0.1:0')],
  [
    'ws behind a proxy, with origins',
    2,
    `[network]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.0/8'\nallowed_origins = 'https://a'\n`,
  ],
] as const

test.each(SETTINGS)(
  'malformed requests to %s are answered shortly and leave at most %d lines',
  (_, linesMax, settings) =>
    withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
      const before = tracker.stderr
      await sendAll(tracker.at(), MALFORMED_HEADS)
      for (let seed = 1; seed <= 10; seed++) await sendAll(tracker.at(), randomHeads(100, seed))
      await expectUnmoved(tracker, before, linesMax)
    }),
  180_000,
)

test('a thousand requests with an impossible host are answered', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: listenOn('127.0.0.1:0') }, async (tracker) => {
    const before = tracker.stderr
    const head = 'GET /health HTTP/1.1\r\nHost: [\r\n\r\n'
    for (let i = 0; i < 1000; i += 50) await sendAll(tracker.at(), Array(50).fill(head))
    expect((await replyTo(tracker.at(), head.repeat(100)))?.toString()).toContain(' 200 OK')
    await expectUnmoved(tracker, before)
  }))

test('nor does the operations endpoint fail on them', () =>
  withTracker(
    {
      executable: WS_EXECUTABLE,
      settings: `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`,
    },
    async (tracker) => {
      const { hostname, port } = new URL(await tracker.operationsUrl())
      const endpoint = { host: hostname, port: Number(port) }
      const before = tracker.stderr
      // Some get the page of the operator, which is longer.
      for (const head of [...MALFORMED_HEADS, ...randomHeads(100, 1)]) {
        const reply = await replyTo(endpoint, head)
        expect(reply).toBeDefined()
        expect(reply?.toString('latin1')).not.toContain('HTTP/1.1 500')
      }
      await expectUnmoved(tracker, before)
    },
  ))
