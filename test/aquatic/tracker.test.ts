// The tracker of all protocols as its users run it: each protocol is served, and what is the process's is there
// once: access list, operations, persistence, reload, stop.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Certificates, nameShown } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'
import { askOnce } from '../support/http-client.ts'
import { connectRequest } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  listenOn,
  runTracker,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'
import {
  announceOverHttp,
  at,
  type Clients,
  NAMES,
  type Options,
  overHttp,
  type ProtocolName,
  portsOf,
  settingsFor,
  TITLES,
  withClients,
} from './harness.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const FROM_SOURCE = [process.execPath, join(import.meta.dir, '../../bin/aquatic.ts')]

/** The same torrent as UDP and as WebTorrent have it. */
const HASH = 'aquatic-torrent-0001'
const HASH_BYTES = new TextEncoder().encode(HASH)
const OTHER = 'aquatic-torrent-0002'
const OTHER_BYTES = new TextEncoder().encode(OTHER)

/** A download of one torrent by each kind of peer; where there is HTTP, one ends it there. */
async function complete({ udp, ws, udpAt, httpAt }: Omit<Clients, 'httpAt'> & Partial<Clients>) {
  await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1001, left: 1n })
  if (httpAt === undefined) {
    await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1001, left: 0n, event: 1 })
  } else {
    await announceOverHttp(httpAt, { infoHash: HASH, port: 1001, left: 0, event: 'completed' })
  }
  await ws.ask(announce(HASH, 1, { event: 'started' }))
  await ws.ask(announce(HASH, 1, { event: 'completed', left: 0 }))
}

async function expectKept(tracker: Tracker): Promise<void> {
  await withClients(tracker, async ({ udp, ws, udpAt, httpAt }) => {
    const kept = await udp.scrape(udpAt, HASH_BYTES)
    expect([kept.seeders, kept.leechers, kept.completed]).toEqual([1, 0, 1])
    const { files: overTcp } = await overHttp(httpAt, `/scrape?info_hash=${HASH}`)
    expect(overTcp).toEqual({ [HASH]: { complete: 1, downloaded: 1, incomplete: 0 } })
    await ws.ask(announce(HASH, 2))
    const { files } = await ws.ask({ action: 'scrape', info_hash: HASH })
    expect(files?.[HASH].downloaded).toBe(1)
  })
}

describe('a tracker of UDP, HTTP and WebTorrent', () => {
  test('serves all, each with its swarms, and says where', () =>
    withTracker(settingsFor(), (tracker) =>
      withClients(tracker, async (clients) => {
        const { udp, ws, udpAt } = clients
        await complete(clients)
        const answer = await udp.announce(udpAt, { infoHash: HASH_BYTES, port: 1002, left: 1n })
        expect(answer.peers.length).toBe(1)
        const { complete: seeders, incomplete } = await ws.ask(announce(HASH, 1, { left: 0 }))
        expect([seeders, incomplete]).toEqual([1, 0])
        expect(tracker.stderr).toMatch(
          /^aquatic \S+ listening on UDP: 127\.0\.0\.1:\d+ \(1 socket worker\), HTTP: 127\.0\.0\.1:\d+ \(1 socket worker\), WebTorrent: 127\.0\.0\.1:\d+ \(ws, 1 socket worker\)$/m,
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
        withClients(tracker, async ({ udp, ws, udpAt, httpAt }) => {
          const isServed = async (hash: string, bytes: Uint8Array) => {
            const overUdp = await udp.announce(udpAt, { infoHash: bytes, left: 1n }).then(
              () => true,
              () => false,
            )
            const reply = await ws.ask(announce(hash, 1))
            const answer = await announceOverHttp(httpAt, { infoHash: hash })
            return [overUdp, ...[reply, answer].map((each) => !('failure reason' in each))]
          }
          expect(await isServed(HASH, HASH_BYTES)).toEqual([true, true, true])
          expect(await isServed(OTHER, OTHER_BYTES)).toEqual([false, false, false])
          allow(OTHER)
          tracker.signal('SIGUSR1')
          await waitUntil('the other list', async () => {
            return (await isServed(OTHER, OTHER_BYTES)).every((serves) => serves)
          })
          expect(await isServed(HASH, HASH_BYTES)).toEqual([false, false, false])
        }),
      )
    }))

  test('serves https and wss, and takes new certificates on the signal that reads the access list again', async () => {
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
    const env = Object.fromEntries(
      ['HTTP', 'WS'].flatMap((name) => [
        [`AQUATIC_${name}_NETWORK_USE_TLS`, 'true'],
        [`AQUATIC_${name}_NETWORK_TLS_CERTIFICATE_PATH`, certificates.path('tls.pem')],
        [`AQUATIC_${name}_NETWORK_TLS_PRIVATE_KEY_PATH`, certificates.path('tls-key.pem')],
      ]),
    )
    await withTracker(settingsFor({ more, env }), async (tracker) => {
      const ends = [at(tracker, 'http'), at(tracker, 'ws')]
      const shown = () => Promise.all(ends.map(nameShown))
      expect(await shown()).toEqual(['first', 'first'])
      use('second')
      tracker.signal('SIGUSR1')
      await waitUntil('the new certificate', async () => {
        return (await shown()).every((name) => name === 'second')
      })
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
        for (const name of NAMES) {
          expect(metrics).toContain(`tracker_trouble{trouble="${name}_torrents_full"} 0\n`)
          expect(metrics).toMatch(new RegExp(`^tracker_${name}_requests_total\\{`, 'm'))
        }
        expect(metrics).toContain('tracker_trouble{trouble="http_connections_full"} 0\n')
        const heads = metrics.match(/^# TYPE \S+/gm) ?? []
        expect(new Set(heads).size).toBe(heads.length)
        expect(metrics).not.toMatch(/^tracker_(udp|http|ws)_(torrents|peers|lock_waits_total)/m)
        const page = await (await fetch(url)).text()
        for (const title of [
          ...NAMES.map((name) => `${TITLES[name]}: Requests`),
          'UDP: Refused packets',
          'HTTP: Refused requests',
        ]) {
          expect(page).toContain(title)
        }
        expect(page.match(/<h2>Torrents/g)).toHaveLength(1)
        expect((await fetch(`${url}health`)).status).toBe(200)
      }),
    ))

  test('changes settings of each on SIGHUP, under their own names', () =>
    inFolder((folder) => {
      const file = join(folder, 'aquatic.toml')
      const write = (udp: number, http: number, ws: number, offers: number) =>
        writeFileSync(
          file,
          `${settingsFor().settings}[udp.protocol]\npeer_announce_interval = ${udp}
          [http.protocol]\npeer_announce_interval = ${http}
          [ws.protocol]\npeer_announce_interval = ${ws}\nmax_offers = ${offers}
          [limits]\nmax_torrents = 1000\nmax_peers = 1000\n[http.limits]\nmax_connections = 300\n[ws.limits]\nmax_connections = 300\n`,
        )
      write(900, 1700, 120, 5)
      return withTracker({ executable: ALL_EXECUTABLE, file }, (tracker) =>
        withClients(tracker, async ({ udp, ws, udpAt, httpAt }) => {
          write(1000, 1600, 150, 20)
          tracker.signal('SIGHUP')
          await tracker.waitForOutput(/settings that need a restart: /)
          expect(tracker.stderr).toContain(
            'settings changed: [udp.protocol] peer_announce_interval = 1000 (it was 900), ' +
              '[http.protocol] peer_announce_interval = 1600 (it was 1700), ' +
              '[ws.protocol] peer_announce_interval = 150 (it was 120)\n',
          )
          expect(tracker.stderr).toContain(
            'settings that need a restart: [ws.protocol] max_offers = 20 (it was 5)\n',
          )
          await waitUntil('all intervals', async () => {
            const overUdp = await udp.announce(udpAt, { infoHash: HASH_BYTES })
            const answer = await announceOverHttp(httpAt, { infoHash: HASH })
            const { interval } = await ws.ask(announce(HASH, 1))
            return overUdp.interval === 1000 && answer.interval === 1600 && interval === 150
          })
        }),
      )
    }))

  test('answers --health-check for each protocol', async () => {
    const check = (ports: Options['ports'] & {}) =>
      runTracker({
        ...settingsFor({ ports }),
        executable: [ALL_EXECUTABLE, '--health-check', '5'],
      })
    await withTracker(settingsFor(), async (tracker) => {
      const ports = portsOf(tracker)
      expect(await check(ports)).toMatchObject({ code: 0, stderr: '' })
      for (const name of ['http', 'ws']) {
        const failed = await check({ ...ports, [name]: 1 })
        expect(failed.code).toBe(1)
        expect(failed.stderr).toContain('unhealthy: 127.0.0.1:1: ')
      }
    })
  })

  test.each([
    ['udp socket', 'udp socket worker 1 failed'],
    ['http socket', 'http socket worker 1 failed'],
    ['ws socket', 'ws socket worker 1 failed'],
  ])('ends with a worker of any, and says whose it was: %s', (fault, message) =>
    withTracker(settingsFor({ env: { _AQUATIC_TEST_FAULT: fault } }), (tracker) =>
      withClients(tracker, async ({ udp, ws, udpAt, httpAt }) => {
        udp.send(connectRequest(), udpAt)
        askOnce(httpAt, '/health').catch(() => {})
        ws.send(announce(HASH, 1))
        const { code, stderr } = await tracker.waitForEnd()
        expect([code, stderr.includes(message)]).toEqual([1, true])
      }),
    ),
  )

  test('keeps their state over a restart, in one folder', () =>
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

  test('begins with the saved state of the single trackers, under its own names', () =>
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

  test('is taken over with all protocols, on the same ports', () =>
    inFolder((folder) => {
      const more = `[persistence]\npath = '${folder}'\ntake_over = true`
      return withTracker(settingsFor({ more }), (old) =>
        withClients(old, async (clients) => {
          await complete(clients)
          const ports = portsOf(old)
          // Another build of it.
          await withTracker(settingsFor({ more, ports, executable: FROM_SOURCE }), async (next) => {
            expect((await old.waitForEnd()).code).toBe(0)
            await expectKept(next)
          })
        }),
      )
    }))

  test.skipIf(!isRoot)(`gives up the rights of root for all${needsRoot}`, () =>
    withTracker(settingsFor({ more: '[privileges]\ndrop_privileges = true' }), async (tracker) => {
      await withClients(tracker, complete)
      const status = readFileSync(`/proc/${tracker.pid}/status`, 'utf8')
      expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
      tracker.signal('SIGTERM')
      expect((await tracker.waitForEnd()).code).toBe(0)
    }),
  )
})

const OFF = 'enabled = false'

function onlyLines(served: ProtocolName): NonNullable<Options['lines']> {
  return Object.fromEntries(NAMES.flatMap((name) => (name === served ? [] : [[name, OFF]])))
}

describe('which protocols are served', () => {
  test.each(NAMES)('%s alone', (served) =>
    withTracker(settingsFor({ lines: onlyLines(served) }), async (tracker) => {
      const [line] = tracker.stderr.match(/listening on .*/) ?? []
      expect(line?.match(/UDP|HTTP|WebTorrent/g)).toEqual([TITLES[served]])
      const to = at(tracker, served)
      if (served === 'udp') await withClient('127.0.0.1', (udp) => udp.announce(to, { port: 1 }))
      else if (served === 'http') await announceOverHttp(to, { infoHash: HASH })
      else {
        const ws = await WsClient.connect(to)
        await ws.ask(announce(HASH, 1)).finally(() => ws.destroy())
      }
      tracker.signal('SIGTERM')
      expect((await tracker.waitForEnd()).code).toBe(0)
    }),
  )

  test('none is a mistake in the settings', async () => {
    const { code, stderr } = await runTracker(
      settingsFor({ lines: { udp: OFF, http: OFF, ws: OFF } }),
    )
    expect(code).toBe(1)
    expect(stderr).toContain(
      'no protocol is enabled: set [udp] enabled or [http] enabled or [ws] enabled = true.',
    )
  })

  test('one that is not makes no mistake of its settings', async () => {
    const { code } = await runTracker({
      ...settingsFor({ lines: { ws: OFF }, more: '[ws.protocol]\nmax_offers = 1' }),
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
