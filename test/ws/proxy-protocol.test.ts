// aquatic_ws behind a load balancer that tells of its clients by the PROXY protocol.
import { expect, test } from 'bun:test'
import { UPGRADE } from '../support/malformed-http.ts'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { openSocket } from '../support/ws-client.ts'

const SETTINGS = `[network]\naddress = '127.0.0.1:0'\nproxy_protocol = 'required'\ntrusted_proxies = '127.0.0.9'
[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = 100\nmax_connections_per_ip = 2\n`

/** What comes up to the first pause; '' at an end without anything. The connection stays open. */
async function reply(tracker: Tracker, before: string, localAddress = '127.0.0.9', path = '/') {
  const socket = openSocket(tracker.at(), { localAddress })
  const answer = new Promise<string>((resolve) => {
    socket.on('error', () => {})
    socket.on('data', (data) => resolve(data.toString('latin1')))
    socket.on('close', () => resolve(''))
  })
  const upgrade = path === '/' ? UPGRADE : ''
  socket.write(`${before}GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)
  return { text: (await waitFor(answer, 60_000)) ?? 'nothing', socket }
}

const line = (address: string) => `PROXY TCP4 ${address} 10.0.0.1 1 2\r\n`

test('connections count for the clients that the load balancer names, and others are closed', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS }, async (tracker) => {
    const open = []
    for (const status of [101, 101, 503]) {
      const { text, socket } = await reply(tracker, line('198.51.100.7'))
      expect(text).toStartWith(`HTTP/1.1 ${status} `)
      open.push(socket)
    }
    const other = await reply(tracker, line('198.51.100.8'))
    expect(other.text).toStartWith('HTTP/1.1 101 ')
    // Neither without a header, nor from anybody else.
    expect((await reply(tracker, '')).text).toBe('')
    expect((await reply(tracker, line('198.51.100.9'), '127.0.0.5')).text).toBe('')
    const health = await reply(tracker, 'PROXY UNKNOWN\r\n', '127.0.0.1', '/health')
    expect(health.text).toEndWith('OK\n')
    for (const socket of [...open, other.socket]) socket.destroy()
    await waitUntil('there is room', async () => {
      const { text, socket } = await reply(tracker, line('198.51.100.7'))
      socket.destroy()
      return text.startsWith('HTTP/1.1 101 ')
    })
    const { exitCode } = Bun.spawnSync([WS_EXECUTABLE, '--health-check', '5'], {
      env: {
        AQUATIC_NETWORK_ADDRESS: `127.0.0.1:${tracker.at().port}`,
        AQUATIC_NETWORK_PROXY_PROTOCOL: 'required',
        AQUATIC_NETWORK_TRUSTED_PROXIES: '127.0.0.9',
        PATH: process.env.PATH ?? '',
      },
    })
    expect(exitCode).toBe(0)
  }))
