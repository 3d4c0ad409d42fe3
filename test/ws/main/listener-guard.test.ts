// Connections that make no handshake: they count from when they are accepted, and do not take the tracker
// from those that do.
// Takes up to 300 seconds.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Certificates } from '../../support/certificates.ts'
import { inFolder } from '../../support/folder.ts'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../../support/tracker.ts'
import { waitFor, waitUntil } from '../../support/wait.ts'
import { openSocket, WsClient } from '../../support/ws-client.ts'

setDefaultTimeout(60_000)

const KEPT_OUT_MS = 400
const TICKS_PER_SECOND = 100

const SETTINGS = (perAddress: number) =>
  "log_level = 'error'\n[network]\naddress = '127.0.0.1:0'\n[operations]\naddress = '127.0.0.1:0'\n" +
  `[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = 100\nmax_connections_per_ip = ${perAddress}\n`

const announce = (n: number) => ({
  action: 'announce',
  info_hash: 'h'.repeat(20),
  peer_id: String(n).padStart(20, 'p'),
})

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

/** Sockets that send one byte and nothing more. */
function openIdle(tracker: Tracker, count: number, localAddress: string): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = openSocket(tracker.at(), { localAddress })
    socket.on('error', () => {})
    socket.write('G')
    return socket
  })
}

function destroy(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

async function connects(tracker: Tracker, localAddress: string): Promise<boolean> {
  const client = await waitFor(
    WsClient.connect(tracker.at(), { localAddress }).catch(() => undefined),
    KEPT_OUT_MS,
  )
  client?.destroy()
  return client !== undefined
}

function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** So many idle sockets until it is stopped, however many end. */
function crowd(tracker: Tracker, count: number): { stop(): void } {
  let sockets = openIdle(tracker, count, '127.0.0.5')
  const timer = setInterval(() => {
    const alive = sockets.filter(({ closed }) => !closed)
    sockets = [...alive, ...openIdle(tracker, count - alive.length, '127.0.0.5')]
  }, 100)
  return {
    stop() {
      clearInterval(timer)
      destroy(sockets)
    },
  }
}

/** New connections wait, which takes no processor time. */
async function expectIdle(tracker: Tracker, url: string): Promise<void> {
  const isPaused = async () => (await metric(url, 'tracker_ws_listener_resting')) === 1
  await waitUntil('it rests, and does nothing', async () => {
    const [before, since] = [processorSeconds(tracker.pid), performance.now()]
    if (!(await isPaused())) return false
    for (let i = 0; i < 3; i++) if (await connects(tracker, '127.0.0.9')) return false
    const seconds = (performance.now() - since) / 1000
    return (await isPaused()) && (processorSeconds(tracker.pid) - before) / seconds < 0.5
  })
}

async function expectRest(settings = '', workers = 1): Promise<void> {
  const options = {
    executable: WS_EXECUTABLE,
    settings: `socket_workers = ${workers}\n${SETTINGS(0)}${settings}`,
    prefix: ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh'],
  }
  await withTracker(options, async (tracker) => {
    const url = await tracker.operationsUrl()
    const client = await WsClient.connect(tracker.at(), { localAddress: '127.0.0.9' })
    await client.ask(announce(1))
    const idle = crowd(tracker, 600)
    const [line] = await tracker.waitForOutput(/trouble: bad: New connections have to wait .*\n/)
    expect(line).toContain('no more than 300 descriptors may be open. Raise the limit')
    // Those who are connected are served, the operator too, and the processor is idle.
    expect(await client.ask(announce(1))).toMatchObject({ incomplete: 1 })
    await expectIdle(tracker, url)
    expect(await metric(url, 'process_open_fds')).toBeGreaterThan(50)
    expect(await metric(url, 'process_max_fds')).toBe(300)
    expect(await (await fetch(`${url}health`)).text()).toContain('have to wait')
    idle.stop()
    await waitUntil('there is room', () => connects(tracker, '127.0.0.9'))
    expect(await metric(url, 'tracker_ws_listener_rests_total')).toBeGreaterThan(0)
    expect(await metric(url, 'tracker_ws_listener_resting')).toBe(0)
    client.destroy()
  })
}

test.each([1, 2])('with no descriptor left, the sockets of %d workers rest', (workers) =>
  expectRest('', workers),
)

// Neither /proc nor the right to open the port again.
test.skipIf(process.getuid?.() !== 0)('nor do they need rights for it, or /proc', () =>
  inFolder((folder) =>
    expectRest(`[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`),
  ),
)

test('idle sockets end by themselves, so that a tracker that rests serves again', () => {
  const options = {
    executable: WS_EXECUTABLE,
    settings: SETTINGS(0),
    prefix: ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh'],
  }
  return withTracker(options, async (tracker) => {
    const idle = openIdle(tracker, 600, '127.0.0.5')
    await tracker.waitForOutput(/trouble: bad: New connections have to wait/)
    await waitUntil('there is room', () => connects(tracker, '127.0.0.9'), 30_000)
    destroy(idle)
  })
})

/** How many of the sockets the tracker has closed. */
function countEnds(sockets: readonly Socket[]): () => number {
  let count = 0
  for (const socket of sockets) socket.on('close', () => count++)
  return () => count
}

const CLOSED =
  /trouble: attention: Closed \d+ connections in the last minute that made no handshake/

test.each([1, 2])(
  'of %d workers: sockets of an address beyond its limit are closed, connections stay',
  (workers) => {
    const settings = `socket_workers = ${workers}\n${SETTINGS(10)}`
    return withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
      const url = await tracker.operationsUrl()
      const connect = (localAddress: string) => WsClient.connect(tracker.at(), { localAddress })
      const clients = await Promise.all(Array(10).fill('127.0.0.5').map(connect))
      const [few, many] = [openIdle(tracker, 60, '127.0.0.6'), openIdle(tracker, 300, '127.0.0.5')]
      const [ended, others] = [countEnds(many), countEnds(few)]
      // Few enough may stay until the time of a handshake is over.
      const left = 10 + 64
      await waitUntil('most are closed', async () => {
        return (await metric(url, 'tracker_ws_idle_connections_closed_total')) >= 300 - left
      })
      expect(others()).toBe(0)
      await waitUntil('so are all', () => ended() === 300)
      for (const [i, client] of clients.entries()) {
        expect(await client.ask(announce(i))).toMatchObject({ incomplete: i + 1 })
      }
      for (const client of clients) client.destroy()
      await tracker.waitForOutput(CLOSED)
      destroy(few)
    })
  },
)

test('over TLS as well', async () => {
  const files = new Certificates()
  files.make('guard', 'ec')
  const settings = SETTINGS(10).replace(
    '[network]',
    `[network]\nuse_tls = true\ntls_certificate_path = '${files.path('guard.pem')}'\ntls_private_key_path = '${files.path('guard-key.pem')}'`,
  )
  await withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
    const client = await WsClient.connect(tracker.at(), { tls: true, localAddress: '127.0.0.5' })
    const many = Array.from({ length: 200 }, () => {
      return openSocket(tracker.at(), { tls: true, localAddress: '127.0.0.5' }).on(
        'error',
        () => {},
      )
    })
    const ended = countEnds(many)
    await tracker.waitForOutput(CLOSED)
    await waitUntil('all are closed', () => ended() === 200)
    expect(await client.ask(announce(1))).toMatchObject({ incomplete: 1 })
    client.destroy()
  }).finally(() => files.remove())
})

test('sockets with new certificates rest too', async () => {
  const files = new Certificates()
  files.make('guard', 'ec')
  const settings = SETTINGS(0).replace(
    '[network]',
    `[network]\nuse_tls = true\ntls_certificate_path = '${files.path('guard.pem')}'\ntls_private_key_path = '${files.path('guard-key.pem')}'`,
  )
  const prefix = ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh']
  await withTracker({ executable: WS_EXECUTABLE, settings, prefix }, async (tracker) => {
    tracker.signal('SIGUSR1')
    await tracker.waitForOutput(/new connections get the certificate as it is now/)
    const idle = crowd(tracker, 600)
    await tracker.waitForOutput(/New connections have to wait/)
    await expectIdle(tracker, await tracker.operationsUrl())
    idle.stop()
    const connect = () => WsClient.connect(tracker.at(), { tls: true }).catch(() => undefined)
    await waitUntil('there is room', async () => {
      const client = await waitFor(connect(), KEPT_OUT_MS)
      client?.destroy()
      return client !== undefined
    })
  }).finally(() => files.remove())
})

test.each([
  [
    'a trusted proxy',
    `${SETTINGS(10).replace('[network]', "[network]\ntrusted_proxies = '127.0.0.5'")}`,
  ],
  ['anybody without a limit', SETTINGS(0)],
])('%s may have as many sockets as it likes', (_, settings) =>
  withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
    const url = await tracker.operationsUrl()
    const many = openIdle(tracker, 300, '127.0.0.5')
    const ended = countEnds(many)
    const before = await metric(url, 'process_open_fds')
    await waitUntil('all are accepted', async () => {
      return (await metric(url, 'process_open_fds')) > Math.min(300, before + 200)
    })
    // Others that are not trusted are found by the same survey.
    const others = openIdle(tracker, 300, '127.0.0.6')
    if (settings.includes('trusted')) {
      await tracker.waitForOutput(CLOSED)
    }
    expect(await connects(tracker, '127.0.0.5')).toBe(true)
    expect(ended()).toBe(0)
    destroy([...many, ...others])
  }),
)

test('plain HTTP does not keep its connection, whatever it asks for', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS(10) }, async (tracker) => {
    const requests = [
      'GET /health HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
      'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx',
      'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n',
      'nonsense\r\n\r\n',
    ]
    const ends = Array.from({ length: 300 }, (_, i) => {
      const socket = openSocket(tracker.at(), { localAddress: '127.0.0.5' })
      const end = new Promise<true>((resolve) => socket.on('end', () => resolve(true)))
      socket.on('error', () => {}).resume()
      socket.write(requests[i % requests.length])
      return waitFor(end, 9000).then((ended) => {
        socket.destroy()
        return ended
      })
    })
    // Before the time that a handshake has.
    expect(new Set(await Promise.all(ends))).toEqual(new Set([true]))
  }))
