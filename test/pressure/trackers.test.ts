// Trackers under pressure as their clients and operators see them: the tables fill up, and each step shows in what clients
// of each protocol are told, on the page, in the metrics and in the log. What happens over time: controller.test.ts.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceTarget, askOnce } from '../support/http-client.ts'
import { announceRequest, infoHash, readAnnounce, readError } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { UdpClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce as wsAnnounce } from '../ws/messages.ts'

setDefaultTimeout(180_000)

/** What an announce of a leecher is told. */
interface Told {
  readonly failure: string
  readonly interval: number
  /** In its swarm, the asking one not counted if it is known. */
  readonly others: number
  readonly retryMinutes?: number
}

interface Asker {
  announce(torrent: number, peer: number): Promise<Told>
  close(): void
}

async function udpAsker(at: Endpoint): Promise<Asker> {
  const client = await UdpClient.open()
  const id = await client.connect(at)
  return {
    announce: async (torrent, peer) => {
      const request = announceRequest(id, { infoHash: infoHash(torrent), port: peer })
      const { packet } = await client.request(request, at)
      if (packet.readUInt32BE(0) === 3) {
        return { failure: readError(packet).text, interval: 0, others: 0 }
      }
      const { interval, leechers } = readAnnounce(packet, 4)
      return { failure: '', interval, others: leechers }
    },
    close: () => client.close(),
  }
}

const httpAsker = async (at: Endpoint): Promise<Asker> => ({
  announce: async (torrent, peer) => {
    const hash = String(torrent).padStart(20, 'h')
    const { body } = await askOnce(at, announceTarget({ infoHash: hash, port: peer }))
    const answer = readDictionary(body)
    return {
      failure: String(answer['failure reason'] ?? ''),
      interval: Number(answer.interval),
      others: Number(answer.incomplete),
      retryMinutes: Number(answer['retry in']),
    }
  },
  close: () => {},
})

async function wsAsker(at: Endpoint): Promise<Asker> {
  const client = await WsClient.connect(at)
  return {
    announce: async (torrent, peer) => {
      const answer = await client.ask(wsAnnounce(String(torrent).padStart(20, 'h'), peer))
      return {
        failure: answer['failure reason'] ?? '',
        interval: Number(answer.interval),
        others: Number(answer.incomplete) - 1,
      }
    },
    close: () => client.destroy(),
  }
}

const LIMITS = '[limits]\nmax_torrents = 1000\nmax_peers = 40\n'
const COMMON = `[cleaning]
max_peer_age = 1000
[operations]
address = '127.0.0.1:0'
`
const PRESSURE = '[pressure]\nlarge_swarm_peers = 4\n'
const OFF = '[pressure]\nenabled = false\n'
const INTERVAL = 'peer_announce_interval = 100\n'
const single = (more = '') =>
  `[network]\naddress = '127.0.0.1:0'\n[protocol]\n${INTERVAL}${LIMITS}${more}${COMMON}`
const all =
  ['udp', 'http', 'ws']
    .map((name) => `[${name}.network]\naddress = '127.0.0.1:0'\n[${name}.protocol]\n${INTERVAL}`)
    .join('') + `${LIMITS}[ws.limits]\nmax_peer_ids_per_torrent = 100\n${COMMON}`

const TRACKERS = [
  { name: 'aquatic_udp', executable: EXECUTABLE, settings: single(), ask: udpAsker, at: 0 },
  {
    name: 'aquatic_udp, two request workers',
    executable: EXECUTABLE,
    settings: `socket_workers = 2\nrequest_workers = 2\n${single()}`,
    ask: udpAsker,
    at: 0,
  },
  { name: 'aquatic_http', executable: HTTP_EXECUTABLE, settings: single(), ask: httpAsker, at: 0 },
  {
    name: 'aquatic_ws',
    executable: WS_EXECUTABLE,
    settings: single('max_peer_ids_per_torrent = 100\n'),
    ask: wsAsker,
    at: 0,
  },
  { name: 'aquatic over UDP', executable: ALL_EXECUTABLE, settings: all, ask: udpAsker, at: 0 },
  { name: 'aquatic over HTTP', executable: ALL_EXECUTABLE, settings: all, ask: httpAsker, at: 1 },
] as const

const BIG = 1
const SMALL = 2
const OVERLOADED = 'Tracker is overloaded: no new peers in large swarms for now'

let file = ''
beforeEach(() => {
  file = join(newFolder(), 'settings.toml')
})
afterEach(() => removeFolder(join(file, '..')))

/** An endpoint of a tracker of several protocols is in the part of the start line with its title. */
function endpointOf(tracker: Tracker, index: number): Endpoint {
  const [line] = tracker.stderr.match(/listening on .*/) ?? ['']
  const ports = [...line.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
  return { host: '127.0.0.1', port: ports[index] }
}

class Site {
  readonly tracker: Tracker
  readonly asker: Asker
  private readonly url: string
  private peers = 0

  constructor(tracker: Tracker, asker: Asker, url: string) {
    this.tracker = tracker
    this.asker = asker
    this.url = url
  }

  async get(path: string): Promise<string> {
    return (await fetch(`${this.url}${path}`)).text()
  }

  /** New peers, which the torrent takes. */
  async add(torrent: number, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.peers++
      expect(await this.asker.announce(torrent, this.peers)).toMatchObject({ failure: '' })
    }
  }

  /** Until the step is in force, which workers learn in their next turn. `interval`: of a peer, then. */
  async step(step: number, interval: number, torrent = BIG, peer = 1): Promise<void> {
    await waitUntil(`step ${step}`, async () => {
      return (await this.get('metrics')).includes(`\ntracker_pressure_step ${step}\n`)
    })
    await waitUntil(`an interval of ${interval}`, async () => {
      return (await this.asker.announce(torrent, peer)).interval === interval
    })
  }
}

function withSite(served: (typeof TRACKERS)[number], use: (site: Site) => Promise<void>) {
  writeFileSync(file, served.settings + PRESSURE)
  return withTracker({ executable: served.executable, file }, async (tracker) => {
    const asker = await served.ask(endpointOf(tracker, served.at))
    try {
      await use(new Site(tracker, asker, await tracker.operationsUrl()))
    } finally {
      asker.close()
    }
  })
}

describe.each(TRACKERS)('$name', (served) => {
  test('degrades step by step, and serves as usual once that is switched off', () =>
    withSite(served, async (site) => {
      const { asker, tracker } = site
      await site.add(BIG, 28)
      await site.add(SMALL, 2)
      expect((await asker.announce(BIG, 1)).interval).toBe(100)
      await site.add(SMALL + 1, 2)
      await site.step(1, 250)
      // 80 %: halfway between the first two steps.
      expect(await asker.announce(BIG, 1)).toMatchObject({ interval: 250, others: 27 })
      expect(await asker.announce(SMALL, 29)).toMatchObject({ interval: 100, others: 1 })

      await site.add(SMALL + 1, 1)
      await site.add(BIG, 1)
      await site.step(2, 400)
      const unkept = await asker.announce(BIG, 1000)
      expect(unkept).toMatchObject({ failure: '', interval: 400 })
      expect(await asker.announce(BIG, 1)).toMatchObject({ interval: 400, others: 28 })
      await site.add(SMALL, 1)
      expect(await asker.announce(SMALL, 29)).toMatchObject({ others: 2 })

      await site.add(SMALL + 2, 3)
      await site.step(3, 400, SMALL, 29)
      const refused = await asker.announce(BIG, 1001)
      expect(refused.failure).toBe(OVERLOADED)
      if (refused.retryMinutes !== undefined) {
        expect(refused).toMatchObject({ interval: 400, retryMinutes: 7 })
      }
      expect(await asker.announce(BIG, 1)).toMatchObject({ failure: '', others: 28 })
      await site.add(SMALL + 3, 1)
      await expectShown(site)

      writeFileSync(file, served.settings + OFF)
      tracker.signal('SIGHUP')
      await site.step(0, 100)
      await waitUntil('it takes new peers of large swarms', async () => {
        return (await asker.announce(BIG, 1002)).failure === ''
      })
      expect(await asker.announce(BIG, 1)).toMatchObject({ interval: 100, others: 29 })
      await tracker.waitForOutput(/everybody is served as usual/)
    }))
})

/** Step 3 as the operator sees it. */
async function expectShown(site: Site): Promise<void> {
  const { tracker } = site
  for (const step of [1, 2, 3]) {
    await tracker.waitForOutput(new RegExp(`pressure: Pressure, step ${step} of 3: `))
  }
  const text =
    /Pressure, step 3 of 3: \d+ % of peers used\. Intervals are up to 4 times as long in large swarms, 4 in others; new peers of swarms with [1-4] or more are refused\./
  for (const line of [
    // Troubles are looked for in a second of their own.
    'tracker_trouble{trouble="pressure"} 2',
    'tracker_pressure_interval_factor{swarm="large"} 4',
    'tracker_pressure_steps_total{step="3"} 1',
    'tracker_pressure_ratio{ceiling="peers"} 0.9',
  ]) {
    await waitUntil(line, async () => (await site.get('metrics')).includes(line))
  }
  await waitUntil('the counters of refusals', async () => {
    const metrics = await site.get('metrics')
    const of = (reason: string) =>
      new RegExp(`_rejected_total\\{[^}]*reason="${reason}"[^}]*\\} 1\\n`).test(metrics)
    return of('pressure') && of('pressure_not_kept')
  })
  await waitUntil('the page shows it', async () => {
    const page = await site.get('')
    return text.test(page) && page.includes('data-trouble="pressure"')
  })
  const { state, troubles } = JSON.parse(await site.get('stats.json'))
  expect(state).toBe('bad')
  const [trouble] = troubles.filter(({ name }: { name: string }) => name === 'pressure')
  expect(trouble.text).toMatch(text)
  expect(trouble.remedy).toContain('[limits] max_peers')
  // Its metrics are those of a tick.
  await waitUntil('the step in stats.json', async () => {
    const { metrics } = JSON.parse(await site.get('stats.json'))
    return metrics.tracker_pressure_step.samples[0].value === 3
  })
}
