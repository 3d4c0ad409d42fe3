// docs/proxy/nginx-aquatic.conf with the real nginx, where this machine has it: one port for HTTP and WebTorrent.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { type Dictionary, readDictionary } from '../support/bencode.ts'
import { Certificates } from '../support/certificates.ts'
import { announceTarget } from '../support/http-client.ts'
import { freePort, nginxCommand, nginxFiles, replaced, runProxy } from '../support/proxies.ts'
import { type Tracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { Refused, WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'
import { at, peersIn, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

const CONFIG = join(import.meta.dir, '../../docs/proxy/nginx-aquatic.conf')
const HASH = 'h'.repeat(20)
const files = new Certificates()

beforeAll(() => files.make('proxy', 'ec'))
afterAll(() => files.remove())

const TRUSTING = `[limits]\nmax_torrents = 1000\nmax_peers = 1000\n[http.limits]\nmax_connections = 100
  [ws.limits]\nmax_connections = 100\nmax_connections_per_ip = 1`
const TRUSTED = {
  AQUATIC_HTTP_NETWORK_TRUSTED_PROXIES: '127.0.0.1',
  AQUATIC_WS_NETWORK_TRUSTED_PROXIES: '127.0.0.1',
}

/** Over TLS, as a client at `from`, an address of this machine. */
function ask(port: number, path: string, from: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { localAddress: from, rejectUnauthorized: false, agent: false }
    const asked = request({ host: '127.0.0.1', port, path, ...options }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => resolve(Buffer.concat(parts)))
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function announced(port: number, peerPort: number, from: string): Promise<Dictionary> {
  return readDictionary(await ask(port, announceTarget({ infoHash: HASH, port: peerPort }), from))
}

/** Clients of both protocols get through at any path, and are who the proxy has seen. */
async function expectProxied(port: number): Promise<void> {
  await waitUntil('the proxy serves', () =>
    ask(port, '/health', '127.0.0.1').then(
      (body) => body.toString() === 'ok\n',
      () => false,
    ),
  )
  await announced(port, 1001, '127.0.1.1')
  expect(peersIn(await announced(port, 1002, '127.0.1.2'))).toEqual(['127.0.1.1:1001'])
  const scrape = readDictionary(await ask(port, `/scrape?info_hash=${HASH}`, '127.0.1.1'))
  expect(scrape.files).toEqual({ [HASH]: { complete: 0, downloaded: 0, incomplete: 2 } })
  for (const path of ['/', '/announce']) {
    const connect = (localAddress: string) =>
      WsClient.connect({ host: '127.0.0.1', port }, { tls: true, path, localAddress })
    // Of each address one is allowed: those that nginx has seen count, not its own.
    const clients = [await connect('127.0.2.1'), await connect('127.0.2.2')]
    expect(await connect('127.0.2.1').catch((error) => error)).toBeInstanceOf(Refused)
    for (const client of clients) {
      expect(await client.ask(announce(HASH, 1))).toMatchObject({ info_hash: HASH })
      await client.close()
    }
  }
}

function configFor(tracker: Tracker, port: number): string {
  return replaced(readFileSync(CONFIG, 'utf8'), [
    ['127.0.0.1:8443', `127.0.0.1:${port}`],
    ['127.0.0.1:3000;', `127.0.0.1:${at(tracker, 'http').port};`],
    ['127.0.0.1:3001;', `127.0.0.1:${at(tracker, 'ws').port};`],
    ['certificate cert.pem', `certificate ${files.path('proxy.pem')}`],
    ['certificate_key key.pem', `certificate_key ${files.path('proxy-key.pem')}`],
    nginxFiles(files.folder),
  ])
}

const nginx = Bun.which('nginx')

describe.skipIf(nginx === null)(`nginx${nginx === null ? ' (skipped: not installed)' : ''}`, () => {
  test('with docs/proxy/nginx-aquatic.conf has HTTP and WebTorrent on one port', () =>
    withTracker(settingsFor({ more: TRUSTING, env: TRUSTED }), async (tracker) => {
      const port = await freePort()
      const config = files.write('nginx.conf', configFor(tracker, port))
      const command = nginxCommand(String(nginx), files.folder, config)
      await runProxy({ command, cwd: files.folder }, () => expectProxied(port))
    }))
})
