// [pause]: protocols and address families of a running tracker are switched off and on by SIGHUP, under load, and
// whoever is not concerned loses nothing.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLOT_COLOURS } from '../../src/plot/plot.ts'
import { readDictionary } from '../support/bencode.ts'
import { Certificates } from '../support/certificates.ts'
import { folderOfFile } from '../support/folder.ts'
import { announceTarget, askOnce, askOnceTls, HttpConnection } from '../support/http-client.ts'
import { announceRequest, connectRequest, readError } from '../support/packets.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  HTTP_EXECUTABLE,
  Tracker,
  withTracker,
} from '../support/tracker.ts'
import { UdpClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { announce as wsAnnounce } from '../ws/messages.ts'
import { at, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

/** First byte of the tracker's ping. */
const PING_HEAD = 0x89
const HASH = 'p'.repeat(20)
const HASH_BYTES = new TextEncoder().encode(HASH)
const REASON = 'Back on Monday'
const LIMITS =
  '[limits]\nmax_torrents = 1000\nmax_peers = 1000\n[http.limits]\nmax_connections = 300\n' +
  "[ws.limits]\nmax_connections = 300\n[operations]\naddress = '127.0.0.1:0'\n"

const folder = folderOfFile()
const file = join(folder, 'aquatic.toml')
let tracker: Tracker
let page = ''
/** What the tracker has said before its last change. */
let log = ''
let wsAt: Endpoint = { host: '', port: 0 }
const places = new Map<string, Endpoint>()

function write(pauses: string): void {
  const { settings } = settingsFor({ both: true, more: LIMITS })
  writeFileSync(file, `${settings}${pauses}`)
}

/** Resolves once the settings are in force in the main thread; workers have them within 0.2 seconds. */
async function change(pauses: string): Promise<void> {
  log += tracker.stderr
  tracker.stderr = ''
  write(pauses)
  tracker.signal('SIGHUP')
  await tracker.waitForOutput(/settings changed/)
}

beforeAll(async () => {
  write('')
  tracker = new Tracker({ executable: ALL_EXECUTABLE, file })
  await tracker.waitForStart()
  page = await tracker.operationsUrl()
  for (const name of ['udp', 'http'] as const) {
    places.set(`${name} IPv4`, at(tracker, name))
    places.set(`${name} IPv6`, at(tracker, name, true))
  }
  wsAt = at(tracker, 'ws')
})

afterAll(() => tracker.discard())

type Got = 'peers' | 'paused' | 'nothing'

/** What an announce gets. Over UDP `client` is from before. */
async function announce(place: string, client: UdpClient | null): Promise<Got> {
  const to = places.get(place) as Endpoint
  if (client !== null) {
    const { packet } = await client.request(connectRequest(), to)
    if (packet.readUInt32BE(0) === 3) return gotOf(readError(packet).text, 'Paused')
    const id = packet.subarray(8, 16)
    const answer = (await client.request(announceRequest(id, { infoHash: HASH_BYTES }), to)).packet
    return answer.readUInt32BE(0) === 3 ? gotOf(readError(answer).text, REASON) : 'peers'
  }
  const connection = await HttpConnection.open(to)
  try {
    const { body } = await connection.ask(announceTarget({ infoHash: HASH }), '')
    const reason = readDictionary(body)['failure reason']
    return reason === undefined ? 'peers' : gotOf(String(reason), REASON)
  } catch {
    return 'nothing'
  } finally {
    connection.close()
  }
}

function gotOf(text: string, expected: string): Got {
  expect(text).toBe(expected)
  return 'paused'
}

/** A client that announces again and again, and counts what it gets. */
class Announcer {
  readonly counts: Record<Got, number> = { peers: 0, paused: 0, nothing: 0 }
  private readonly place: string
  private client: UdpClient | null = null
  private isEnding = false
  private work: Promise<void> = Promise.resolve()

  constructor(place: string) {
    this.place = place
  }

  async start(): Promise<void> {
    const host = this.place.endsWith('IPv6') ? '::1' : '127.0.0.1'
    if (this.place.startsWith('udp')) this.client = await UdpClient.open(host)
    this.work = this.run()
  }

  get resent(): number {
    return this.client?.resent ?? 0
  }

  async stop(): Promise<void> {
    this.isEnding = true
    await this.work
    this.client?.close()
  }

  private async run(): Promise<void> {
    while (!this.isEnding) this.counts[await announce(this.place, this.client)]++
  }
}

const SECTIONS = {
  'udp IPv4': '[udp.pause]\nipv4',
  'udp IPv6': '[udp.pause]\nipv6',
  'http IPv4': '[http.pause]\nipv4',
  'http IPv6': '[http.pause]\nipv6',
} as const

describe.each(Object.entries(SECTIONS))('a pause of %s with failure', (paused, setting) => {
  test('under load refuses its requests and no other, until it ends', async () => {
    const announcers = new Map<string, Announcer>()
    for (const place of places.keys()) announcers.set(place, new Announcer(place))
    for (const announcer of announcers.values()) await announcer.start()
    const own = announcers.get(paused) as Announcer
    const grows = (got: Got) => {
      const before = own.counts[got]
      return waitUntil(`${got} over ${paused}`, () => own.counts[got] > before + 20)
    }
    await grows('peers')
    for (let round = 0; round < 3; round++) {
      await change(`${setting} = 'failure'\nreason = '${REASON}'\n`)
      await grows('paused')
      await change('')
      await grows('peers')
    }
    for (const announcer of announcers.values()) await announcer.stop()
    for (const [place, { counts, resent }] of announcers) {
      expect([place, counts.nothing, resent]).toEqual([place, 0, 0])
      expect(counts.peers).toBeGreaterThan(0)
      if (place !== paused) expect(counts.paused).toBe(0)
    }
  })
})

async function stats() {
  return (await (await fetch(`${page}stats.json`)).json()) as {
    state: string
    troubles: { name: string; text: string }[]
    metrics: Record<string, { samples: { labels: Record<string, string>; value: number }[] }>
  }
}

async function pausedCount(protocol: string, version: string): Promise<number> {
  const { metrics } = await stats()
  const { samples } = metrics[`tracker_${protocol}_rejected_total`]
  const found = samples.find(
    ({ labels }) => labels.reason === 'paused' && labels.ip_version === version,
  )
  return found?.value ?? Number.NaN
}

test('silence over UDP is complete, and the other family and protocol do not notice', async () => {
  const to = places.get('udp IPv4') as Endpoint
  const before = await pausedCount('udp', '4')
  let heard = 0
  const socket = await Bun.udpSocket({
    hostname: '127.0.0.1',
    socket: {
      data: () => {
        heard++
      },
    },
  })
  await change("[udp.pause]\nipv4 = 'silent'\n")
  const client = await UdpClient.open('::1')
  await waitUntil('silence is counted', async () => {
    socket.send(connectRequest(1), to.port, to.host)
    return (await pausedCount('udp', '4')) > before
  })
  heard = 0
  const counted = await pausedCount('udp', '4')
  for (let i = 0; i < 10; i++) {
    socket.send(announceRequest(Buffer.alloc(8)), to.port, to.host)
    socket.send(connectRequest(i), to.port, to.host)
  }
  await waitUntil('all are counted', async () => (await pausedCount('udp', '4')) >= counted + 20)
  expect(await announce('udp IPv6', client)).toBe('peers')
  expect(await announce('http IPv4', null)).toBe('peers')
  expect(heard).toBe(0)
  client.close()
  socket.close()
})

test('silence over HTTP closes without an answer, and pages are served', async () => {
  await change("[http.pause]\nipv4 = 'silent'\n")
  await waitUntil('silence', async () => (await announce('http IPv4', null)) === 'nothing')
  expect((await askOnce(places.get('http IPv4') as Endpoint, '/health')).status).toBe(200)
  expect(await announce('http IPv6', null)).toBe('peers')
})

test('a pause is a trouble on the page, in statistics and metrics, and in the log', async () => {
  // It serves no https, so that pause is none.
  await change("[udp.pause]\nipv6 = 'failure'\n[http.pause]\nipv4 = 'silent'\nhttps = 'failure'\n")
  await waitUntil('both are troubles', async () => (await stats()).troubles.length === 2)
  const { state, troubles } = await stats()
  expect(state).toBe('attention')
  expect(troubles.map(({ name, text }) => [name, text]).sort()).toEqual([
    ['http_paused', "HTTP: Requests are not served: [http.pause] ipv4 = 'silent'."],
    ['udp_paused', "UDP: Requests are not served: [udp.pause] ipv6 = 'failure'."],
  ])
  const texts = await Promise.all(
    ['', 'metrics'].map(async (path) => (await fetch(page + path)).text()),
  )
  // Of all protocols' charts none has more lines than there are colours.
  expect(texts[0]).toContain(`<li class="s${PLOT_COLOURS}">`)
  expect(texts[0]).not.toContain(`<li class="s${PLOT_COLOURS + 1}">`)
  const has = [/data-trouble="udp_paused"/, /trouble.*udp_paused.* 1\n/].map((each, i) =>
    each.test(texts[i]),
  )
  expect(has).toEqual([true, true])
  // Within a minute, each kind of trouble is told once.
  const line = /trouble: attention: (UDP|HTTP): Requests are not served/
  await waitUntil('the log has it', () => line.test(log + tracker.stderr))
  expect(tracker.stderr).toContain("[udp.pause] ipv6 = 'failure' (it was 'no')")
  await change('')
  await waitUntil('no trouble', async () => (await stats()).troubles.length === 0)
})

test.each(['failure', 'silent'])(
  'a health check of a tracker paused as %s is good',
  async (level) => {
    const ports = ['udp', 'http'].map((name) => (places.get(`${name} IPv4`) as Endpoint).port)
    const pauses = ['udp', 'http'].map(
      (name) => `[${name}.pause]\nipv4 = '${level}'\nipv6 = '${level}'\n`,
    )
    await change(pauses.join(''))
    const [udp, http] = ports
    const { settings = '' } = settingsFor({ ports: { udp, http, ws: 0 }, more: LIMITS })
    const own = join(folder, 'check.toml')
    writeFileSync(own, settings.replace('[ws]\n', '[ws]\nenabled = false\n') + pauses.join(''))
    const child = Bun.spawnSync([ALL_EXECUTABLE, '-c', own, '--health-check', '5'])
    expect([child.exitCode, child.stderr.toString()]).toEqual([0, ''])
    await change('')
  },
)

describe('a pause of WebTorrent', () => {
  const ask = async (client: WsClient, message: object) => {
    const answer = await client.ask(message)
    return answer['failure reason'] ?? Object.keys(answer).find((key) => key === 'complete')
  }
  const scrape = { action: 'scrape', info_hash: HASH }

  test('refuses announces and scrapes on connections that stay, and lets peers leave', async () => {
    const client = await WsClient.connect(wsAt)
    expect(await ask(client, wsAnnounce(HASH, 1))).toBe('complete')
    await change(`[ws.pause]\nipv4 = 'failure'\nreason = 'A "quoted" \\ reason'\n`)
    const reason = 'A "quoted" \\ reason'
    await waitUntil('the pause', async () => (await ask(client, wsAnnounce(HASH, 1))) === reason)
    expect(await ask(client, scrape)).toBe(reason)
    expect(await ask(client, { ...wsAnnounce(HASH, 1), event: 'stopped' })).toBe('complete')
    const late = await WsClient.connect(wsAt)
    expect(await ask(late, wsAnnounce(HASH, 2))).toBe(reason)
    await change('')
    await waitUntil('its end', async () => (await ask(late, wsAnnounce(HASH, 2))) === 'complete')
    for (const each of [client, late]) each.destroy()
  })

  test('as silent says nothing, and counts', async () => {
    const client = await WsClient.connect(wsAt)
    await change("[ws.pause]\nipv4 = 'silent'\n")
    const counted = async () => {
      const { samples } = (await stats()).metrics.tracker_ws_rejected_total
      return samples.find(({ labels }) => labels.reason === 'paused')?.value ?? Number.NaN
    }
    const before = await counted()
    await waitUntil('silence', async () => {
      client.send(wsAnnounce(HASH, 3))
      return (await counted()) > before
    })
    const frames: string[] = []
    client.onFrame = (first, payload) => {
      // Pings go on: the connection stays.
      if (first !== PING_HEAD) frames.push(`${first} ${payload}`)
    }
    const now = await counted()
    for (let i = 0; i < 5; i++) client.send(wsAnnounce(HASH, 3))
    await waitUntil('all are counted', async () => (await counted()) >= now + 5)
    expect(frames).toEqual([])
    expect(await announce('http IPv4', null)).toBe('peers')
    client.destroy()
    await change('')
  })
})

test('a tracker that is paused when it starts serves nobody', async () => {
  const pauses = ['udp', 'http', 'ws'].map((name) => `[${name}.pause]\nipv4 = 'failure'\n`).join('')
  await withTracker(settingsFor({ more: pauses }), async (other) => {
    const udp = await UdpClient.open()
    const { packet } = await udp.request(connectRequest(), at(other, 'udp'))
    expect(readError(packet).text).toBe('Paused')
    udp.close()
    const overHttp = await askOnce(at(other, 'http'), announceTarget({ infoHash: HASH }))
    expect(readDictionary(overHttp.body)).toHaveProperty('retry in', 60)
    const ws = await WsClient.connect(at(other, 'ws'))
    expect(await ws.ask(wsAnnounce(HASH, 1))).toHaveProperty('failure reason')
    ws.destroy()
  })
})

describe('https and http of one tracker', () => {
  const certificates = new Certificates()
  beforeAll(() => certificates.make('ec', 'ec'))
  afterAll(() => certificates.remove())

  test('are paused one by one, without a restart', async () => {
    const own = join(folder, 'http.toml')
    const writeOwn = (pause: string) =>
      writeFileSync(
        own,
        `[network]\naddress = '127.0.0.1:0'\nplain_address = '127.0.0.1:0'\nuse_tls = true\n` +
          `tls_certificate_path = '${certificates.path('ec.pem')}'\n` +
          `tls_private_key_path = '${certificates.path('ec-key.pem')}'\n${pause}` +
          '[limits]\nmax_torrents = 1000\nmax_peers = 1000\nmax_connections = 300\n',
      )
    writeOwn('')
    const both = new Tracker({ executable: HTTP_EXECUTABLE, file: own })
    try {
      await both.waitForStart()
      const [secure, plain] = [both.at(undefined, 0), both.at(undefined, 1)]
      const target = announceTarget({ infoHash: HASH })
      const isPaused = async () => {
        const overHttps = readDictionary((await askOnceTls(secure, target)).body)
        const overHttp = readDictionary((await askOnce(plain, target)).body)
        return [overHttps, overHttp].map((answer) => Object.hasOwn(answer, 'failure reason'))
      }
      expect(await isPaused()).toEqual([false, false])
      for (const [pause, expected] of [
        ["https = 'failure'", [true, false]],
        ["http = 'failure'", [false, true]],
        ["ipv4 = 'failure'", [true, true]],
        ["ipv6 = 'failure'", [false, false]],
      ] as const) {
        writeOwn(`[pause]\n${pause}\n`)
        both.signal('SIGHUP')
        await waitUntil(pause, async () => (await isPaused()).join() === expected.join())
      }
    } finally {
      await both.discard()
    }
  })
})
