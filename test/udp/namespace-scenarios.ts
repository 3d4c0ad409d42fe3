// Scenarios that listen, source-limits and ban-log.test.ts run in a network namespace. Prints «good», or fails.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  announceRequest,
  connectRequest,
  infoHash,
  readConnect,
  readScrape,
  scrapeRequest,
} from '../support/packets.ts'
import { RawSocket } from '../support/raw-socket.ts'
import { STATISTICS, totalIn } from '../support/statistics.ts'
import { listenOn, runTracker, type Tracker, withTracker } from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

/** An address that is no loopback address, which the test has given to the namespace. */
const HERE = '5.6.7.1'

const scenarios: Record<string, () => Promise<void>> = {
  'many-ipv6-addresses': manyIPv6Addresses,
  'no-ipv6': noIPv6,
  'bad-sources': badSources,
  fragments,
  'other-source-limits': otherSourceLimits,
  'ban-lines': banLines,
  'peers-per-torrent': peersPerTorrent,
}

async function manyIPv6Addresses(): Promise<void> {
  const hosts = Array.from({ length: 9 }, (_, i) => `fd00::${i + 1}`)
  for (const address of ['0.0.0.0:0', '[::]:0']) {
    await withTracker({ settings: listenOn(address) }, (tracker) =>
      withClient('fd00::3', async (client) => {
        for (const host of hosts) {
          const to = tracker.at(host)
          const connect = await client.request(connectRequest(), to)
          const { connectionId } = readConnect(connect.packet)
          const announce = await client.request(announceRequest(connectionId), to)
          for (const answer of [connect, announce]) {
            deepStrictEqual({ host: answer.host, port: answer.port }, to)
          }
        }
      }),
    )
  }
}

async function noIPv6(): Promise<void> {
  for (const address of ['0.0.0.0:0', '[::]:0']) {
    await withTracker({ settings: listenOn(address) }, (tracker) =>
      withClient('127.0.0.1', async (client) => {
        await client.announce(tracker.at('127.0.0.1'), { port: 1001 })
        const { peers } = await client.announce(tracker.at('127.0.0.1'), { port: 1002 })
        deepStrictEqual(peers, ['127.0.0.1:1001'])
      }),
    )
  }
  const explicit = `${listenOn('127.0.0.1:0')}address_ipv6 = '[::1]:0'\n`
  const { code, stderr } = await runTracker({ settings: explicit })
  deepStrictEqual(code, 1)
  match(stderr, /cannot listen on \[::1\]:0: the address is not one of this machine/)
}

/** The longest requests, on a link that takes 1,280 bytes at a time: answers that it takes whole, and larger ones. */
async function fragments(): Promise<void> {
  await longestScrapes('', 103, 102, true)
  await longestScrapes('[protocol]\nmax_response_bytes = 1472\n', 122, 102, false)
}

async function longestScrapes(
  settings: string,
  ipv4: number,
  ipv6: number,
  isWhole: boolean,
): Promise<void> {
  await withTracker({ settings: listenOn('0.0.0.0:0') + settings }, async (tracker) => {
    for (const [host, most] of [
      ['127.0.0.1', ipv4],
      ['::1', ipv6],
    ] as const) {
      const cutBefore = packetsCut()
      await withClient(host, async (client) => {
        const to = tracker.at(host)
        await client.announce(to, { infoHash: infoHash(most - 1), left: 0n })
        const hashes = Array.from({ length: 255 }, (_, i) => infoHash(i))
        const request = scrapeRequest(await client.connect(to), hashes)
        deepStrictEqual(request.length, 5116)
        const { entries } = readScrape((await client.request(request, to)).packet)
        deepStrictEqual(entries.length, most)
        deepStrictEqual(entries.at(-1), { seeders: 1, completed: 0, leechers: 0 })
      })
      // The request is cut in any case, on its one way.
      const cut = packetsCut() - cutBefore
      if (host === '127.0.0.1') deepStrictEqual(cut, isWhole ? 1 : 2)
    }
  })
}

/** IPv4 packets that this namespace had to send in fragments. */
function packetsCut(): number {
  const lines = readFileSync('/proc/net/snmp', 'utf8').split('\n')
  const [names, values] = lines.filter((line) => line.startsWith('Ip:')).map((l) => l.split(' '))
  return Number(values[names.indexOf('FragOKs')])
}

/** Good requests among others that cannot be answered, repeatedly. */
async function badSources(): Promise<void> {
  const raw = new RawSocket()
  const settings = listenOn('127.0.0.1:0') + STATISTICS
  await withTracker({ settings }, (tracker) =>
    withClient('127.0.0.1', async (client) => {
      const { port } = tracker.at()
      const connect = connectRequest()
      for (let i = 0; i < 200; i++) {
        raw.send(connect, { host: '127.0.0.1', port: 0 }, { host: '127.0.0.1', port })
        // No route leads there from this namespace.
        raw.send(connect, { host: '203.0.113.5', port: 6881 }, { host: '127.0.0.1', port })
        raw.send(connect, { host: '255.255.255.255', port: 6881 }, { host: '127.0.0.1', port })
        await client.request(connectRequest(), tracker.at())
      }
      // A machine under load may lose some by itself.
      ok(client.resent < 10, `${client.resent} of 200 requests had to be repeated`)
      // Rates are rounded: a line may be off by half a packet per second.
      await waitUntil('the statistics tell of all that could not be answered', () => {
        const [noPort, noRoute] = ['rejected_source_port', 'send_failures']
        return totalIn(tracker.stderr, noPort) > 190 && totalIn(tracker.stderr, noRoute) > 380
      })
    }),
  )
}

/** SIGHUP with other limits, in force in all workers. Not over loopback, which has none. */
async function otherSourceLimits(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-limits-'))
  const file = join(folder, 'settings.toml')
  const write = (requestsPerSecond: number) => {
    const limits = `[source_limits]\nrequests_per_second = ${requestsPerSecond}\nban_seconds = 0\n`
    writeFileSync(file, `log_level = 'warn'\nsocket_workers = 3\n${listenOn(`${HERE}:0`)}${limits}`)
  }
  write(0)
  await withTracker({ file }, async (tracker) => {
    const clients = await Promise.all(Array.from({ length: 24 }, () => UdpClient.open(HERE)))
    const ids = await Promise.all(clients.map((client) => client.connect(tracker.at())))
    const silent = async () => {
      const packets = ids.map((id) => announceRequest(id))
      const asked = clients.map((client, i) => client.isSilent(packets[i], tracker.at()))
      return (await Promise.all(asked)).filter((isSilent) => isSilent).length
    }
    deepStrictEqual(await silent(), 0)
    write(1)
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(
      /settings changed: \[source_limits\] requests_per_second = 1 \(it was 0\)/,
    )
    // One per second may pass, of all workers together.
    await waitUntil('no worker answers that address', async () => (await silent()) >= 22)
    write(0)
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(/requests_per_second = 0 \(it was 1\)/)
    await waitUntil('all workers answer it again', async () => (await silent()) === 0)
    for (const client of clients) client.close()
  })
  rmSync(folder, { recursive: true, force: true })
}

/** By SIGHUP for all workers, of either kind, and for what a snapshot brings back. */
async function peersPerTorrent(): Promise<void> {
  for (const requestWorkers of [0, 2]) {
    const folder = mkdtempSync(join(tmpdir(), 'aquatic-limits-'))
    const file = join(folder, 'settings.toml')
    const write = (most: number) => {
      const head = `log_level = 'warn'\nsocket_workers = 2\nrequest_workers = ${requestWorkers}\n`
      const limits = `[source_limits]\npeers_per_torrent = ${most}\n`
      const kept = `[persistence]\npath = '${join(folder, 'state')}'\n`
      writeFileSync(file, `${head}${listenOn(`${HERE}:0`)}${limits}${kept}`)
    }
    const leechersAfter = async (tracker: Tracker, client: UdpClient, ports: number) => {
      for (let port = 1; port <= ports; port++) await client.announce(tracker.at(), { port })
      return (await client.scrape(tracker.at(), infoHash(1))).leechers
    }
    const stages: [number, (tracker: Tracker, client: UdpClient) => Promise<void>][] = [
      [
        3,
        async (tracker, client) => {
          deepStrictEqual(await leechersAfter(tracker, client, 10), 3)
          write(7)
          tracker.signal('SIGHUP')
          await tracker.waitForOutput(/peers_per_torrent = 7 \(it was 3\)/)
          deepStrictEqual(await leechersAfter(tracker, client, 10), 7)
          tracker.signal('SIGTERM')
          deepStrictEqual((await tracker.waitForEnd()).code, 0)
        },
      ],
      [5, async (tracker, client) => deepStrictEqual(await leechersAfter(tracker, client, 0), 5)],
    ]
    for (const [most, use] of stages) {
      write(most)
      await withTracker({ file }, (tracker) => withClient(HERE, (client) => use(tracker, client)))
    }
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the log says of a banned client, by format and form of its address. */
async function banLines(): Promise<void> {
  const client = '5.6.7.77'
  const forms = { plain: client, hashed: 'client [0-9a-f]{16}', off: 'a client' }
  for (const [i, [form, name]] of Object.entries(forms).entries()) {
    const requestWorkers = i % 2
    const settings =
      `log_level = 'info'\nlog_format = '${i === 0 ? 'text' : 'json'}'\nlog_addresses = '${form}'\n` +
      `request_workers = ${requestWorkers}\n${listenOn(`${HERE}:0`)}` +
      '[source_limits]\nrequests_per_second = 1\nban_seconds = 30\n'
    await withTracker({ settings }, (tracker) =>
      withClient(client, async (banned) => {
        const id = await banned.connect(tracker.at())
        const packets = Array.from({ length: 60 }, () => announceRequest(id))
        banned.sendMany(packets, tracker.at())
        const text = `banned for 30 s: ${name} goes on beyond \\[source_limits\\] requests_per_second = 1`
        const line =
          i === 0 ? ` info  udp: ${text}\\n` : `"level":"info","part":"udp","message":"${text}"`
        await tracker.waitForOutput(new RegExp(line))
        deepStrictEqual(tracker.stderr.includes(client), form === 'plain')
      }),
    )
  }
}

await scenarios[process.argv[2]]()
console.log('good')
