// Connections that make no handshake: they count from when they have to wait, and do not take the tracker from those that
// do.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { Certificates } from '../support/certificates.ts'
import { type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { openSocket, WsClient } from '../support/ws-client.ts'

setDefaultTimeout(180_000)

const KEPT_OUT_MS = 400
const TICKS_PER_SECOND = 100

const SETTINGS = (perAddress: number, most = 100) =>
  "log_level = 'error'\n[network]\naddress = '127.0.0.1:0'\n[operations]\naddress = '127.0.0.1:0'\n" +
  `[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = ${most}\nmax_connections_per_ip = ${perAddress}\n`

const announce = (n: number) => ({
  action: 'announce',
  info_hash: 'h'.repeat(20),
  peer_id: String(n).padStart(20, 'p'),
})

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}metrics`)).text()
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1])
}

/** Sockets that send one byte and nothing more. */
function openIdle(tracker: Tracker, count: number, localAddress: string, tls = false): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = openSocket(tracker.at(), { localAddress, tls })
    socket.on('error', () => {})
    socket.resume()
    socket.write('G')
    return socket
  })
}

function destroy(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

async function connects(tracker: Tracker, localAddress: string, tls = false): Promise<boolean> {
  const client = await waitFor(
    WsClient.connect(tracker.at(), { localAddress, tls }).catch(() => undefined),
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
function crowd(tracker: Tracker, count: number, tls = false): { stop(): void } {
  let sockets = openIdle(tracker, count, '127.0.0.5', tls)
  const timer = setInterval(() => {
    const alive = sockets.filter(({ closed }) => !closed)
    sockets = [...alive, ...openIdle(tracker, count - alive.length, '127.0.0.5', tls)]
  }, 100)
  return {
    stop() {
      clearInterval(timer)
      destroy(sockets)
    },
  }
}

/** How many of the sockets the tracker has closed. */
function countEnds(sockets: readonly Socket[]): () => number {
  let count = 0
  for (const socket of sockets) socket.on('close', () => count++)
  return () => count
}

test.each([1, 2])(
  'with no descriptor left, clients of %d workers are served, and others may come',
  (workers) => {
    const options = {
      executable: WS_EXECUTABLE,
      settings: `socket_workers = ${workers}\n${SETTINGS(0, 10_000)}`,
      prefix: ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh'],
    }
    return withTracker(options, async (tracker) => {
      const url = await tracker.operationsUrl()
      const client = await WsClient.connect(tracker.at(), { localAddress: '127.0.0.9' })
      await client.ask(announce(1))
      const idle = crowd(tracker, 600)
      await tracker.waitForOutput(
        /trouble: .*(the limit on open files has room for|no descriptors were left)/,
      )
      expect(await client.ask(announce(1))).toMatchObject({ incomplete: 1 })
      expect(await (await fetch(`${url}health`)).text()).toContain('Raise')
      // Who makes a handshake is let in before those who wait.
      await waitUntil('another one is served', () => connects(tracker, '127.0.0.9'))
      idle.stop()
      await waitUntil('there is room', () => connects(tracker, '127.0.0.9'))
      const before = processorSeconds(tracker.pid)
      const since = performance.now()
      await waitUntil('a second has passed', () => performance.now() - since > 1000)
      expect(processorSeconds(tracker.pid) - before).toBeLessThan(0.5)
      client.destroy()
    })
  },
)

test.each([1, 2])(
  'of %d workers: sockets of an address beyond its limit are closed, connections stay',
  (workers) => {
    const settings = `socket_workers = ${workers}\n${SETTINGS(10, 1000)}`
    return withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
      const connect = (localAddress: string) => WsClient.connect(tracker.at(), { localAddress })
      const clients = await Promise.all(Array(10).fill('127.0.0.5').map(connect))
      const [few, many] = [openIdle(tracker, 10, '127.0.0.6'), openIdle(tracker, 300, '127.0.0.5')]
      const [ended, others] = [countEnds(many), countEnds(few)]
      await waitUntil('all are closed', () => ended() === 300)
      expect(others()).toBe(0)
      // Those of others have the time of a handshake.
      await waitUntil('so are all', () => others() === 10)
      for (const [i, client] of clients.entries()) {
        expect(await client.ask(announce(i))).toMatchObject({ incomplete: i + 1 })
      }
      for (const client of clients) client.destroy()
      await tracker.waitForOutput(
        /trouble: .*Refused \d+ connections .* \[limits\] max_connections_per_ip/,
      )
    })
  },
)

test('at the limit of all, who makes a handshake comes before those who wait', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS(0, 20) }, async (tracker) => {
    const url = await tracker.operationsUrl()
    const idle = openIdle(tracker, 40, '127.0.0.5')
    const ended = countEnds(idle)
    await waitUntil('half of them is too many', () => ended() >= 20)
    expect(await connects(tracker, '127.0.0.9')).toBe(true)
    const reason = 'tracker_ws_closed_connections_total{reason="made_room"}'
    await waitUntil('it is told', async () => (await metric(url, reason)) > 0)
    destroy(idle)
  }))

test('a trusted proxy may have as many sockets as it likes', () => {
  const settings = SETTINGS(10, 1000).replace(
    '[network]',
    "[network]\ntrusted_proxies = '127.0.0.5'",
  )
  return withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
    const many = openIdle(tracker, 300, '127.0.0.5')
    const others = openIdle(tracker, 300, '127.0.0.6')
    const [ended, closed] = [countEnds(many), countEnds(others)]
    await waitUntil('others are closed', () => closed() >= 290)
    expect(await connects(tracker, '127.0.0.5')).toBe(true)
    expect(ended()).toBe(0)
    destroy([...many, ...others])
  })
})

test('plain HTTP does not keep its connection, whatever it asks for', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS(400, 1000) }, async (tracker) => {
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
      return waitFor(end, 14_000).then((ended) => {
        socket.destroy()
        return ended
      })
    })
    // Before the time that a handshake has.
    expect(new Set(await Promise.all(ends))).toEqual(new Set([true]))
  }))

test('over TLS, with certificates of the start and with new ones, the sockets rest without descriptors', async () => {
  const files = new Certificates()
  files.make('guard', 'ec')
  const settings = SETTINGS(0, 10_000).replace(
    '[network]',
    `[network]\nuse_tls = true\ntls_certificate_path = '${files.path('guard.pem')}'\ntls_private_key_path = '${files.path('guard-key.pem')}'`,
  )
  const prefix = ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh']
  await withTracker({ executable: WS_EXECUTABLE, settings, prefix }, async (tracker) => {
    const url = await tracker.operationsUrl()
    const client = await WsClient.connect(tracker.at(), { tls: true, localAddress: '127.0.0.9' })
    tracker.signal('SIGUSR1')
    await tracker.waitForOutput(/new connections get the certificate as it is now/)
    const idle = crowd(tracker, 600, true)
    await tracker.waitForOutput(
      /trouble: .*(the limit on open files has room for|New connections have to wait)/,
    )
    expect(await client.ask(announce(1))).toMatchObject({ incomplete: 1 })
    expect((await fetch(`${url}metrics`)).status).toBe(200)
    idle.stop()
    await waitUntil('there is room', () => connects(tracker, '127.0.0.9', true))
    client.destroy()
  }).finally(() => files.remove())
})
