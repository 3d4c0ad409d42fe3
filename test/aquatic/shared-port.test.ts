// HTTP and WebTorrent on one port: clients of both at once, over TLS and without, with workers that pass offers on to each
// other; limits, certificates, a stop and a take-over.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import {
  announceTarget,
  askOnce,
  askOnceTls,
  HttpConnection,
  requestText,
} from '../support/http-client.ts'
import { freePort } from '../support/proxies.ts'
import { ALL_EXECUTABLE, type Endpoint, runTracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { Refused, WsClient } from '../support/ws-client.ts'
import { announce, answer, newHash, offer } from '../ws/messages.ts'
import { overHttp, peersIn } from './harness.ts'
import { FRAMES, HANDSHAKE, local, sharedSettings, withShared } from './shared-port.ts'

setDefaultTimeout(180_000)

const files = new Certificates()
beforeAll(() => {
  for (const name of ['old', 'new']) files.make(name, 'ec')
})
afterAll(() => files.remove())

async function connectMany(places: readonly Endpoint[], tlsOf: (place: Endpoint) => boolean) {
  const clients: WsClient[] = []
  for (const place of places) clients.push(await WsClient.connect(place, { tls: tlsOf(place) }))
  return clients
}

/** Each finds each: offers and answers get through, whoever has their connections. */
async function expectConnected(clients: readonly WsClient[]): Promise<void> {
  const hash = newHash()
  for (const [i, client] of clients.entries()) {
    expect(await client.ask(announce(hash, i))).toMatchObject({ incomplete: i + 1 })
  }
  const [asking, ...others] = clients
  const offers = others.map((_, i) => offer(i))
  const numwant = others.length
  expect(await asking.ask(announce(hash, 0, { numwant, offers }))).toMatchObject({
    info_hash: hash,
  })
  for (const [i, other] of others.entries()) {
    const relayed = await other.next()
    expect(relayed.offer?.type).toBe('offer')
    other.send(answer(hash, i + 1, relayed, `answer ${i}`))
    expect((await asking.next()).answer?.sdp).toBe(`answer ${i}`)
  }
}

describe.each([
  ['plain', 1, false],
  ['plain', 2, false],
  ['TLS', 1, true],
  ['TLS', 2, true],
] as const)('%s, %d workers', (_, workers, tls) => {
  test('clients of both protocols are served on one port', () =>
    withShared({ tls: tls && files, workers }, async (at) => {
      const ask = tls ? askOnceTls : askOnce
      expect((await ask(at, '/health')).status).toBe(200)
      expect(String((await ask(at, '/')).body)).toContain('BitTorrent tracker')
      const clients = await connectMany(Array(8).fill(at), () => tls)
      await expectConnected(clients)
      const one = await ask(at, announceTarget({ infoHash: 'i'.repeat(20), port: 1 }))
      expect(one.status).toBe(200)
      const other = await ask(at, announceTarget({ infoHash: 'i'.repeat(20), port: 2 }))
      expect(String(other.body)).toContain('8:completei0e')
      for (const client of clients) await client.close()
    }))

  test('a stop tells every WebSocket', () =>
    withShared({ tls: tls && files, workers }, async (at, tracker) => {
      const clients = await connectMany(Array(6).fill(at), () => tls)
      tracker.signal('SIGTERM')
      for (const client of clients) {
        expect(await client.closed).toEqual({ code: 1001, reason: 'the tracker stops' })
      }
      expect((await tracker.waitForEnd()).code).toBe(0)
    }))

  test('a process that takes over gets the port, and the clients of both', () =>
    inFolder(async (folder) => {
      const port = await freePort()
      const at = local(port)
      const more = `[persistence]\npath = '${join(folder, 'state')}'\ntake_over = true`
      const settings = sharedSettings({ port, tls: tls && files, workers, more })
      await withTracker(settings, async (old) => {
        const clients = await connectMany(Array(20).fill(at), () => tls)
        const hash = newHash()
        for (const [i, client] of clients.entries()) await client.ask(announce(hash, i))
        await withTracker(settings, async () => {
          expect((await old.waitForEnd()).code).toBe(0)
          for (const client of clients) expect((await client.closed).code).toBe(1001)
          const again = await connectMany(Array(4).fill(at), () => tls)
          await expectConnected(again)
          const ask = tls ? askOnceTls : askOnce
          expect((await ask(at, '/health')).status).toBe(200)
          for (const client of again) client.destroy()
        })
      })
    }))
})

test('clients over TLS and on the plain address find each other', async () => {
  const plainPort = await freePort()
  await withShared({ tls: files, plainPort, workers: 2 }, async (at, tracker) => {
    const places = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? at : local(plainPort)))
    const clients = await connectMany(places, ({ port }) => port === at.port)
    await expectConnected(clients)
    expect(tracker.stderr).toContain(`WebTorrent: 127.0.0.1:${at.port}, 127.0.0.1:${plainPort}`)
    for (const client of clients) client.destroy()
  })
})

test('an address that redirects takes no WebSocket', async () => {
  const plainPort = await freePort()
  const http = "plain_requests = 'redirect'\nhttps_name = 'tracker.example.com'\n"
  await withShared({ tls: files, plainPort, http }, async (at) => {
    const refused = await WsClient.connect(local(plainPort)).catch((error) => error)
    expect(refused).toBeInstanceOf(Refused)
    expect(refused.status).toBe(301)
    const client = await WsClient.connect(at, { tls: true })
    await client.close()
  })
})

test('new certificates are for clients of both; a WebSocket keeps its own', () =>
  withShared({ tls: files }, async (at, tracker) => {
    const client = await WsClient.connect(at, { tls: true })
    expect(await nameShown(at)).toBe('old')
    const [before, key] = [files.read('old.pem'), files.read('old-key.pem')]
    files.write('old.pem', files.read('new.pem'))
    files.write('old-key.pem', files.read('new-key.pem'))
    tracker.signal('SIGUSR1')
    await waitUntil('it is in use', async () => (await nameShown(at)) === 'new')
    const other = await WsClient.connect(at, { tls: true })
    await expectConnected([client, other])
    files.write('old.pem', before)
    files.write('old-key.pem', key)
    client.destroy()
    other.destroy()
  }))

test('pages of other origins are refused, and may announce over HTTP', () =>
  withShared({ ws: "allowed_origins = 'https://example.com'" }, async (at) => {
    const of = (origin: string) => WsClient.connect(at, { headers: { Origin: origin } })
    const client = await of('https://example.com')
    await client.close()
    expect((await of('https://example.org').catch((error) => error)).status).toBe(403)
    const connection = await HttpConnection.open(at)
    const target = announceTarget({ infoHash: 'o'.repeat(20), port: 1 })
    expect((await connection.ask(target, 'Origin: https://example.org\r\n')).status).toBe(200)
    connection.close()
  }))

test('connections count for the limits of their protocol only', () =>
  withShared(
    {
      more: `[http.limits]\nmax_connections_per_ip = 2\n[ws.limits]\nmax_connections_per_ip = 3
[limits]\nmax_torrents = 100\nmax_peers = 100`,
    },
    async (at) => {
      const clients = await connectMany([at, at, at], () => false)
      expect((await WsClient.connect(at).catch((error) => error)).status).toBe(503)
      const kept = [await HttpConnection.open(at), await HttpConnection.open(at)]
      for (const each of kept) expect((await each.ask('/health')).status).toBe(200)
      // Another one is answered, and not kept.
      expect((await askOnce(at, '/health')).status).toBe(200)
      await clients[0].close()
      const again = await WsClient.connect(at)
      expect(await again.ask(announce(newHash(), 1))).toMatchObject({ incomplete: 1 })
      for (const each of kept) each.close()
      for (const client of [...clients, again]) client.destroy()
    },
  ))

test.each([false, true])(
  'proxies that HTTP trusts name clients of WebSockets too, also after SIGHUP; with TLS: %p',
  (tls) =>
    inFolder(async (folder) => {
      const port = await freePort()
      const at = local(port)
      const file = join(folder, 'settings.toml')
      const limits =
        '[ws.limits]\nmax_connections_per_ip = 1\n[limits]\nmax_torrents = 100\nmax_peers = 100'
      const write = (http: string) =>
        writeFileSync(
          file,
          sharedSettings({ port, tls: tls && files, http, workers: 2, more: limits }).settings ??
            '',
        )
      write("trusted_proxies = '127.0.0.1'")
      await withTracker({ executable: ALL_EXECUTABLE, file }, async (tracker) => {
        const from = (client: string) =>
          WsClient.connect(at, { tls, headers: { 'X-Forwarded-For': client } }).catch(
            (error) => error,
          )
        const clients = [await from('192.0.2.1'), await from('192.0.2.2')]
        for (const client of clients) expect(client).toBeInstanceOf(WsClient)
        expect((await from('192.0.2.1')).status).toBe(503)
        write('')
        tracker.signal('SIGHUP')
        await tracker.waitForOutput(/settings changed: \[http.network\] trusted_proxies/)
        await waitUntil('the worker has it', async () => {
          const pair = [await from('192.0.2.8'), await from('192.0.2.9')]
          for (const client of pair) if (client instanceof WsClient) client.destroy()
          return pair.some((client) => client instanceof Refused)
        })
        for (const client of clients) client.destroy()
      })
    }),
)

test('the PROXY protocol names clients of WebSockets too', () =>
  withShared(
    {
      http: "trusted_proxies = '127.0.0.1'\nproxy_protocol = 'required'\n",
      more: `[ws.limits]\nmax_connections_per_ip = 1\n[limits]\nmax_torrents = 100\nmax_peers = 100`,
    },
    async (at) => {
      const open: HttpConnection[] = []
      const from = async (client: string, behind: string) => {
        const connection = await HttpConnection.open(at)
        open.push(connection)
        connection.send(`PROXY TCP4 ${client} 192.0.2.99 1000 80\r\n${behind}`)
        await waitUntil('it is answered', () => connection.bytes.includes('\r\n\r\n'))
        return connection.bytes.toString('latin1').slice(0, 12)
      }
      expect(await from('192.0.2.1', HANDSHAKE)).toBe('HTTP/1.1 101')
      expect(await from('192.0.2.2', requestText('/health') + HANDSHAKE)).toBe('HTTP/1.1 200')
      await waitUntil('both are answered', () => open[1].bytes.includes('HTTP/1.1 101'))
      for (const client of ['192.0.2.1', '192.0.2.2']) {
        expect(await from(client, HANDSHAKE)).toBe('HTTP/1.1 503')
      }
      for (const connection of open) connection.close()
    },
  ))

test('WebSockets come over the Unix socket of HTTP too', () =>
  inFolder((folder) => {
    const path = join(folder, 'http.sock')
    return withShared({ tls: files, http: `unix_socket = '${path}'\n` }, async (at) => {
      const other = await WsClient.connect(at, { tls: true })
      const connection = await HttpConnection.open({ path })
      connection.send(HANDSHAKE.replace('\r\n\r\n', '\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n'))
      await waitUntil('it is accepted', () => connection.bytes.includes('HTTP/1.1 101'))
      connection.send(FRAMES)
      await waitUntil('it is answered', () => connection.bytes.includes('"action":"scrape"'))
      connection.close()
      other.destroy()
    })
  }))

test('its figures are those of each protocol, and its health check asks both', () =>
  withShared({ more: "[operations]\naddress = '127.0.0.1:0'" }, async (at, tracker) => {
    const client = await WsClient.connect(at)
    await client.ask(announce(newHash(), 1))
    await overHttp(at, announceTarget({ infoHash: 'f'.repeat(20), port: 1 }))
    const answered = await overHttp(at, announceTarget({ infoHash: 'f'.repeat(20), port: 2 }))
    expect(peersIn(answered)).toEqual(['127.0.0.1:1'])
    const url = await tracker.operationsUrl()
    await waitUntil('they are counted', async () => {
      const text = await (await fetch(`${url}metrics`)).text()
      return (
        /tracker_ws_requests_total\{type="announce",ip_version="4"\} 1\n/.test(text) &&
        /tracker_http_requests_total\{type="announce",ip_version="4"\} 2\n/.test(text) &&
        /tracker_http_connections 0\n/.test(text) &&
        /tracker_ws_accepted_total 1\n/.test(text) &&
        /tracker_ws_connections\{ip_version="4"\} 1\n/.test(text)
      )
    })
    const check = {
      ...sharedSettings({ port: at.port }),
      executable: [ALL_EXECUTABLE, '--health-check=20'],
    }
    expect(await runTracker(check)).toMatchObject({ code: 0, stderr: '' })
    client.destroy()
  }))
