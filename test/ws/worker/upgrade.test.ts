// Who gets a connection: limits, proxies, origins, addresses; and what plain HTTP is told.
import { describe, expect, test } from 'bun:test'
import { addressKey } from '../../../src/tcp/client-address.ts'
import { readDictionary } from '../../support/bencode.ts'
import { replyTo, UPGRADE } from '../../support/malformed-http.ts'
import {
  listenOn,
  runTracker,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../../support/tracker.ts'
import { waitUntil } from '../../support/wait.ts'
import { type ConnectOptions, Refused, WsClient } from '../../support/ws-client.ts'

const LIMITS = '[limits]\nmax_torrents = 1000\nmax_peers = 1000\n'

function withWs<T>(settings: string, use: (tracker: Tracker) => Promise<T>): Promise<T> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

/** 101, or the status of the refusal. */
async function statusOf(tracker: Tracker, options: ConnectOptions = {}): Promise<number> {
  try {
    const client = await WsClient.connect(tracker.at(), options)
    client.destroy()
    return 101
  } catch (error) {
    if (error instanceof Refused) return error.status
    throw error
  }
}

describe('plain HTTP', () => {
  test('is told what this is, and about health', () =>
    withWs(listenOn('127.0.0.1:0'), async (tracker) => {
      const get = (path: string, init = {}) => fetch(`http://${tracker.address()}${path}`, init)
      const page = await get('/announce')
      expect(page.status).toBe(426)
      expect(page.headers.get('upgrade')).toBe('websocket')
      expect(await page.text()).toContain('WebTorrent tracker')
      const health = await get('/health')
      expect([health.status, await health.text()]).toEqual([200, 'OK\n'])
      expect((await get('/health?a=b')).status).toBe(200)
      expect((await get('/', { method: 'POST', body: 'x'.repeat(10) })).status).toBe(426)
      expect((await get('/', { method: 'POST', body: 'x'.repeat(5000) })).status).toBe(413)
      expect((await get('/', { headers: { upgrade: 'websocket' } })).status).toBe(400)
      expect((await get('/announced?info_hash=x')).status).toBe(426)
    }))

  test.each(['/announce', '/scrape', '/secret/announce', '/announce/secret', '/announce.php'])(
    'a client of HTTP trackers that asks for %s reads what this one is for',
    (path) =>
      withWs(listenOn('127.0.0.1:0'), async (tracker) => {
        const target = `http://${tracker.address()}${path}?info_hash=%00h&peer_id=x&port=1`
        const answer = await fetch(target)
        expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
        expect(readDictionary(new Uint8Array(await answer.arrayBuffer()))).toEqual({
          'failure reason':
            'This tracker is for WebTorrent only: its address begins with ws:// or wss://',
          interval: 3600,
          'retry in': 'never',
        })
      }),
  )

  test('clients of HTTP trackers are counted among the refused', () =>
    withWs(
      `socket_workers = 1\n${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`,
      async (tracker) => {
        const url = await tracker.operationsUrl()
        for (const path of ['/announce?info_hash=x', '/scrape?info_hash=x', '/health', '/']) {
          await (await fetch(`http://${tracker.address()}${path}`)).text()
        }
        const found = /^tracker_ws_refused_connections_total\{reason="http_client"\} (\d+)$/m
        const counted = async () => found.exec(await (await fetch(`${url}metrics`)).text())?.[1]
        await waitUntil('both are counted', async () => (await counted()) === '2')
      },
    ))
})

describe('connections', () => {
  test('are refused past the limit, and accepted again when one has ended', () =>
    withWs(
      `socket_workers = 2\n${listenOn('127.0.0.1:0')}${LIMITS}max_connections = 5\n`,
      async (tracker) => {
        const clients = await Promise.all(
          Array.from({ length: 5 }, () => WsClient.connect(tracker.at())),
        )
        expect(await statusOf(tracker)).toBe(503)
        await clients[0].close()
        await waitUntil('there is room', async () => (await statusOf(tracker)) === 101)
        await tracker.waitForOutput(
          /: Refused \d+ connections? in the last minute .*: \[limits\] max_connections = 5 is reached\. /,
        )
        for (const client of clients) client.destroy()
      },
    ))

  test('are refused past the limit of an address; others go on', () =>
    withWs(
      `socket_workers = 2\n${listenOn('127.0.0.1:0')}${LIMITS}max_connections_per_ip = 3\n`,
      async (tracker) => {
        const from = (localAddress: string) => WsClient.connect(tracker.at(), { localAddress })
        const clients = await Promise.all(
          ['127.0.0.5', '127.0.0.5', '127.0.0.5', '127.0.0.6'].map(from),
        )
        expect(await statusOf(tracker, { localAddress: '127.0.0.5' })).toBe(503)
        expect(await statusOf(tracker, { localAddress: '127.0.0.6' })).toBe(101)
        // What a client says about itself does not count.
        const headers = { 'X-Forwarded-For': '192.0.2.1' }
        expect(await statusOf(tracker, { localAddress: '127.0.0.5', headers })).toBe(503)
        await clients[0].close()
        await waitUntil('there is room', async () => {
          return (await statusOf(tracker, { localAddress: '127.0.0.5' })) === 101
        })
        for (const client of clients) client.destroy()
      },
    ))

  test.each([
    [
      'plain',
      'text',
      / debug ws: 127\.0\.0\.5 refused: it already has \[limits\] max_connections_per_ip/,
    ],
    ['hashed', 'json', /"level":"debug","part":"ws","message":"client [0-9a-f]{16} refused: /],
    ['off', 'text', / debug ws: a client refused: /],
  ])('that are refused are lines of level debug, addresses %s, as %s', (form, format, pattern) =>
    withWs(
      `log_level = 'debug'\nlog_format = '${format}'\nlog_addresses = '${form}'\n` +
        `${listenOn('127.0.0.1:0')}${LIMITS}max_connections_per_ip = 1\n`,
      async (tracker) => {
        const client = await WsClient.connect(tracker.at(), { localAddress: '127.0.0.5' })
        expect(await statusOf(tracker, { localAddress: '127.0.0.5' })).toBe(503)
        await tracker.waitForOutput(pattern)
        client.destroy()
        expect(tracker.stderr.includes('127.0.0.5')).toBe(form === 'plain')
      },
    ),
  )

  test('of a trusted proxy count for the last address that it forwards', () =>
    withWs(
      `[network]\naddress = '127.0.0.1:0'\ntrusted_proxies = ['127.0.0.9', '10.0.0.0/8']\n${LIMITS}max_connections_per_ip = 1\n`,
      async (tracker) => {
        const through = (forwarded: string) => ({
          localAddress: '127.0.0.9',
          headers: { 'x-FORWARDED-for': forwarded },
        })
        const first = await WsClient.connect(tracker.at(), through('6.6.6.6, 192.0.2.1'))
        expect(await statusOf(tracker, through('7.7.7.7, 192.0.2.1'))).toBe(503)
        expect(await statusOf(tracker, through('192.0.2.1,192.0.2.2'))).toBe(101)
        expect(await statusOf(tracker, through('::ffff:192.0.2.1'))).toBe(503)
        // Without a usable address it is the proxy's own connection.
        expect(await statusOf(tracker, through('192.0.2.1, nonsense'))).toBe(101)
        first.destroy()
      },
    ))

  test.each([
    ['X-Forwarded-For', '192.0.2.1:5001', '[2001:db8::1]:443, 192.0.2.1:5002, 10.0.0.9'],
    ['X-Real-IP', '192.0.2.1', '192.0.2.1:5002'],
    [
      'Forwarded',
      'for="192.0.2.1:5001"',
      'for=6.6.6.6, for=192.0.2.1;by=10.0.0.1, for="10.0.0.9:1"',
    ],
    ['CF-Connecting-IP', '192.0.2.1', '192.0.2.1'],
  ])('of a trusted proxy count for whom its header %s names', (header, first, second) =>
    withWs(
      `[network]\naddress = '127.0.0.1:0'\nproxy_header = '${header}'\n` +
        `trusted_proxies = ['127.0.0.9', '10.0.0.0/8']\n${LIMITS}max_connections_per_ip = 1\n`,
      async (tracker) => {
        const through = (value: string) => ({
          localAddress: '127.0.0.9',
          headers: { [header]: value },
        })
        const client = await WsClient.connect(tracker.at(), through(first))
        expect(await statusOf(tracker, through(second))).toBe(503)
        expect(await statusOf(tracker, through(second.replaceAll('192.0.2.1', '192.0.2.2')))).toBe(
          101,
        )
        client.destroy()
      },
    ),
  )

  test('of a proxy that does not name its clients are reported, to it and to the operator', () =>
    withWs(
      `log_level = 'error'\n[network]\naddress = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.8/31'\n` +
        `${LIMITS}max_connections_per_ip = 1\n`,
      async (tracker) => {
        // Each from another address, which has a connection already.
        const reasonFor = async (localAddress: string, headers: Record<string, string> = {}) => {
          const client = await WsClient.connect(tracker.at(), { localAddress })
          const request = `GET / HTTP/1.1\r\nHost: a\r\n${UPGRADE}`
          const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
          const reply = await replyTo(tracker.at(), `${request}${more.join('')}\r\n`, {
            localAddress,
          })
          client.destroy()
          return reply?.toString()
        }
        expect(await reasonFor('127.0.0.8')).toEndWith(
          "Too many connections from your proxy's address, because its header X-Forwarded-For is missing.\n",
        )
        expect(await reasonFor('127.0.0.9', { 'X-Forwarded-For': 'unknown' })).toContain(
          'X-Forwarded-For is not understood.',
        )
        expect(await reasonFor('127.0.0.5')).toEndWith('Too many connections from your address.\n')
        expect(await reasonFor('127.0.0.6', { 'X-Forwarded-For': '2.2.2.2' })).toContain(
          'is not believed, because [network] trusted_proxies does not name who sent it',
        )
        await tracker.waitForOutput(
          /trouble: .*without \[network\] proxy_header: .* Have the proxy set/,
        )
        await tracker.waitForOutput(/trouble: .*with no address in \[network\] proxy_header/)
      },
    ))

  test('of other origins are refused when origins are listed; programs send none', () =>
    withWs(
      `[network]\naddress = '127.0.0.1:0'\nallowed_origins = ['https://Example.com', 'http://a:8080']\n`,
      async (tracker) => {
        const from = (origin: string) => statusOf(tracker, { headers: { Origin: origin } })
        expect(await statusOf(tracker)).toBe(101)
        expect(await from('https://example.com')).toBe(101)
        expect(await from('http://a:8080')).toBe(101)
        for (const origin of ['http://example.com', 'https://example.com.evil', 'null', '']) {
          expect(await from(origin)).toBe(403)
        }
      },
    ))

  test('have a limit of torrents, which what has aged out does not count for', () =>
    withWs(
      `[network]\naddress = '127.0.0.1:0'\n[protocol]\npeer_announce_interval = 1\n[cleaning]\ninterval = 1\nmax_peer_age = 2\n${LIMITS}max_torrents_per_connection = 3\n`,
      async (tracker) => {
        const client = await WsClient.connect(tracker.at())
        const announce = (n: number, event?: string) => ({
          action: 'announce',
          info_hash: `${n}`.padStart(20, 'h'),
          peer_id: 'p'.repeat(20),
          event,
        })
        for (const n of [1, 2, 3, 1, 2])
          expect(await client.ask(announce(n))).toMatchObject({ incomplete: 1 })
        const refusal = await client.ask(announce(4))
        expect(refusal['failure reason']).toContain('Too many torrents')
        expect(refusal.info_hash).toBe(announce(4).info_hash)
        await client.ask(announce(2, 'stopped'))
        expect(await client.ask(announce(4))).toMatchObject({ incomplete: 1 })
        // Nothing comes from it, and no ping before its peers are over.
        const watcher = await WsClient.connect(tracker.at())
        const info_hash = [1, 3, 4].map((n) => announce(n).info_hash)
        await waitUntil('all have aged out', async () => {
          const { files = {} } = await watcher.ask({ action: 'scrape', info_hash })
          return info_hash.every((hash) => files[hash].incomplete === 0)
        })
        for (const n of [5, 6, 7])
          expect(await client.ask(announce(n))).toMatchObject({ incomplete: 1 })
        expect((await client.ask(announce(8)))['failure reason']).toContain('Too many torrents')
        for (const each of [client, watcher]) each.destroy()
      },
    ))
})

describe('addresses', () => {
  test('the tracker listens on IPv6 beside the IPv4 wildcard, and swarms are shared', () =>
    withWs(`socket_workers = 2\n${listenOn('0.0.0.0:0')}`, async (tracker) => {
      expect(tracker.endpoints.map(({ host }) => host)).toEqual(['0.0.0.0', '::'])
      const announce = (n: number) => ({
        action: 'announce',
        info_hash: 'h'.repeat(20),
        peer_id: `${n}`.padStart(20),
      })
      const v4 = await WsClient.connect(tracker.at('127.0.0.1'))
      const v6 = await WsClient.connect(tracker.at('::1', 1))
      await v4.ask(announce(1))
      expect(await v6.ask(announce(2))).toMatchObject({ incomplete: 2 })
      v4.destroy()
      v6.destroy()
    }))

  test.each([
    [false, 101],
    [true, 0],
  ])('[::] with ipv6_only = %p takes IPv4: %p', (only, expected) =>
    withWs(`[network]\naddress = '[::]:0'\nipv6_only = ${only}\n`, async (tracker) => {
      expect(await statusOf(tracker).catch(() => 0)).not.toBe(1)
      const { port } = tracker.at()
      const v4 = WsClient.connect({ host: '127.0.0.1', port }).then(
        (client) => {
          client.destroy()
          return 101
        },
        () => 0,
      )
      expect(await v4).toBe(expected)
    }),
  )

  test('a port in use stops the start with a clear line', () =>
    withWs(listenOn('127.0.0.1:0'), async (tracker) => {
      const settings = listenOn(`127.0.0.1:${tracker.at().port}`)
      const { code, stderr } = await runTracker({ executable: WS_EXECUTABLE, settings })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^aquatic_ws: cannot listen on 127\.0\.0\.1:\d+: the port is in use/)
      expect(stderr).toContain('which ss -ltnp names, or choose another TCP port.')
    }))

  test('what connections count under is the address, or the /64 of IPv6', () => {
    const same = (a: string, b: string) => {
      const [x, y] = [addressKey(a), addressKey(b)]
      return x.high === y.high && x.low === y.low
    }
    expect(same('192.0.2.1', '192.0.2.1')).toBe(true)
    expect(same('192.0.2.1', '192.0.2.2')).toBe(false)
    expect(same('2001:db8:1:2::1', '2001:db8:1:2:ffff::9')).toBe(true)
    expect(same('2001:db8:1:2::1', '2001:db8:1:3::1')).toBe(false)
    expect(same('2001:db8::1', '2001:db8:0:0:5::')).toBe(true)
    expect(same('::1', '0.0.0.1')).toBe(false)
    expect(same('2001:db8::', '32.1.13.184')).toBe(false)
  })
})
