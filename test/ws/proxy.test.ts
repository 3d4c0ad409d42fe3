// The configuration files in docs/proxy, with the real proxies where this machine has them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Certificates } from '../support/certificates.ts'
import { freePort, nginxCommand, nginxFiles, replaced, runProxy } from '../support/proxies.ts'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { Refused, WsClient } from '../support/ws-client.ts'

const PROXIES = join(import.meta.dir, '../../docs/proxy')
const files = new Certificates()

beforeAll(() => files.make('proxy', 'ec'))
afterAll(() => files.remove())

const SETTINGS = `[network]
address = '127.0.0.1:0'
trusted_proxies = '127.0.0.1'
[limits]
max_torrents = 1000
max_peers = 1000
max_connections_per_ip = 1
`

/** Clients through the proxy are served, and counted by the address that the proxy has seen. */
async function expectProxied(port: number): Promise<void> {
  const endpoint = { host: '127.0.0.1', port }
  const connect = () =>
    WsClient.connect(endpoint, { tls: true, headers: { 'X-Forwarded-For': '192.0.2.9' } })
  let client: WsClient | undefined
  await waitUntil('the proxy serves', async () => {
    client = await connect().catch(() => undefined)
    return client !== undefined
  })
  const message = { action: 'announce', info_hash: '\u00ff'.repeat(20), peer_id: 'p'.repeat(20) }
  expect(await client?.ask(message)).toMatchObject({ info_hash: '\u00ff'.repeat(20) })
  const refusal = await connect().catch((error) => error)
  expect(refusal).toBeInstanceOf(Refused)
  expect(refusal.status).toBe(503)
  await client?.close()
  const url = `https://127.0.0.1:${port}/health`
  expect((await fetch(url, { tls: { rejectUnauthorized: false } })).status).toBe(200)
}

async function withProxy(
  tracker: Tracker,
  port: number,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  expect(tracker.at().host).toBe('127.0.0.1')
  await runProxy({ command, cwd: files.folder, env }, () => expectProxied(port))
}

const nginx = Bun.which('nginx')
const caddy = Bun.which('caddy')

describe.skipIf(nginx === null)(`nginx${nginx === null ? ' (skipped: not installed)' : ''}`, () => {
  test('with docs/proxy/nginx.conf passes WebSocket and addresses on', () =>
    withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS }, async (tracker) => {
      const port = await freePort()
      const text = replaced(readFileSync(join(PROXIES, 'nginx.conf'), 'utf8'), [
        ['127.0.0.1:8443', `127.0.0.1:${port}`],
        ['127.0.0.1:3000', `127.0.0.1:${tracker.at().port}`],
        ['certificate cert.pem', `certificate ${files.path('proxy.pem')}`],
        ['certificate_key key.pem', `certificate_key ${files.path('proxy-key.pem')}`],
        nginxFiles(files.folder),
      ])
      const config = files.write('nginx.conf', text)
      await withProxy(tracker, port, nginxCommand(String(nginx), files.folder, config))
    }))
})

describe.skipIf(caddy === null)(`Caddy${caddy === null ? ' (skipped: not installed)' : ''}`, () => {
  test('with docs/proxy/Caddyfile passes WebSocket and addresses on', () =>
    withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS }, async (tracker) => {
      const port = await freePort()
      const text = replaced(readFileSync(join(PROXIES, 'Caddyfile'), 'utf8'), [
        ['tracker.example.com {', `https://127.0.0.1:${port} {\n\ttls internal`],
        ['127.0.0.1:3000', `127.0.0.1:${tracker.at().port}`],
      ])
      const options = '{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n'
      const config = files.write('Caddyfile', options + text)
      const data = files.path('caddy')
      mkdirSync(data)
      const command = [String(caddy), 'run', '--config', config, '--adapter', 'caddyfile']
      await withProxy(tracker, port, command, { HOME: data, XDG_DATA_HOME: data })
      rmSync(data, { recursive: true, force: true })
    }))
})
