// aquatic_http over TLS, as its clients see it.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { readDictionary } from '../support/bencode.ts'
import { Certificates } from '../support/certificates.ts'
import {
  announceTarget,
  askOnce,
  askOnceTls,
  HttpConnection,
  requestText,
} from '../support/http-client.ts'
import {
  type Endpoint,
  HTTP_EXECUTABLE,
  type StartOptions,
  type Tracker,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const CLOSE = 'Connection: close\r\n'
const IDLE_CONNECTIONS = 1000
/** 6 are wanted; what the runtime itself takes grows in steps. */
const IDLE_KB_MAX = 12

const files = new Certificates()
beforeAll(() => files.make('ec', 'ec'))
afterAll(() => files.remove())

function httpsTracker(network = '', more = ''): StartOptions {
  return {
    executable: HTTP_EXECUTABLE,
    settings:
      `[network]\naddress = '127.0.0.1:0'\nuse_tls = true\n` +
      `tls_certificate_path = '${files.path('ec.pem')}'\n` +
      `tls_private_key_path = '${files.path('ec-key.pem')}'\n${network}\n` +
      `[operations]\naddress = '127.0.0.1:0'\n${more}\n`,
  }
}

async function metric(tracker: Tracker, name: string): Promise<number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`tracker_http_${name} `))
  return Number(line?.split(' ')[1] ?? Number.NaN)
}

function isCounted(tracker: Tracker, name: string, count: number): Promise<void> {
  return waitUntil(`${name} is ${count}`, async () => (await metric(tracker, name)) === count)
}

const closed = (reason: string) => `closed_connections_total{reason="${reason}"}`

async function curl(at: Endpoint, target: string, ...flags: string[]): Promise<string> {
  const url = `https://${at.host}:${at.port}${target}`
  const child = Bun.spawn(['curl', '-sS', '-k', '--max-time', '20', ...flags, url])
  const text = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  return text
}

test('curl announces by TLS 1.2 and 1.3, and over one connection', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const at = tracker.at()
    for (const version of ['--tls-max=1.2', '--tlsv1.3']) {
      const [name, value] = version.split('=')
      const answer = await curl(at, announceTarget(), name, ...(value === undefined ? [] : [value]))
      expect(readDictionary(Buffer.from(answer, 'latin1'))).toMatchObject({ incomplete: 0 })
    }
    const url = `https://${at.host}:${at.port}/health`
    expect(await curl(at, '/health', '-w', '%{num_connects}', url)).toBe('ok\n1ok\n0')
    await isCounted(tracker, 'handshakes_total{type="full"}', 3)
  }))

test('fetch, and an agent of Node that keeps its connection', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const { host, port } = tracker.at()
    const response = await fetch(`https://${host}:${port}${announceTarget()}`, {
      tls: { rejectUnauthorized: false },
    })
    expect(readDictionary(Buffer.from(await response.arrayBuffer()))).toMatchObject({ complete: 0 })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
    await isCounted(tracker, 'accepted_total', 1)
    for (let i = 0; i < 5; i++) {
      const status = await new Promise((resolve, reject) => {
        const asked = httpsRequest({ host, port, path: '/health', agent }, (answer) => {
          answer.resume()
          answer.on('end', () => resolve(answer.statusCode))
        })
        asked.on('error', reject)
        asked.end()
      })
      expect(status).toBe(200)
    }
    agent.destroy()
    await isCounted(tracker, 'accepted_total', 2)
  }))

test('requests in a row, in pieces, and the last word of a client that ends', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const row = await HttpConnection.openTls(tracker.at())
    const count = 2000
    row.send(requestText('/health').repeat(count) + requestText('/health', CLOSE))
    for (let i = 0; i <= count; i++) expect((await row.answer()).status).toBe(200)
    await row.ended()
    const pieces = await HttpConnection.openTls(tracker.at())
    for (const byte of requestText('/health')) {
      pieces.send(byte)
      await new Promise(setImmediate)
    }
    expect((await pieces.answer()).status).toBe(200)
    pieces.send(requestText('/health'))
    pieces.endSending()
    expect((await pieces.answer()).status).toBe(200)
    await pieces.ended()
    const refused = await HttpConnection.openTls(tracker.at())
    refused.send(`POST /announce HTTP/1.1\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(200_000)}`)
    expect((await refused.answer()).status).toBe(405)
    await refused.ended()
    await isCounted(tracker, closed('answered'), 2)
    await isCounted(tracker, closed('by_client'), 1)
  }))

test('a request that is cut anywhere harms no other', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const text = requestText('/health')
    for (let cut = 0; cut < text.length; cut++) {
      const connection = await HttpConnection.openTls(tracker.at())
      connection.send(text.slice(0, cut))
      if (cut % 2 === 0) connection.endSending()
      else connection.close()
    }
    await waitUntil('all are closed', async () => (await metric(tracker, 'connections')) === 0)
    expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
    await waitUntil('all are counted', async () => {
      const of = (reason: string) => metric(tracker, closed(reason))
      const ends = [await of('unfinished'), await of('by_client'), await of('reset')]
      return ends.reduce((sum, n) => sum + n) === text.length
    })
    expect(await metric(tracker, closed('unfinished'))).toBeGreaterThan(0)
  }))

test('handshakes that do not begin, do not end, or are none', () =>
  withTracker(httpsTracker('request_timeout = 1'), async (tracker) => {
    const { host, port } = tracker.at()
    const raw = (bytes: Uint8Array) => {
      const socket = connect({ host, port })
      socket.on('error', () => {})
      if (bytes.length > 0) socket.write(bytes)
      return new Promise((resolve) => socket.on('close', resolve))
    }
    // The begin of a record of 512 bytes.
    const begun = raw(Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252))
    const silent = raw(new Uint8Array(0))
    const plain = raw(new TextEncoder().encode(requestText('/health')))
    expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
    await Promise.all([begun, silent, plain])
    await isCounted(tracker, closed('first_timeout'), 2)
    await isCounted(tracker, closed('handshake'), 1)
  }))

test('slow requests get that answer, and idle connections are closed', () =>
  withTracker(
    httpsTracker('request_timeout = 1', '[cleaning]\nmax_connection_idle = 1'),
    async (tracker) => {
      const slow = await HttpConnection.openTls(tracker.at())
      slow.send('GET /health HTTP/1.1\r\nHost: ')
      const idle = await HttpConnection.openTls(tracker.at())
      await idle.ask('/health')
      expect((await slow.answer()).status).toBe(408)
      await slow.ended()
      await idle.ended()
      await isCounted(tracker, closed('request_timeout'), 1)
      await isCounted(tracker, closed('idle_timeout'), 1)
    },
  ))

test('a client that does not read its answers is closed, and holds nobody up', () =>
  withTracker(httpsTracker('response_timeout = 1'), async (tracker) => {
    const hashes = Array.from({ length: 200 }, (_, i) => `info_hash=${String(i).padStart(20, 'h')}`)
    const scrape = requestText(`/scrape?${hashes.join('&')}`)
    // More than the system takes for it, so that the tracker has to wait.
    const waiting = await HttpConnection.openTls(tracker.at())
    waiting.stopReading()
    for (let i = 0; i < 20; i++) waiting.send(scrape.repeat(40))
    const start = performance.now()
    expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
    expect(performance.now() - start).toBeLessThan(15_000)
    await waitUntil('it is closed', async () => {
      return (
        (await metric(tracker, closed('overrun'))) +
          (await metric(tracker, closed('unread_timeout'))) ===
        1
      )
    })
    waiting.close()
  }))

test('a client that reads slowly gets all of its answers', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const hashes = Array.from({ length: 200 }, (_, i) => `info_hash=${String(i).padStart(20, 'h')}`)
    const scrape = requestText(`/scrape?${hashes.join('&')}`)
    const slow = await HttpConnection.openTls(tracker.at())
    for (let round = 0; round < 20; round++) {
      slow.send(scrape.repeat(5))
      for (let i = 0; i < 5; i++) expect((await slow.answer()).status).toBe(200)
    }
    slow.close()
  }))

test('limits of connections hold from when one is accepted', () =>
  withTracker(
    httpsTracker(
      '',
      '[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = 60\nmax_connections_per_ip = 20\n',
    ),
    async (tracker) => {
      const { host, port } = tracker.at()
      const silent = Array.from({ length: 30 }, () => {
        const socket = connect({ host, port, localAddress: '127.0.0.2' })
        socket.on('error', () => {})
        return socket
      })
      await isCounted(tracker, closed('connections_per_address'), 10)
      expect((await askOnceTls(tracker.at(), '/health')).status).toBe(200)
      for (const socket of silent) socket.destroy()
      await isCounted(tracker, 'connections', 0)
    },
  ))

test('a session is resumed, by TLS 1.2 and 1.3', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const { host, port } = tracker.at()
    for (const version of ['-tls1_2', '-tls1_3']) {
      const session = files.path(`session${version}`)
      for (const flag of ['-sess_out', '-sess_in']) {
        const child = Bun.spawn(
          ['openssl', 's_client', '-connect', `${host}:${port}`, version, '-quiet', flag, session],
          { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' },
        )
        child.stdin.write(requestText('/health', CLOSE))
        await child.stdin.flush()
        expect(await new Response(child.stdout).text()).toContain('ok')
        child.kill()
        await child.exited
      }
    }
    await isCounted(tracker, 'handshakes_total{type="resumed"}', 2)
    await isCounted(tracker, 'handshakes_total{type="full"}', 2)
  }))

test('plain HTTP beside it is served, with the same swarms', () =>
  withTracker(httpsTracker("plain_address = '127.0.0.1:0'"), async (tracker) => {
    expect(tracker.stderr).toMatch(
      /https, 1 socket worker; http served on 127\.0\.0\.1:\d+, 1 socket/,
    )
    await askOnceTls(tracker.at(), announceTarget({ port: 1001 }))
    const { body } = await askOnce(tracker.at(undefined, 1), announceTarget({ port: 1002 }))
    expect(readDictionary(body)).toMatchObject({ incomplete: 1 })
    const [secure, plain] = [tracker.at(), tracker.at(undefined, 1)]
    const { exitCode } = Bun.spawnSync([HTTP_EXECUTABLE, '--health-check', '5'], {
      env: {
        AQUATIC_NETWORK_ADDRESS: `127.0.0.1:${secure.port}`,
        AQUATIC_NETWORK_PLAIN_ADDRESS: `127.0.0.1:${plain.port}`,
        AQUATIC_NETWORK_USE_TLS: 'true',
        AQUATIC_NETWORK_TLS_CERTIFICATE_PATH: files.path('ec.pem'),
        AQUATIC_NETWORK_TLS_PRIVATE_KEY_PATH: files.path('ec-key.pem'),
      },
    })
    expect(exitCode).toBe(0)
  }))

test('plain HTTP is redirected, with path and query, and health is answered', () =>
  withTracker(
    httpsTracker(
      "plain_address = '127.0.0.1:0'\nplain_requests = 'redirect'\nhttps_name = 'tracker.example.com:8443'",
    ),
    async (tracker) => {
      const plain = tracker.at(undefined, 1)
      const target = announceTarget({ infoHash: '%ff'.repeat(20) })
      const connection = await HttpConnection.open(plain)
      for (const asked of [target, `http://other${target}`]) {
        const { status, fields, body } = await connection.ask(asked)
        expect([status, body.length]).toEqual([301, 0])
        expect(fields.location).toBe(`https://tracker.example.com:8443${target}`)
      }
      connection.close()
      expect((await askOnce(plain, '/health')).status).toBe(200)
      await isCounted(tracker, 'responses_total{type="redirect",ip_version="4"}', 2)
    },
  ))

test('a worker that fails ends the process', () =>
  withTracker({ ...httpsTracker(), env: { _AQUATIC_TEST_FAULT: 'tls' } }, async (tracker) => {
    await askOnceTls(tracker.at(), '/health').catch(() => {})
    const { code, stderr } = await tracker.waitForEnd()
    expect(code).toBe(1)
    expect(stderr).toContain('tls worker 1 failed, so the tracker ends')
  }))

test('a stop answers requests in progress', () =>
  withTracker(httpsTracker(), async (tracker) => {
    const slow = await HttpConnection.openTls(tracker.at())
    slow.send('GET /health HT')
    const idle = await HttpConnection.openTls(tracker.at())
    await idle.ask('/health')
    tracker.signal('SIGTERM')
    await idle.ended()
    slow.send('TP/1.1\r\n\r\n')
    expect((await slow.answer()).fields.connection).toBe('close')
    expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
  }))

test('idle connections take little memory', () =>
  withTracker(
    httpsTracker(
      '',
      '[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = 3000\nmax_connections_per_ip = 0\n',
    ),
    async (tracker) => {
      const open = async () => {
        const connection = await HttpConnection.openTls(tracker.at())
        await connection.ask('/health')
        return connection
      }
      const all: HttpConnection[] = []
      const openMany = async () => {
        for (let i = 0; i < IDLE_CONNECTIONS; i += 50) {
          all.push(...(await Promise.all(Array.from({ length: 50 }, open))))
        }
      }
      await openMany()
      const before = residentKB(tracker)
      await openMany()
      expect((residentKB(tracker) - before) / IDLE_CONNECTIONS).toBeLessThan(IDLE_KB_MAX)
      for (const connection of all) connection.close()
      await isCounted(tracker, 'connections', 0)
    },
  ))

function residentKB({ pid }: Tracker): number {
  const [, text] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
  return Number(text)
}
