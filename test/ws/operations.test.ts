// What the operator of aquatic_ws gets: the endpoint, the statistics, access lists.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { listenOn, type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce, newHash, offer } from './messages.ts'

setDefaultTimeout(180_000)

const SETTINGS =
  `socket_workers = 2\nlog_level = 'info'\n${listenOn('127.0.0.1:0')}` +
  "[operations]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 1\n"

function serving(settings: string, use: (tracker: Tracker) => Promise<void>): Promise<void> {
  return withTracker({ executable: WS_EXECUTABLE, settings }, use)
}

async function withClients(
  tracker: Tracker,
  count: number,
  use: (...clients: WsClient[]) => Promise<void>,
): Promise<void> {
  const clients: WsClient[] = []
  try {
    for (let i = 0; i < count; i++) clients.push(await WsClient.connect(tracker.at()))
    await use(...clients)
  } finally {
    for (const client of clients) client.destroy()
  }
}

/** Two peers meet, one message is wrong; then the figures tell of it. */
async function useAndSee(tracker: Tracker): Promise<void> {
  const url = await tracker.operationsUrl()
  const hash = newHash()
  await withClients(tracker, 2, async (a, b) => {
    await a.ask(announce(hash, 1))
    await b.ask(announce(hash, 2, { left: 0, offers: [offer(1)] }))
    await a.ask('nonsense')
    const figures = [
      /^tracker_ws_connections\{ip_version="4"\} 2$/m,
      /^tracker_ws_requests_total\{type="announce",ip_version="4"\} 2$/m,
      /^tracker_ws_responses_total\{type="error"\} 1$/m,
      /^tracker_ws_rejected_total\{reason="json"\} 1$/m,
      /^tracker_ws_offers_sent_total 1$/m,
      /^tracker_ws_torrents 1$/m,
      /^tracker_ws_peers\{role="seeder"\} 1$/m,
      /^process_resident_memory_bytes [1-9]\d+$/m,
      /^process_open_fds [1-9]\d+$/m,
    ]
    await waitUntil('all of it is told', async () => {
      const metrics = await (await fetch(`${url}metrics`)).text()
      return figures.every((figure) => figure.test(metrics))
    })
    await tracker.waitForOutput(/now: connections 2 .* torrents 1, seeders 1, leechers 1\n/)
  })
  expect((await fetch(`${url}ready`)).status).toBe(200)
  expect((await fetch(`${url}health`)).status).toBe(200)
  expect(await (await fetch(url)).text()).toContain('Offers and answers')
}

test('a connection limit that the system lowers is told, whatever the log level', async () => {
  const settings = SETTINGS.replace("'info'", "'off'")
  const prefix = ['sh', '-c', 'ulimit -n 300; exec "$@"', 'sh']
  await withTracker({ executable: WS_EXECUTABLE, settings, prefix }, async (tracker) => {
    const said = /warning: at most (\d+) connections .*max_connections = 900: .*ulimit -n/
    const [, most] = await tracker.waitForOutput(said)
    const [, url] = await tracker.waitForOutput(/operations at (\S+)\n/)
    const metrics = await (await fetch(`${url}metrics`)).text()
    expect(metrics).toContain(`\ntracker_ws_connections_max ${most}\n`)
    await tracker.waitForOutput(new RegExp(`now: connections 0 of ${most} `))
  })
})

describe('the operations endpoint and the statistics', () => {
  test('tell what the tracker has done', () => serving(SETTINGS, useAndSee))

  test.skipIf(process.getuid?.() !== 0)('work in another root directory, as another user', () =>
    inFolder((folder) =>
      serving(
        `${SETTINGS}[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`,
        useAndSee,
      ),
    ),
  )
})

test.each([1, 2])('with %d workers, peers are counted by client until they go', (workers) => {
  const settings =
    `socket_workers = ${workers}\n${listenOn('127.0.0.1:0')}` +
    "[operations]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 1\npeer_clients = true\n"
  return serving(settings, async (tracker) => {
    const [, url] = await tracker.waitForOutput(/operations at (\S+)\n/)
    const counted = async (...wanted: string[]) => {
      await waitUntil(`${wanted} has been counted`, async () => {
        const metrics = await (await fetch(`${url}metrics`)).text()
        const rows = [...metrics.matchAll(/^tracker_ws_peers_by_client(.*)$/gm)]
        return Bun.deepEquals(
          rows.map(([, row]) => row),
          wanted,
        )
      })
    }
    const unknown = '{client="unknown",version=""} 1'
    await withClients(tracker, 3, async (a, b, c) => {
      const hash = newHash()
      await a.ask(announce(hash, 1, { peer_id: '-WW0208-abcdefghijkl' }))
      await a.ask(announce(newHash(), 1, { peer_id: '-WW0208-abcdefghijkl' }))
      await b.ask(announce(hash, 2, { peer_id: '-qB5010-abcdefghijkl' }))
      await c.ask(announce(hash, 3, { peer_id: '\u00ff\u0080\u0000defghijklmnopqrst' }))
      const both = [
        '{client="WebTorrent",version="2.8"} 2',
        '{client="qBittorrent",version="5.0"} 1',
      ]
      await counted(...both, unknown)
      await tracker.waitForOutput(
        /^clients: WebTorrent 50\.0 %, qBittorrent 25\.0 %, unknown 25\.0 %$/m,
      )
      b.destroy()
      await counted(both[0], unknown)
    })
  })
})

test('an access list is asked for announces and scrapes, and read again on SIGUSR1', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'list.txt')
    const [first, second] = [newHash(), newHash()]
    const write = (...hashes: string[]) => {
      const lines = hashes.map((hash) => `${Buffer.from(hash, 'latin1').toString('hex')}\n`)
      writeFileSync(`${path}.new`, lines.join(''))
      renameSync(`${path}.new`, path)
    }
    write(second)
    const settings =
      `socket_workers = 2\n${listenOn('127.0.0.1:0')}[cleaning]\ninterval = 1\n` +
      `[access_list]\nmode = 'deny'\npath = '${path}'\n`
    await serving(settings, (tracker) =>
      withClients(tracker, 1, async (client) => {
        const scrape = async () => {
          const { files } = await client.ask({ action: 'scrape', info_hash: [first, second] })
          return [first, second].map((hash) => files?.[hash]?.incomplete)
        }
        expect(await client.ask(announce(first, 1))).toMatchObject({ incomplete: 1 })
        const refusal = { 'failure reason': 'Info hash not allowed', info_hash: second }
        expect(await client.ask(announce(second, 1))).toMatchObject(refusal)
        expect(await scrape()).toEqual([1, 0])
        write(first)
        tracker.signal('SIGUSR1')
        await waitUntil('the new list is in force', async () => {
          return 'failure reason' in (await client.ask(announce(first, 1)))
        })
        expect(await scrape()).toEqual([0, 0])
        expect(await client.ask(announce(second, 1))).toMatchObject({ incomplete: 1 })
        expect(await scrape()).toEqual([0, 1])
      }),
    )
  }))

test('SIGHUP changes what can change, and says what needs a restart', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'settings.toml')
    const base = `log_level = 'warn'\n${listenOn('127.0.0.1:0')}[limits]\nmax_torrents = 100\nmax_peers = 1000\n`
    writeFileSync(file, base)
    await withTracker({ executable: WS_EXECUTABLE, file }, (tracker) =>
      withClients(tracker, 1, async (client) => {
        expect(await client.ask(announce(newHash(), 1))).toMatchObject({ interval: 120 })
        const changed =
          '[protocol]\npeer_announce_interval = 300\nmax_offers = 11\n[cleaning]\nmax_connection_age = 60\n'
        const limits = 'max_torrents_per_connection = 1\nmax_connections_per_ip = 2\n'
        writeFileSync(file, `${base}${limits}${changed}`)
        tracker.signal('SIGHUP')
        await tracker.waitForOutput(
          /settings changed: \[protocol\] peer_announce_interval = 300 .*max_connections_per_ip = 2 .*max_torrents_per_connection = 1/,
        )
        await tracker.waitForOutput(/settings that need a restart: \[protocol\] max_offers = 11/)
        await waitUntil('the worker has the new settings', async () => {
          const { 'failure reason': failure } = await client.ask(announce(newHash(), 1))
          return failure === 'Too many torrents on one connection'
        })
        const hash = newHash()
        await withClients(tracker, 1, async (other) => {
          expect(await other.ask(announce(hash, 2))).toMatchObject({ interval: 300 })
          const { host, port } = tracker.at()
          const third = new WebSocket(`ws://${host}:${port}`)
          await new Promise((resolve) => third.addEventListener('error', resolve))
        })
      }),
    )
  }))

test('figures tell IPv4 and IPv6 apart, also for IPv4 clients of an IPv6 socket', () =>
  serving(`${listenOn('[::]:0')}[operations]\naddress = '127.0.0.1:0'\n`, async (tracker) => {
    const url = await tracker.operationsUrl()
    const { port } = tracker.at()
    const client = await WsClient.connect({ host: '127.0.0.1', port })
    const other = await WsClient.connect({ host: '::1', port })
    const gone = await WsClient.connect({ host: '::1', port })
    const hash = newHash()
    const message = announce(hash, 1, { offers: [offer(1)] })
    await client.ask(message)
    const asked = [announce(hash, 2), { action: 'scrape', info_hash: hash }, 'nonsense']
    let [received, sent] = [0, 0]
    for (const each of asked) {
      const text = typeof each === 'string' ? each : JSON.stringify(each)
      received += Buffer.byteLength(text)
      other.send(text)
      sent += Buffer.byteLength(await other.nextText())
    }
    await gone.close()
    const figures = [
      'connections{ip_version="4"} 1',
      'connections{ip_version="6"} 1',
      'connections_opened_total{ip_version="4"} 1',
      'connections_opened_total{ip_version="6"} 2',
      'requests_total{type="announce",ip_version="4"} 1',
      'requests_total{type="announce",ip_version="6"} 1',
      'requests_total{type="scrape",ip_version="4"} 0',
      'requests_total{type="scrape",ip_version="6"} 1',
      'received_messages_total{ip_version="4"} 1',
      'received_messages_total{ip_version="6"} 3',
      `received_bytes_total{ip_version="4"} ${Buffer.byteLength(JSON.stringify(message))}`,
      `received_bytes_total{ip_version="6"} ${received}`,
      'sent_messages_total{ip_version="4"} 1',
      'sent_messages_total{ip_version="6"} 3',
      `sent_bytes_total{ip_version="6"} ${sent}`,
    ].map((figure) => `tracker_ws_${figure}`)
    let missing: string[] = []
    await waitUntil('all of it is told', async () => {
      const lines = (await (await fetch(`${url}metrics`)).text()).split('\n')
      missing = figures.filter((figure) => !lines.includes(figure))
      return missing.length === 0
    }).catch(() => expect(missing).toEqual([]))
    for (const each of [client, other]) each.destroy()
  }))
