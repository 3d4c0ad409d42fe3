// The configuration files in docs/proxy for HTTP, with the real proxies where this machine has them.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { Certificates } from '../support/certificates.ts'
import { announceTarget } from '../support/http-client.ts'
import { freePort, nginxCommand, nginxFiles, replaced, runProxy } from '../support/proxies.ts'
import { HTTP_EXECUTABLE, type Tracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { compactPeers } from './harness.ts'

setDefaultTimeout(180_000)

const PROXIES = join(import.meta.dir, '../../docs/proxy')
const REQUESTS = 20
/** All of their bytes percent-encoded, that is a line of 15.6 KB. */
const SCRAPED = 220
const files = new Certificates()

beforeAll(() => files.make('proxy', 'ec'))
afterAll(() => files.remove())

const settings = (network: string) =>
  `[network]\n${network}\n[operations]\naddress = '127.0.0.1:0'\n`

/** From an address of this machine, over TLS. The connection is the client's only one. */
function ask(port: number, target: string, from: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: target,
      localAddress: from,
      rejectUnauthorized: false,
      agent: false,
      headers: { 'X-Forwarded-For': '198.51.100.66', Connection: 'close' },
    } as const
    const asked = request(options, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Buffer.concat(parts)))
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** How many connections the tracker has accepted. */
async function accepted(tracker: Tracker): Promise<number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const [, number = 'none'] = /^tracker_http_accepted_total (\d+)$/m.exec(text) ?? []
  return Number(number)
}

/** Each client is who the proxy has seen, whatever it says itself. */
async function expectProxied(port: number): Promise<void> {
  await waitUntil('the proxy serves', () =>
    ask(port, '/health', '127.0.0.1').then(
      (body) => body.toString() === 'ok\n',
      () => false,
    ),
  )
  for (let i = 1; i <= REQUESTS; i++) {
    const { peers } = readDictionary(await ask(port, announceTarget({ port: i }), `127.0.1.${i}`))
    const before = Array.from({ length: i - 1 }, (_, n) => `127.0.1.${n + 1}:${n + 1}`)
    expect(compactPeers(peers, 4)).toEqual(before.sort())
  }
  const hashes = Array.from(
    { length: SCRAPED },
    (_, n) => `info_hash=${`%${(n + 256).toString(16).slice(1)}`.repeat(20)}`,
  )
  const scrape = await ask(port, `/scrape?${hashes.join('&')}`, '127.0.0.1')
  expect(Object.keys(readDictionary(scrape).files as object)).toHaveLength(SCRAPED)
}

const nginx = Bun.which('nginx')
const caddy = Bun.which('caddy')
const haproxy = Bun.which('haproxy')

function name(program: string, path: string | null): string {
  return `${program}${path === null ? ' (skipped: not installed)' : ''}`
}

describe.skipIf(nginx === null)(name('nginx', nginx), () => {
  test.each(['a Unix socket', 'TCP'])('with docs/proxy/nginx-http.conf, over %s', (way) => {
    const path = join(files.folder, 'http.sock')
    const isUnix = way !== 'TCP'
    const network = isUnix
      ? `address = []\nunix_socket = '${path}'\nunix_socket_mode = '666'`
      : `address = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'`
    return withTracker(
      { executable: HTTP_EXECUTABLE, settings: settings(network) },
      async (tracker) => {
        const port = await freePort()
        const text = replaced(readFileSync(join(PROXIES, 'nginx-http.conf'), 'utf8'), [
          ['127.0.0.1:8443', `127.0.0.1:${port}`],
          isUnix
            ? ['/run/aquatic_http/http.sock', path]
            : ['    server unix:/run/aquatic_http/http.sock', `    server ${tracker.address()}`],
          ['certificate cert.pem', `certificate ${files.path('proxy.pem')}`],
          ['certificate_key key.pem', `certificate_key ${files.path('proxy-key.pem')}`],
          nginxFiles(files.folder),
        ])
        const config = files.write('nginx.conf', text)
        const command = nginxCommand(String(nginx), files.folder, config)
        await runProxy({ command, cwd: files.folder }, async () => {
          await expectProxied(port)
          expect(await accepted(tracker)).toBeLessThan(REQUESTS / 4)
        })
      },
    )
  })
})

describe.skipIf(caddy === null)(name('Caddy', caddy), () => {
  test('with docs/proxy/Caddyfile-http', () =>
    withTracker(
      {
        executable: HTTP_EXECUTABLE,
        settings: settings(`address = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'`),
      },
      async (tracker) => {
        const port = await freePort()
        const text = replaced(readFileSync(join(PROXIES, 'Caddyfile-http'), 'utf8'), [
          [
            'http://tracker.example.com, https://tracker.example.com {',
            `https://127.0.0.1:${port} {\n\ttls internal`,
          ],
          ['127.0.0.1:3000', tracker.address()],
        ])
        const options = '{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n'
        const config = files.write('Caddyfile', options + text)
        const data = files.path('caddy')
        mkdirSync(data)
        const command = [String(caddy), 'run', '--config', config, '--adapter', 'caddyfile']
        const env = { HOME: data, XDG_DATA_HOME: data }
        await runProxy({ command, cwd: files.folder, env }, async () => {
          await expectProxied(port)
          expect(await accepted(tracker)).toBeLessThan(REQUESTS / 4)
        })
      },
    ))
})

describe.skipIf(haproxy === null)(name('HAProxy', haproxy), () => {
  test('with docs/proxy/haproxy.cfg', () =>
    withTracker(
      {
        executable: HTTP_EXECUTABLE,
        settings: settings(
          `address = '127.0.0.1:0'\ntrusted_proxies = '127.0.0.1'\nproxy_protocol = 'required'`,
        ),
      },
      async (tracker) => {
        const [port, plain] = [await freePort(), await freePort()]
        const pem = ['proxy.pem', 'proxy-key.pem'].map((file) => readFileSync(files.path(file)))
        const text = replaced(readFileSync(join(PROXIES, 'haproxy.cfg'), 'utf8'), [
          ['maxconn 20000', 'maxconn 100'],
          ['0.0.0.0:443', `127.0.0.1:${port}`],
          ['0.0.0.0:80', `127.0.0.1:${plain}`],
          ['/etc/haproxy/tracker.pem', files.write('both.pem', Buffer.concat(pem).toString())],
          ['127.0.0.1:3000', tracker.address()],
        ])
        const command = [String(haproxy), '-db', '-f', files.write('haproxy.cfg', text)]
        await runProxy({ command, cwd: files.folder }, () => expectProxied(port))
      },
    ))
})
