// aquatic_http as its users run it, from start to stop.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnce, HttpConnection, requestText } from '../support/http-client.ts'
import {
  HTTP_EXECUTABLE,
  hostPort,
  listenOn,
  type StartOptions,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

function httpTracker(more = '', options: Partial<StartOptions> = {}): StartOptions {
  return {
    executable: HTTP_EXECUTABLE,
    settings: `${listenOn('127.0.0.1:0')}${more}\n`,
    ...options,
  }
}

const CLOSE = 'Connection: close\r\n'

test('one connection takes requests until its client ends it, and one says close', () =>
  withTracker(httpTracker(), async (tracker) => {
    const connection = await HttpConnection.open(tracker.at())
    const first = await connection.ask(announceTarget({ port: 1001 }))
    expect(first.fields.connection).toBeUndefined()
    const second = await connection.ask(announceTarget({ port: 1002 }), CLOSE)
    expect(second.fields.connection).toBe('close')
    await connection.ended()
    expect(readDictionary(second.body)).toMatchObject({ incomplete: 1 })
  }))

test('requests in a row, in pieces of one byte and of HTTP/1.0 are answered', () =>
  withTracker(httpTracker(), async (tracker) => {
    const row = await HttpConnection.open(tracker.at())
    row.send(requestText('/health').repeat(100) + requestText('/health', CLOSE))
    for (let i = 0; i < 101; i++) expect((await row.answer()).status).toBe(200)
    await row.ended()
    const pieces = await HttpConnection.open(tracker.at())
    for (const byte of requestText('/health', CLOSE)) {
      pieces.send(byte)
      await new Promise(setImmediate)
    }
    expect((await pieces.answer()).status).toBe(200)
    const old = await HttpConnection.open(tracker.at())
    old.send('GET /health HTTP/1.0\r\n\r\n')
    expect((await old.answer()).fields.connection).toBe('close')
    await old.ended()
  }))

test('with keep_alive = false every connection ends with its first answer', () =>
  withTracker(httpTracker('keep_alive = false'), async (tracker) => {
    const connection = await HttpConnection.open(tracker.at())
    expect((await connection.ask('/health')).fields.connection).toBe('close')
    await connection.ended()
  }))

test('a refused request gets its answer, though its body is still on its way', () =>
  withTracker(httpTracker(), async (tracker) => {
    for (let i = 0; i < 20; i++) {
      const connection = await HttpConnection.open(tracker.at())
      connection.send(
        `POST /announce HTTP/1.1\r\nContent-Length: 500000\r\n\r\n${'x'.repeat(200_000)}`,
      )
      expect((await connection.answer()).status).toBe(405)
      connection.close()
    }
  }))

test('slow and idle connections end, each with its reason, and newcomers are served', () =>
  inFolder(async (folder) => {
    const settings = (idle: number) =>
      `[network]\naddress = '127.0.0.1:0'\nrequest_timeout = 1\n[cleaning]\nmax_connection_idle = ${idle}\n` +
      `[operations]\naddress = '127.0.0.1:0'\n` +
      '[limits]\nmax_torrents = 1000\nmax_peers = 10000\nmax_connections = 500\n'
    const file = join(folder, 'http.toml')
    writeFileSync(file, settings(1))
    await withTracker({ executable: HTTP_EXECUTABLE, file }, async (tracker) => {
      const slow = await HttpConnection.open(tracker.at())
      slow.send('GET /health HTTP/1.1\r\nHost: ')
      const idle = await HttpConnection.open(tracker.at())
      await idle.ask('/health')
      expect((await slow.answer()).status).toBe(408)
      await slow.ended()
      await idle.ended()
      expect((await askOnce(tracker.at(), '/health')).status).toBe(200)
      const url = await tracker.operationsUrl()
      await waitUntil('the reasons are told', async () => {
        const text = await (await fetch(`${url}metrics`)).text()
        return (
          /^tracker_http_closed_connections_total\{reason="request_timeout"\} 1$/m.test(text) &&
          /^tracker_http_closed_connections_total\{reason="idle_timeout"\} 1$/m.test(text)
        )
      })
      const page = await (await fetch(url)).text()
      expect(page).toContain('Closed connections')
      writeFileSync(file, settings(1000))
      tracker.signal('SIGHUP')
      await tracker.waitForOutput(/max_connection_idle/)
      rmSync(file)
    })
  }))

test('without descriptors whole requests are served, and the loop does not spin', () =>
  withTracker(httpTracker("[operations]\naddress = '127.0.0.1:0'"), async (tracker) => {
    const url = await tracker.operationsUrl()
    const metric = async (name: string) => {
      const text = await (await fetch(`${url}metrics`)).text()
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      )
    }
    // Kept open by the runtime, so that there is one for the operator.
    await metric('process_open_fds')
    // So few that the tracker cannot know of it.
    const limit = readdirSync(`/proc/${tracker.pid}/fd`).length + 10
    Bun.spawnSync(['prlimit', `--pid=${tracker.pid}`, `--nofile=${limit}:`])
    const unfinished = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const connection = await HttpConnection.open(tracker.at())
        connection.send('GET /health HT')
        return connection
      }),
    )
    for (let i = 0; i < 50; i++) {
      expect((await askOnce(tracker.at(), '/health')).status).toBe(200)
    }
    const told = await Promise.all(
      unfinished.slice(20).map((connection) => connection.answer().then(({ status }) => status)),
    )
    expect(new Set(told)).toEqual(new Set([503]))
    for (const connection of unfinished) connection.close()
    const kept = await HttpConnection.open(tracker.at())
    for (let i = 0; i < 3; i++) expect((await kept.ask('/health')).status).toBe(200)
    await waitUntil('the reason is told', async () => {
      return (await metric('tracker_http_closed_connections_total{reason="descriptors"}')) >= 40
    })
  }))

test('a stop answers waiting connections and requests in progress', () =>
  withTracker(httpTracker(), async (tracker) => {
    const slow = await HttpConnection.open(tracker.at())
    slow.send('GET /health HT')
    const idle = await HttpConnection.open(tracker.at())
    await idle.ask('/health')
    tracker.signal('SIGTERM')
    await idle.ended()
    slow.send('TP/1.1\r\n\r\n')
    expect((await slow.answer()).fields.connection).toBe('close')
    expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
  }))

test('IPv4 and IPv6 by the wildcard, the access list, and the health check', () =>
  inFolder(async (folder) => {
    const list = join(folder, 'list')
    writeFileSync(list, `${Buffer.from('d'.repeat(20)).toString('hex')}\n`)
    const settings =
      "[network]\naddress = '0.0.0.0:0'\n" +
      `[access_list]\nmode = 'deny'\npath = '${list}'\n` +
      '[limits]\nmax_torrents = 1000\nmax_peers = 10000\nmax_connections = 500\n'
    await withTracker({ executable: HTTP_EXECUTABLE, settings }, async (tracker) => {
      const { port } = tracker.at()
      for (const host of ['127.0.0.1', '::1']) {
        const { body } = await askOnce({ host, port }, announceTarget())
        const answer = readDictionary(body)
        expect(answer).toMatchObject({ incomplete: 0, complete: 0 })
      }
      const denied = await askOnce(
        { host: '127.0.0.1', port },
        announceTarget({ infoHash: 'd'.repeat(20) }),
      )
      expect(denied.body.toString()).toContain('Info hash not allowed')
      const { exitCode } = Bun.spawnSync([HTTP_EXECUTABLE, '--health-check', '5'], {
        env: { AQUATIC_NETWORK_ADDRESS: hostPort('127.0.0.1', port) },
      })
      expect(exitCode).toBe(0)
    })
  }))
