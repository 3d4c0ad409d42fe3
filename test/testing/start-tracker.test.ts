// A tracker in a client's test: the module aquatic/testing, and with it `aquatic --test` from its source.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startTracker, type Tracker, type TrackerOptions } from '../../testing/start-tracker.js'
import { newFolder, removeFolder } from '../support/folder.ts'
import { askOnce } from '../support/http-client.ts'
import { announceRequest, infoHash, readError } from '../support/packets.ts'
import type { Endpoint } from '../support/tracker.ts'
import { UdpClient, withClient } from '../support/udp-client.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'

setDefaultTimeout(180_000)

const ROOT = join(import.meta.dir, '../..')
const HEX = infoHash(1).toString('hex')
const TARGET = `/announce?info_hash=${HEX.replace(/../g, '%$&')}&peer_id=-XX0001-abcdefghijkl&port=7000&left=0`
const BINARY = infoHash(1).toString('latin1')
const WS_ANNOUNCE = { action: 'announce', info_hash: BINARY, peer_id: 'p'.repeat(20), left: 5 }

async function withTest(use: (tracker: Tracker) => Promise<void>, options: TrackerOptions = {}) {
  const tracker = await startTracker(options)
  try {
    await use(tracker)
  } finally {
    await tracker.stop()
  }
  expect(isRunning(tracker.pid)).toBeFalse()
}

function at(url: string | null): Endpoint {
  const { hostname, port } = new URL(url ?? 'no://url')
  return { host: hostname.replace(/[[\]]/g, ''), port: Number(port) }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

test('clients of all protocols and both families are peers and are counted', () =>
  withTest(async (tracker) => {
    const { udp, http, ws, ipv6 } = tracker
    await withClient('127.0.0.1', (client) => client.announce(at(udp), { port: 6000 }))
    // The tracker sees who asks, though a relay stands between.
    await withClient('127.0.0.7', (client) => client.announce(at(udp), { port: 6000 }))
    expect((await askOnce(at(http), TARGET)).body.toString()).toContain('8:completei0e')
    const ws1 = await WsClient.connect(at(ws))
    expect(await ws1.ask(WS_ANNOUNCE)).toMatchObject({ action: 'announce', incomplete: 1 })
    const of = (address: string, port: number, seeder: boolean) => {
      const swarm = address.includes(':') ? 'ipv6' : 'ipv4'
      return { swarm, address, port, seeder, secondsAgo: expect.any(Number) }
    }
    const wanted = [
      of('127.0.0.1', 6000, false),
      of('127.0.0.1', 7000, true),
      of('127.0.0.7', 6000, false),
    ]
    if (ipv6 !== null) {
      await withClient('::1', (client) => client.announce(at(ipv6.udp), { port: 6001 }))
      wanted.unshift(of('::1', 6001, false))
    }
    const peers = await tracker.peers(infoHash(1))
    const [byAddress, byId] = [peers.filter((p) => p.address), peers.filter((p) => p.peerId)]
    expect(
      byAddress.sort((a, b) => `${a.address} ${a.port}`.localeCompare(`${b.address} ${b.port}`)),
    ).toEqual(wanted as never)
    expect(byId).toMatchObject([{ swarm: 'websocket', peerId: '70'.repeat(20), seeder: false }])
    expect(await tracker.peers(infoHash(2))).toEqual([])
    const counters = await tracker.counters()
    expect(counters['tracker_udp_requests_total{type="announce"}']).toBe(wanted.length - 1)
    expect(counters['tracker_udp_requests_total{type="announce",ip_version="4"}']).toBe(2)
    expect(counters['tracker_http_requests_total{type="announce"}']).toBe(1)
    expect(counters['tracker_ws_requests_total{type="announce"}']).toBe(1)
    ws1.destroy()
  }))

test('a moved clock forgets peers and connection ids, and keeps live WebTorrent connections', () =>
  withTest(async (tracker) => {
    const client = await UdpClient.open()
    const ws = await WsClient.connect(at(tracker.ws))
    await ws.ask(WS_ANNOUNCE)
    const to = at(tracker.udp)
    const id = await client.connect(to)
    await client.request(announceRequest(id), to)
    await tracker.advanceClock(200)
    const [peer] = (await tracker.peers(HEX)).filter(({ swarm }) => swarm === 'ipv4')
    expect(peer.secondsAgo).toBeWithin(200, 230)
    expect(await client.isSilent(announceRequest(id, { left: 0n }), to)).toBeFalse()
    await tracker.advanceClock(400)
    expect(await client.isSilent(announceRequest(id), to)).toBeTrue()
    // Ages have 15 bits: a week would otherwise look like an hour.
    await tracker.advanceClock(604_800)
    const left = await tracker.peers(HEX)
    expect(left.map(({ swarm }) => swarm)).toEqual(['websocket'])
    expect(await ws.ask(WS_ANNOUNCE)).toMatchObject({ incomplete: 1 })
    await expect(tracker.advanceClock(-1)).rejects.toThrow('seconds must be a whole number')
    ws.destroy()
    client.close()
  }))

test('faults over UDP: an error, loss, delay, a dead socket', () =>
  withTest(
    async (tracker) => {
      const to = at(tracker.udp)
      await withClient('127.0.0.1', async (client) => {
        await tracker.faults({ udp: { error: 'try later' } })
        const id = await client.connect(to)
        const { packet } = await client.request(announceRequest(id), to)
        expect(readError(packet).text).toBe('try later')
        await tracker.faults({ udp: { loss: 1 } })
        expect(await waitFor(client.connect(to), 300)).toBeUndefined()
        await tracker.faults({ udp: { loss: 0.5 } })
        await client.connect(to)
        await tracker.faults({ udp: { delayMs: 300 } })
        const asked = performance.now()
        await client.connect(to)
        expect(performance.now() - asked).toBeGreaterThan(299)
      })
      await tracker.faults({ udp: { dead: true } })
      expect(await isRefused(to)).toBeTrue()
      await tracker.faults({})
      await withClient('127.0.0.1', (client) => client.announce(to))
    },
    { udp: true },
  ))

/** Whether the system says that nobody is there. */
async function isRefused(to: Endpoint): Promise<boolean> {
  let refused = false
  const socket = await Bun.udpSocket({
    connect: { hostname: to.host, port: to.port },
    socket: {
      data: () => {},
      error: () => {
        refused = true
      },
    },
  })
  try {
    socket.send('anybody?')
    await waitUntil('it is refused', () => refused)
  } finally {
    socket.close()
  }
  return refused
}

test('faults over HTTP, also with TLS: a failure, loss, delay, nobody there', () =>
  withTest(
    async (tracker) => {
      const { http, https, certificate } = tracker
      const ask = async (url = http) => {
        const tls = { ca: certificate }
        const { host, port } = at(url)
        const scheme = url === http ? 'http' : 'https'
        const answer = await fetch(`${scheme}://${host}:${port}${TARGET}`, {
          tls,
          keepalive: false,
        })
        return answer.text()
      }
      expect(await ask(https)).toContain('8:completei0e')
      await tracker.faults({ http: { error: 'try later' } })
      expect(await ask()).toBe('d14:failure reason9:try latere')
      expect(await ask(https)).toBe('d14:failure reason9:try latere')
      await tracker.faults({ http: { loss: 1 } })
      expect(await waitFor(ask(), 300)).toBeUndefined()
      await tracker.faults({ http: { delayMs: 300 } })
      const asked = performance.now()
      await ask()
      expect(performance.now() - asked).toBeGreaterThan(299)
      await tracker.faults({ http: { dead: true } })
      await expect(ask()).rejects.toThrow()
      await expect(ask(https)).rejects.toThrow()
      await tracker.faults({})
      expect(await ask()).toContain('8:completei')
    },
    { http: true, https: true },
  ))

test('faults over WebTorrent: a failure, loss, a connection cut off', () =>
  withTest(
    async (tracker) => {
      expect(tracker.udp).toBeNull()
      const secure = await WsClient.connect(at(tracker.wss), { tls: true })
      expect(await secure.ask(WS_ANNOUNCE)).toMatchObject({ action: 'announce' })
      const client = await WsClient.connect(at(tracker.ws))
      await tracker.faults({ ws: { error: 'try later' } })
      const failure = { action: 'announce', 'failure reason': 'try later', info_hash: BINARY }
      expect(await client.ask(WS_ANNOUNCE)).toEqual(failure as never)
      await tracker.faults({ ws: { loss: 1 } })
      client.send(WS_ANNOUNCE)
      expect(await waitFor(client.next(), 300)).toBeUndefined()
      await tracker.faults({ ws: { dead: true } })
      await expect(WsClient.connect(at(tracker.ws))).rejects.toThrow()
      await tracker.faults({})
      const again = await WsClient.connect(at(tracker.ws))
      expect(await again.ask(WS_ANNOUNCE)).toMatchObject({ action: 'announce', incomplete: 1 })
      for (const each of [secure, client, again]) each.destroy()
    },
    { ws: true, wss: true },
  ))

test('two trackers at once know nothing of each other, and settings pass through', async () => {
  const [a, b] = await Promise.all([
    startTracker({ udp: true, settings: { 'udp.protocol.peer_announce_interval': 77 } }),
    startTracker({ udp: true, settings: { udp: { protocol: { peer_announce_interval: 88 } } } }),
  ])
  try {
    await withClient('127.0.0.1', async (client) => {
      expect((await client.announce(at(a.udp))).interval).toBe(77)
      expect(await b.peers(HEX)).toEqual([])
      expect((await client.announce(at(b.udp))).interval).toBe(88)
    })
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
})

test('a wrong setting is an error that names it', async () => {
  const settings = { 'udp.protocol.peer_announce_interval': 'soon' }
  const message = /ended \(1\):\n(.|\n)*AQUATIC_UDP_PROTOCOL_PEER_ANNOUNCE_INTERVAL/
  await expect(startTracker({ settings })).rejects.toThrow(message)
  const tls = startTracker({ settings: { 'ws.network.use_tls': true } })
  await expect(tls).rejects.toThrow('ws.network')
  await expect(startTracker({ executable: '/nowhere/aquatic' })).rejects.toThrow('ENOENT')
  await expect(startTracker({ htp: true } as never)).rejects.toThrow('no option «htp»')
})

test('a tracker that ends by itself is told with what it wrote', async () => {
  const tracker = await startTracker({ udp: true })
  process.kill(tracker.pid, 'SIGKILL')
  await expect(tracker.counters()).rejects.toThrow(/ended \(SIGKILL\):\naquatic .* listening on/)
  await expect(tracker.stop()).rejects.toThrow('ended (SIGKILL)')
})

const runtimes = [
  ['node', 'node'],
  ['bun', process.execPath],
  ['deno', 'deno'],
] as const

for (const [name, path] of runtimes) {
  const found = Bun.which(path)
  const title = found === null ? `${name} (skipped: not installed)` : name
  test.skipIf(found === null)(
    `on ${title}: it ends with the process that started it, stopped, done or killed`,
    async () => {
      const folder = newFolder()
      const file = join(folder, 'test.mjs')
      const url = JSON.stringify(join(ROOT, 'testing/start-tracker.js'))
      writeFileSync(
        file,
        `import { startTracker } from ${url}
      const tracker = await startTracker({ http: true })
      const counters = await tracker.counters()
      console.log(tracker.pid, counters.tracker_http_requests_total)
      const how = process.argv[2]
      if (how === 'stop') await tracker.stop()
      if (how === 'kill') setInterval(() => {}, 1000)`,
      )
      try {
        for (const how of ['stop', 'nothing', 'kill']) {
          const args = name === 'deno' ? ['run', '-A', file, how] : [file, how]
          const child = Bun.spawn([path, ...args], { stdout: 'pipe', stderr: 'inherit' })
          const reader = child.stdout.getReader()
          const { value = new Uint8Array() } = await reader.read()
          const [, pid] = /^(\d+) 0\n$/.exec(Buffer.from(value).toString()) ?? []
          expect(pid).toBeString()
          if (how === 'kill') child.kill('SIGKILL')
          expect(await waitFor(child.exited, 60_000)).toBe(how === 'kill' ? 137 : 0)
          await waitUntil(`the tracker has ended (${how})`, () => !isRunning(Number(pid)))
        }
      } finally {
        removeFolder(folder)
      }
    },
  )
}
