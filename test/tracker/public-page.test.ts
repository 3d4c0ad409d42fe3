// The public page of the trackers as their users run them: where it is served, what it knows after a restart and a
// take-over, and as another user in another root directory.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PublicFigures } from '../../src/public-page/figures.ts'
import { Certificates } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { announceTarget, askOnce, HttpConnection } from '../support/http-client.ts'
import {
  ALL_EXECUTABLE,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  runTracker,
  servedOn,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(60_000)

const isRoot = process.getuid?.() === 0
const PAGE = "[public_page]\nhost_names = 'tracker.example.com'\n"
const OWN_ADDRESS = `${PAGE}address = '127.0.0.1:0'\n`
const ON_HTTP = `${PAGE}on_http_port = true\n`

async function pageUrl(tracker: Tracker): Promise<string> {
  const [, url] = await tracker.waitForOutput(/public page at (\S+)\n/)
  return url
}

async function statusOf(url: string): Promise<PublicFigures> {
  return (await (await fetch(`${url}status.json`)).json()) as PublicFigures
}

async function stop(tracker: Tracker): Promise<string> {
  tracker.signal('SIGTERM')
  const { code, stderr } = await tracker.waitForEnd()
  expect(code).toBe(0)
  return stderr
}

const urlsOf = (...schemes: string[]) =>
  schemes.map((scheme) =>
    expect.stringMatching(new RegExp(`^${scheme}://tracker.example.com:\\d+/`)),
  )

describe.each([
  ['aquatic_udp', EXECUTABLE, ['udp'], ['IPv4', 'IPv6']],
  ['aquatic_http', HTTP_EXECUTABLE, ['http'], ['IPv4', 'IPv6']],
  ['aquatic_ws', WS_EXECUTABLE, ['ws'], ['WebTorrent']],
  ['aquatic', ALL_EXECUTABLE, ['udp', 'http', 'ws'], ['IPv4', 'IPv6', 'WebTorrent']],
])('%s', (name, executable, schemes, swarms) => {
  const settings = `${servedOn(executable, '127.0.0.1:0')}${OWN_ADDRESS}`

  test('serves its page on an address of its own', () =>
    withTracker({ executable, settings }, async (tracker) => {
      const url = await pageUrl(tracker)
      const status = await statusOf(url)
      expect(status).toMatchObject({ state: 'up', name, torrents: 0, peers: 0 })
      expect(status.announce_urls).toEqual(urlsOf(...schemes))
      expect(status.swarms.map((swarm) => swarm.name)).toEqual(swarms)
      expect(status.protocols).toHaveLength(schemes.length)
      const html = await (await fetch(url)).text()
      expect(html).toContain(`<code>${status.announce_urls[0]}</code>`)
      await stop(tracker)
      expect(fetch(url)).rejects.toThrow()
    }))
})

describe.each([
  ['aquatic_http', HTTP_EXECUTABLE, /listening on 127\.0\.0\.1:(\d+)/],
  ['aquatic', ALL_EXECUTABLE, /HTTP: 127\.0\.0\.1:(\d+)/],
])('%s on its HTTP port', (_, executable, pattern) => {
  const settings = `${servedOn(executable, '127.0.0.1:0', 2)}${ON_HTTP}`

  test('serves its page beside announces, and shows new names at once', () =>
    inFolder((folder) => {
      const file = join(folder, 'tracker.toml')
      writeFileSync(file, settings)
      return withTracker({ executable, file }, async (tracker) => {
        const [, port] = await tracker.waitForOutput(pattern)
        const http = { host: '127.0.0.1', port: Number(port) }
        const url = `http://127.0.0.1:${port}/`
        expect(tracker.stderr).not.toContain('public page at')
        const connection = await HttpConnection.open(http)
        await waitUntil('the workers have the page', async () => {
          return (await connection.ask('/status.json')).status === 200
        })
        const page = await connection.ask('/')
        expect(page.fields['content-type']).toBe('text/html; charset=utf-8')
        expect((await connection.ask(announceTarget())).status).toBe(200)
        // Figures are ten seconds old: once is enough.
        if (executable === ALL_EXECUTABLE) {
          await waitUntil('the peer is shown', async () => (await statusOf(url)).peers === 1)
          const { torrents, leechers, swarms, protocols } = await statusOf(url)
          expect([torrents, leechers, swarms[0].leechers]).toEqual([1, 1, 1])
          expect(protocols[1].requests_per_second).toBeGreaterThan(0)
        }
        writeFileSync(file, settings.replace('tracker.example.com', 'other.example.com'))
        tracker.signal('SIGHUP')
        await waitUntil('the new name is shown', async () => {
          return (await statusOf(url)).announce_urls.join().includes('//other.example.com')
        })
        await stop(tracker)
      })
    }))
})

test('over HTTPS the same page is served, and plain HTTP leads there', async () => {
  const certificates = new Certificates()
  try {
    certificates.make('a', 'ec')
    const network =
      "[network]\naddress = '127.0.0.1:0'\nuse_tls = true\nplain_address = '127.0.0.1:0'\n" +
      "plain_requests = 'redirect'\nhttps_name = 'tracker.example.com'\n" +
      `tls_certificate_path = '${certificates.path('a.pem')}'\ntls_private_key_path = '${certificates.path('a-key.pem')}'\n`
    const options = { executable: HTTP_EXECUTABLE, settings: network + ON_HTTP }
    await withTracker(options, async (tracker) => {
      const [, plainPort] = await tracker.waitForOutput(/http redirected on 127\.0\.0\.1:(\d+)/)
      const connection = await HttpConnection.openTls(tracker.at())
      let text = ''
      await waitUntil('the workers have the page', async () => {
        const { status, body } = await connection.ask('/status.json')
        text = String(body)
        return status === 200
      })
      expect((JSON.parse(text) as PublicFigures).announce_urls).toEqual(urlsOf('https'))
      const plain = await askOnce({ host: '127.0.0.1', port: Number(plainPort) }, '/status.json')
      expect(plain.fields.location).toBe('https://tracker.example.com/status.json')
    })
  } finally {
    certificates.remove()
  }
})

interface Written {
  readonly since: number
  readonly last: number
  readonly down: readonly unknown[]
}

const written = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Written

describe('the history', () => {
  const settings = (more: string) => `${servedOn(EXECUTABLE, '127.0.0.1:0')}${OWN_ADDRESS}${more}`

  test('continues after a stop, the time between counted, and begins anew where its file is damaged', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'history.json')
      const start = { settings: settings(`[statistics]\nhistory_path = '${path}'\n`) }
      await withTracker(start, stop)
      const { since, last } = written(path)
      // As if it had been stopped for a day.
      const before = JSON.stringify({
        ...JSON.parse(readFileSync(path, 'utf8')),
        since: since - 172_800,
        last: last - 86_400,
      })
      writeFileSync(path, before)
      await withTracker(start, async (tracker) => {
        const { availability } = await statusOf(await pageUrl(tracker))
        expect(availability.share).toBeGreaterThan(0.45)
        expect(availability.share).toBeLessThan(0.55)
        await stop(tracker)
      })
      expect(written(path).since).toBe(since - 172_800)
      writeFileSync(path, before.slice(0, 100))
      await withTracker(start, async (tracker) => {
        await tracker.waitForOutput(/history\.json is damaged; it is not used, and was renamed/)
        expect([null, 1]).toContain((await statusOf(await pageUrl(tracker))).availability.share)
        await stop(tracker)
      })
      expect(readFileSync(`${path}.refused`, 'utf8')).toBe(before.slice(0, 100))
      expect(written(path).since).toBeGreaterThanOrEqual(since)
    }))

  test('is in the folder of persistence, and goes to a process that takes over, with the port of the page', () =>
    inFolder(async (folder) => {
      const state = join(folder, 'state')
      const path = join(state, 'aquatic_udp.history')
      const all = (port: string | number) =>
        settings(`[persistence]\npath = '${state}'\ntake_over = true\n`).replace(
          "address = '127.0.0.1:0'\n[persist",
          `address = '127.0.0.1:${port}'\n[persist`,
        )
      await withTracker({ settings: all(0) }, async (old) => {
        const { port } = new URL(await pageUrl(old))
        await withTracker({ settings: all(port) }, async (next) => {
          expect((await old.waitForEnd()).code).toBe(0)
          const first = written(path)
          expect(await pageUrl(next)).toContain(`:${port}/`)
          await waitUntil('the new process knows the past', async () => {
            return (await statusOf(`http://127.0.0.1:${port}/`)).availability.share === 1
          })
          await stop(next)
          expect(written(path)).toMatchObject({ since: first.since, down: [] })
        })
      })
    }))

  test.skipIf(!isRoot)('is written as another user in another root directory', () =>
    inFolder(async (folder) => {
      chmodSync(folder, 0o777)
      const path = join(folder, 'a.history')
      const dropping = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
      const start = { settings: settings(`[statistics]\nhistory_path = '${path}'\n${dropping}`) }
      await withTracker(start, async (tracker) => {
        expect((await statusOf(await pageUrl(tracker))).state).toBe('up')
        await stop(tracker)
      })
      expect(existsSync(path)).toBe(true)
      const outside = settings(`[statistics]\nhistory_path = '/other/a.history'\n${dropping}`)
      const { code, stderr } = await runTracker({ settings: outside })
      expect(code).toBe(1)
      expect(stderr).toContain("[statistics] history_path ('/other/a.history') is not below")
    }),
  )
})
