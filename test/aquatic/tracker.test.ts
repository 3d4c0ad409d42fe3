// The tracker of all protocols as its users run it: each protocol is served, and what is the process's is there
// once: access list, operations, persistence, reload, stop.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { connectRequest } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  listenOn,
  runTracker,
  type StartOptions,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'

setDefaultTimeout(120_000)

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const FROM_SOURCE = [process.execPath, join(import.meta.dir, '../../bin/aquatic.ts')]

/** The same torrent as UDP and as WebTorrent have it. */
const HASH = 'aquatic torrent 0001'
const HASH_BYTES = new TextEncoder().encode(HASH)
const OTHER = 'aquatic torrent 0002'
const OTHER_BYTES = new TextEncoder().encode(OTHER)

interface Options extends Partial<StartOptions> {
  readonly ports?: { readonly udp: number; readonly ws: number }
  /** Lines of [udp] and [ws], and sections behind all others. */
  readonly udp?: string
  readonly ws?: string
  readonly more?: string
}

function settingsFor(options: Options = {}): StartOptions {
  const { ports = { udp: 0, ws: 0 }, udp = '', ws = '', more = '', ...rest } = options
  const settings = `log_level = 'info'
    [udp]\n${udp}\n[udp.network]\naddress = '127.0.0.1:${ports.udp}'
    [ws]\n${ws}\n[ws.network]\naddress = '127.0.0.1:${ports.ws}'\n${more}\n`
  return { executable: ALL_EXECUTABLE, settings, ...rest }
}

async function at(tracker: Tracker, protocol: 'UDP' | 'WebTorrent'): Promise<Endpoint> {
  const [, host, port] = await tracker.waitForOutput(
    new RegExp(`listening on .*${protocol}: ([\\d.]+):(\\d+)`),
  )
  return { host, port: Number(port) }
}

/** Has both kinds of clients of a tracker used. */
function withClients<T>(
  tracker: Tracker,
  use: (clients: { udp: UdpClient; ws: WsClient; udpAt: Endpoint }) => Promise<T>,
): Promise<T> {
  return withClient('127.0.0.1', async (udp) => {
    const ws = await WsClient.connect(await at(tracker, 'WebTorrent'))
    return use({ udp, ws, udpAt: await at(tracker, 'UDP') }).finally(() => ws.destroy())
  })
}

/** A download of one torrent by each protocol. */
async function complete({ udp, ws, udpAt }: { udp: UdpClient; ws: WsClient; udpAt: Endpoint }) {
  await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1001, left: 1n })
  await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1001, left: 0n, event: 1 })
  await ws.ask(announce(HASH, 1, { event: 'started' }))
  await ws.ask(announce(HASH, 1, { event: 'completed', left: 0 }))
}

async function expectKept(tracker: Tracker): Promise<void> {
  await withClients(tracker, async ({ udp, ws, udpAt }) => {
    const kept = await udp.scrape(udpAt, HASH_BYTES)
    expect([kept.seeders, kept.leechers]).toEqual([1, 0])
    await ws.ask(announce(HASH, 2))
    const { files } = await ws.ask({ action: 'scrape', info_hash: HASH })
    expect(files?.[HASH].downloaded).toBe(1)
  })
}

describe('a tracker of UDP and WebTorrent', () => {
  test('serves both, each with its swarms, and says where', () =>
    withTracker(settingsFor(), (tracker) =>
      withClients(tracker, async (clients) => {
        const { udp, ws, udpAt } = clients
        await complete(clients)
        const answer = await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1002, left: 1n })
        expect(answer.peers.length).toBe(1)
        const { complete: seeders, incomplete } = await ws.ask(announce(HASH, 1, { left: 0 }))
        expect([seeders, incomplete]).toEqual([1, 0])
        expect(tracker.stderr).toMatch(
          /^aquatic \S+ listening on UDP: 127\.0\.0\.1:\d+ \(1 socket worker\), WebTorrent: 127\.0\.0\.1:\d+ \(ws, 1 socket worker\)$/m,
        )
      }),
    ))

  test('has one access list, read again on SIGUSR1', () =>
    inFolder((folder) => {
      const path = join(folder, 'list')
      const allow = (hash: string) => writeFileSync(path, `${Buffer.from(hash).toString('hex')}\n`)
      allow(HASH)
      const more = `[access_list]\nmode = 'allow'\npath = '${path}'`
      return withTracker(settingsFor({ more }), (tracker) =>
        withClients(tracker, async ({ udp, ws, udpAt }) => {
          const isServed = async (hash: string, bytes: Uint8Array) => {
            const overUdp = await udp.announce(udpAt, { infoHash: bytes, left: 1n }).then(
              () => true,
              () => false,
            )
            const reply = await ws.ask(announce(hash, 1))
            return [overUdp, reply['failure reason'] === undefined]
          }
          expect(await isServed(HASH, HASH_BYTES)).toEqual([true, true])
          expect(await isServed(OTHER, OTHER_BYTES)).toEqual([false, false])
          allow(OTHER)
          tracker.signal('SIGUSR1')
          await waitUntil('the other list', async () => {
            return (await isServed(OTHER, OTHER_BYTES)).every((serves) => serves)
          })
          expect(await isServed(HASH, HASH_BYTES)).toEqual([false, false])
        }),
      )
    }))

  test('serves wss, and takes a new certificate on the signal that reads the access list again', async () => {
    const certificates = new Certificates()
    certificates.make('first', 'ec')
    certificates.make('second', 'ec')
    const use = (name: string) => {
      copyFileSync(certificates.path(`${name}.pem`), certificates.path('tls.pem'))
      copyFileSync(certificates.path(`${name}-key.pem`), certificates.path('tls-key.pem'))
    }
    use('first')
    const list = certificates.path('list')
    writeFileSync(list, `${Buffer.from(HASH).toString('hex')}\n`)
    const more = `[access_list]\nmode = 'allow'\npath = '${list}'`
    const env = {
      AQUATIC_WS_NETWORK_USE_TLS: 'true',
      AQUATIC_WS_NETWORK_TLS_CERTIFICATE_PATH: certificates.path('tls.pem'),
      AQUATIC_WS_NETWORK_TLS_PRIVATE_KEY_PATH: certificates.path('tls-key.pem'),
    }
    await withTracker(settingsFor({ more, env }), async (tracker) => {
      const wss = await at(tracker, 'WebTorrent')
      expect(await nameShown(wss)).toBe('first')
      use('second')
      tracker.signal('SIGUSR1')
      await waitUntil('the new certificate', async () => (await nameShown(wss)) === 'second')
      await tracker.waitForOutput(/access list/)
    }).finally(() => certificates.remove())
  })

  test('has one page, one set of metrics with the swarms once, and troubles by protocol', () =>
    withTracker(settingsFor({ more: "[operations]\naddress = '127.0.0.1:0'" }), (tracker) =>
      withClients(tracker, async (clients) => {
        await complete(clients)
        const url = await tracker.operationsUrl()
        const metrics = await (await fetch(`${url}metrics`)).text()
        expect(metrics).toContain('tracker_torrents{swarm="ipv4"} 1\n')
        expect(metrics).toContain('tracker_torrents{swarm="websocket"} 1\n')
        expect(metrics).toContain('tracker_peers{swarm="websocket",role="seeder"} 1\n')
        expect(metrics).toContain('tracker_trouble{trouble="udp_torrents_full"} 0\n')
        expect(metrics).toContain('tracker_trouble{trouble="ws_torrents_full"} 0\n')
        expect(metrics).toMatch(/^tracker_udp_requests_total\{/m)
        expect(metrics).toMatch(/^tracker_ws_requests_total\{/m)
        const heads = metrics.match(/^# TYPE \S+/gm) ?? []
        expect(new Set(heads).size).toBe(heads.length)
        expect(metrics).not.toMatch(/^tracker_(udp|ws)_(torrents|peers|lock_waits_total)/m)
        const page = await (await fetch(url)).text()
        for (const title of ['UDP: Requests', 'WebTorrent: Requests', 'UDP: Refused packets']) {
          expect(page).toContain(title)
        }
        expect(page.match(/<h2>Torrents/g)).toHaveLength(1)
        expect((await fetch(`${url}health`)).status).toBe(200)
      }),
    ))

  test('changes settings of each on SIGHUP, under their own names', () =>
    inFolder((folder) => {
      const file = join(folder, 'aquatic.toml')
      const write = (udp: number, ws: number, offers: number) =>
        writeFileSync(
          file,
          `${settingsFor().settings}[udp.protocol]\npeer_announce_interval = ${udp}
          [ws.protocol]\npeer_announce_interval = ${ws}\nmax_offers = ${offers}
          [limits]\nmax_torrents = 1000\nmax_peers = 1000\n[ws.limits]\nmax_connections = 900\n`,
        )
      write(900, 120, 5)
      return withTracker({ executable: ALL_EXECUTABLE, file }, (tracker) =>
        withClients(tracker, async ({ udp, ws, udpAt }) => {
          write(1000, 150, 20)
          tracker.signal('SIGHUP')
          await tracker.waitForOutput(/settings that need a restart: /)
          expect(tracker.stderr).toContain(
            'settings changed: [udp.protocol] peer_announce_interval = 1000 (it was 900), ' +
              '[ws.protocol] peer_announce_interval = 150 (it was 120)\n',
          )
          expect(tracker.stderr).toContain(
            'settings that need a restart: [ws.protocol] max_offers = 20 (it was 5)\n',
          )
          await waitUntil('both intervals', async () => {
            const overUdp = await udp.announce(udpAt, { infoHash: HASH_BYTES })
            const { interval } = await ws.ask(announce(HASH, 1))
            return overUdp.interval === 1000 && interval === 150
          })
        }),
      )
    }))

  test('answers --health-check for each protocol', async () => {
    const check = (udp: number, ws: number) =>
      runTracker({
        ...settingsFor({ ports: { udp, ws } }),
        executable: [ALL_EXECUTABLE, '--health-check', '5'],
      })
    await withTracker(settingsFor(), async (tracker) => {
      const udp = (await at(tracker, 'UDP')).port
      const ws = (await at(tracker, 'WebTorrent')).port
      expect(await check(udp, ws)).toMatchObject({ code: 0, stderr: '' })
      const failed = await check(udp, 1)
      expect(failed.code).toBe(1)
      expect(failed.stderr).toContain('unhealthy: 127.0.0.1:1: ')
    })
  })

  test.each([
    ['udp socket', 'udp socket worker 1 failed'],
    ['ws socket', 'ws socket worker 1 failed'],
  ])('ends with a worker of either, and says whose it was: %s', (fault, message) =>
    withTracker(settingsFor({ env: { _AQUATIC_TEST_FAULT: fault } }), (tracker) =>
      withClients(tracker, async ({ udp, ws, udpAt }) => {
        udp.send(connectRequest(), udpAt)
        ws.send(announce(HASH, 1))
        const { code, stderr } = await tracker.waitForEnd()
        expect([code, stderr.includes(message)]).toEqual([1, true])
      }),
    ),
  )

  test('keeps what both know over a restart, in one folder', () =>
    inFolder(async (folder) => {
      const options = settingsFor({ more: `[persistence]\npath = '${folder}'` })
      await withTracker(options, (tracker) =>
        withClients(tracker, async (clients) => {
          await complete(clients)
          tracker.signal('SIGTERM')
          expect((await tracker.waitForEnd()).code).toBe(0)
        }),
      )
      const names = ['counts', 'key', 'lock', 'snapshot'].map((suffix) => `aquatic.${suffix}`)
      expect(readdirSync(folder).sort()).toEqual(names)
      await withTracker(options, expectKept)
    }))

  test('begins with what the single trackers kept, under its own names', () =>
    inFolder(async (folder) => {
      const keeping = `[persistence]\npath = '${folder}'\n`
      const options = { settings: `${listenOn('127.0.0.1:0')}${keeping}` }
      await withTracker(options, (udpTracker) =>
        withTracker({ ...options, executable: WS_EXECUTABLE }, (wsTracker) =>
          withClient('127.0.0.1', async (udp) => {
            const ws = await WsClient.connect(wsTracker.at())
            await complete({ udp, ws, udpAt: udpTracker.at() })
            for (const tracker of [udpTracker, wsTracker]) {
              tracker.signal('SIGTERM')
              expect((await tracker.waitForEnd()).code).toBe(0)
            }
            ws.destroy()
          }),
        ),
      )
      for (const [from, to] of [
        ['aquatic_udp.snapshot', 'aquatic.snapshot'],
        ['aquatic_udp.key', 'aquatic.key'],
        ['aquatic_ws.counts', 'aquatic.counts'],
      ]) {
        copyFileSync(join(folder, from), join(folder, to))
      }
      await withTracker(settingsFor({ more: keeping }), expectKept)
    }))

  test('is taken over with both protocols, on the same ports', () =>
    inFolder((folder) => {
      const more = `[persistence]\npath = '${folder}'\ntake_over = true`
      return withTracker(settingsFor({ more }), (old) =>
        withClients(old, async (clients) => {
          await complete(clients)
          const ports = { udp: (await at(old, 'UDP')).port, ws: (await at(old, 'WebTorrent')).port }
          // Another build of it.
          await withTracker(settingsFor({ more, ports, executable: FROM_SOURCE }), async (next) => {
            expect((await old.waitForEnd()).code).toBe(0)
            await expectKept(next)
          })
        }),
      )
    }))

  test.skipIf(!isRoot)(`gives up the rights of root for both${needsRoot}`, () =>
    withTracker(settingsFor({ more: '[privileges]\ndrop_privileges = true' }), async (tracker) => {
      await withClients(tracker, complete)
      const status = readFileSync(`/proc/${tracker.pid}/status`, 'utf8')
      expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
      tracker.signal('SIGTERM')
      expect((await tracker.waitForEnd()).code).toBe(0)
    }),
  )

  test('writes statistics of each', () =>
    withTracker(settingsFor({ more: '[statistics]\ninterval = 1' }), async (tracker) => {
      await tracker.waitForOutput(/^UDP: statistics of /m)
      await tracker.waitForOutput(/^WebTorrent: statistics of /m)
    }))
})

describe('which protocols are served', () => {
  test.each([
    ['UDP', { ws: 'enabled = false' }],
    ['WebTorrent', { udp: 'enabled = false' }],
  ] as const)('%s alone', (served, lines) =>
    withTracker(settingsFor(lines), (tracker) => {
      const [line] = tracker.stderr.match(/listening on .*/) ?? []
      expect(line?.match(/UDP|WebTorrent/g)).toEqual([served])
    }),
  )

  test('none is a mistake in the settings', async () => {
    const { code, stderr } = await runTracker(
      settingsFor({ udp: 'enabled = false', ws: 'enabled = false' }),
    )
    expect(code).toBe(1)
    expect(stderr).toContain('no protocol is served: set [udp] enabled or [ws] enabled = true.')
  })

  test('one that is not makes no mistake of its settings', async () => {
    const { code } = await runTracker({
      ...settingsFor({ ws: 'enabled = false', more: '[ws.protocol]\nmax_offers = 1' }),
      executable: [ALL_EXECUTABLE, '--check'],
      env: { AQUATIC_WS_NETWORK_USE_TLS: 'true' },
    })
    expect(code).toBe(0)
  })
})

test('from its source it is the same', () =>
  withTracker({ ...settingsFor(), executable: FROM_SOURCE }, (tracker) =>
    withClients(tracker, complete),
  ))
