// aquatic_http behind proxies, by their headers and by the PROXY protocol.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readDictionary } from '../support/bencode.ts'
import { announceTarget, HttpConnection, requestText } from '../support/http-client.ts'
import {
  HTTP_EXECUTABLE,
  hostPort,
  runTracker,
  type StartOptions,
  type Tracker,
  withTracker,
} from '../support/tracker.ts'
import { binaryHeader, LOCAL, PROXY } from '../tcp/proxy-headers.ts'
import { compactPeers } from './harness.ts'

setDefaultTimeout(180_000)

function httpTracker(network: string, more = ''): StartOptions {
  const settings = `[network]\naddress = '127.0.0.1:0'\n${network}\n${more}\n`
  return { executable: HTTP_EXECUTABLE, settings }
}

const CLOSE = 'Connection: close\r\n'

/** The peers that somebody gets, as `address:port`. */
const peersIn = (body: Uint8Array) => compactPeers(readDictionary(body).peers, 4)

async function ask(tracker: Tracker, text: string | Uint8Array) {
  const connection = await HttpConnection.open(tracker.at())
  connection.send(text)
  try {
    return await connection.answer()
  } finally {
    connection.close()
  }
}

const headed = (address: string) => `X-Forwarded-For: ${address}\r\n`
const line = (address: string) => `PROXY TCP4 ${address} 10.0.0.1 1 2\r\n`

test('one connection of a trusted proxy has many clients, each with its limits', () =>
  withTracker(
    httpTracker(
      `trusted_proxies = '127.0.0.1'`,
      '[source_limits]\nrequests_per_second = 1\nsustained_requests_per_second = 0\n',
    ),
    async (tracker) => {
      const connection = await HttpConnection.open(tracker.at())
      for (let i = 1; i <= 30; i++) {
        const answer = await connection.ask(announceTarget(), headed(`198.51.100.${i}`))
        expect(answer.status).toBe(200)
        expect(readDictionary(answer.body)).toMatchObject({ incomplete: i - 1 })
      }
      let refused = ''
      for (let i = 0; i < 200 && refused === ''; i++) {
        const { body } = await connection.ask(announceTarget(), headed('198.51.100.1'))
        refused = String(readDictionary(body)['failure reason'] ?? '')
      }
      expect(refused).toContain('Too many requests')
    },
  ))

test('no other sender is believed, and no header is a failure', async () => {
  await withTracker(httpTracker(`trusted_proxies = '192.0.2.1'`), async (tracker) => {
    await ask(tracker, requestText(announceTarget({ port: 1 }), headed('198.51.100.1') + CLOSE))
    const { body } = await ask(tracker, requestText(announceTarget({ port: 2 }), CLOSE))
    expect(peersIn(body)).toEqual(['127.0.0.1:1'])
  })
  await withTracker(httpTracker(`trusted_proxies = '127.0.0.1'`), async (tracker) => {
    const { body } = await ask(tracker, requestText(announceTarget(), CLOSE))
    expect(String(readDictionary(body)['failure reason'])).toBe(
      'The proxy of this tracker does not send the header X-Forwarded-For',
    )
  })
})

test('clients are those that the PROXY protocol names, and others get nothing', () =>
  withTracker(
    httpTracker(`trusted_proxies = '127.0.0.1'\nproxy_protocol = 'required'`),
    async (tracker) => {
      const first = requestText(announceTarget({ port: 1 }), CLOSE)
      await ask(tracker, line('198.51.100.1') + first)
      // The header field is the client's own, and not believed.
      const second = requestText(announceTarget({ port: 2 }), headed('198.51.100.9') + CLOSE)
      await ask(tracker, line('198.51.100.2') + second)
      const third = requestText(announceTarget({ port: 3 }), CLOSE)
      const { body } = await ask(tracker, line('198.51.100.3') + third)
      expect(peersIn(body)).toEqual(['198.51.100.1:1', '198.51.100.2:2'])
      // Behind one more proxy that is trusted, it counts.
      const fourth = requestText(announceTarget({ port: 4 }), headed('198.51.100.4') + CLOSE)
      await ask(tracker, line('127.0.0.1') + fourth)
      const last = await ask(tracker, line('198.51.100.3') + third)
      expect(peersIn(last.body)).toContain('198.51.100.4:4')
      await expect(ask(tracker, first)).rejects.toThrow('no an answer')
    },
  ))

test('a header that names nobody makes no other header believed', () =>
  withTracker(
    httpTracker(`trusted_proxies = '127.0.0.1'\nproxy_protocol = 'required'`),
    async (tracker) => {
      const bare = Buffer.alloc(0)
      const nobody = [
        Buffer.from('PROXY UNKNOWN\r\n'),
        binaryHeader(LOCAL, 0, bare),
        binaryHeader(PROXY, 0, bare),
        binaryHeader(PROXY, 0x31, Buffer.alloc(216)),
      ]
      const failures: unknown[] = []
      for (const header of nobody) {
        for (const target of [announceTarget({ port: 1 }), `/scrape?info_hash=${'a'.repeat(20)}`]) {
          const text = requestText(target, headed('198.51.100.1') + CLOSE)
          const { body } = await ask(tracker, Buffer.concat([header, Buffer.from(text)]))
          failures.push(readDictionary(body)['failure reason'])
        }
        for (const target of ['/', '/health']) {
          const text = requestText(target, headed('198.51.100.1') + CLOSE)
          const { status } = await ask(tracker, Buffer.concat([header, Buffer.from(text)]))
          expect(status).toBe(200)
        }
      }
      const failure = 'The proxy of this tracker names no client in the PROXY protocol'
      expect(failures).toEqual(Array(nobody.length * 2).fill(failure))
      // A connection object that served such a header serves another client as usual.
      const named = requestText(announceTarget({ port: 2 }), CLOSE)
      const { body } = await ask(tracker, line('198.51.100.2') + named)
      expect(peersIn(body)).toEqual([])
    },
  ))

test('--health-check asks through it', () =>
  withTracker(
    httpTracker(`trusted_proxies = '192.0.2.1'\nproxy_protocol = 'required'`),
    async (tracker) => {
      const { host, port } = tracker.at()
      const settings = `[network]\naddress = '${hostPort(host, port)}'\ntrusted_proxies = '192.0.2.1'\nproxy_protocol = 'required'\n`
      const healthy = {
        executable: [HTTP_EXECUTABLE, '--health-check=20'],
        settings,
      }
      expect(await runTracker(healthy)).toMatchObject({ code: 0 })
      const plain = settings.replace("proxy_protocol = 'required'", '')
      expect(await runTracker({ ...healthy, settings: plain })).toMatchObject({ code: 1 })
    },
  ))

test('the PROXY protocol without trusted proxies is refused at the start', async () => {
  const { code, stderr } = await runTracker(httpTracker(`proxy_protocol = 'required'`))
  expect(code).toBe(1)
  expect(stderr).toContain('trusted_proxies is empty')
})
