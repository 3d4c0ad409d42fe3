// [statistics] peer_clients of aquatic_udp: who is counted, in every way that workers run.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Census, fromSample, sampleClients } from '../../src/census/census.ts'
import { clientsFigures } from '../../src/census/view.ts'
import { clockSeconds, readClock } from '../../src/os/clock.ts'
import { announceRequest, infoHash, STOPPED } from '../support/packets.ts'
import { TWO_STATISTICS } from '../support/statistics.ts'
import { listenOn, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { UdpHarness } from './harness.ts'

setDefaultTimeout(180_000)

const QB = Buffer.from('-qB4650-abcdefghijkl')
const TR = Buffer.from('-TR4050-abcdefghijkl')

function counting(requestWorkers: number, maxPeers = 1000) {
  readClock()
  const { sample: clients, reader } = sampleClients(1200)
  const census = new Census(fromSample(reader))
  const harness = new UdpHarness({ requestWorkers, maxPeers, clients, now: clockSeconds() })
  const counted = async () => {
    await census.run()
    return clientsFigures(census.result)
  }
  return { harness, counted }
}

describe.each([0, 1, 3])('with %d request workers', (workers) => {
  test('peers of both families and of many torrents are counted by client', async () => {
    const { harness, counted } = counting(workers)
    for (let torrent = 0; torrent < 20; torrent++) {
      const fields = { infoHash: infoHash(torrent) }
      harness.announce('10.0.0.1', { ...fields, peerId: QB })
      harness.announce('10.0.0.1', { ...fields, peerId: QB })
      harness.announce('10.0.0.2', { ...fields, peerId: TR })
      harness.announce('2001:db8::1', { ...fields, peerId: QB })
    }
    expect(await counted()).toEqual({ qBittorrent: 40, Transmission: 20 })
    harness.announce('10.0.0.2', { infoHash: infoHash(3), peerId: TR, event: STOPPED })
    harness.announce('2001:db8::1', { infoHash: infoHash(3), peerId: QB, event: STOPPED })
    expect(await counted()).toEqual({ qBittorrent: 39, Transmission: 19 })
  })

  test('refused peers are not counted', async () => {
    const { harness, counted } = counting(workers, 2)
    for (let port = 1; port <= 2; port++) harness.announce('10.0.0.1', { peerId: QB, port })
    const request = announceRequest(harness.connect('10.0.0.1'), { peerId: TR, port: 3 })
    const refused = harness.send(request, '10.0.0.1')
    expect(String(refused)).toContain('Tracker is full')
    expect(await counted()).toEqual({ qBittorrent: 2 })
  })
})

const SETTINGS =
  "[operations]\naddress = '127.0.0.1:0'\n[statistics]\ninterval = 1\npeer_clients = true\n"

test.each([
  [1, 0],
  [2, 0],
  [2, 2],
])(
  'a tracker with %d socket and %d request workers tells of clients in all its figures',
  (sockets, requests) => {
    const workers = `socket_workers = ${sockets}\nrequest_workers = ${requests}\n`
    const settings = workers + listenOn('127.0.0.1:0') + SETTINGS
    return withTracker({ settings }, async (tracker) => {
      for (let client = 0; client < 4; client++) {
        await withClient('127.0.0.1', async (socket) => {
          for (let torrent = 0; torrent < 5; torrent++) {
            const peerId = client === 3 ? TR : QB
            const fields = { infoHash: infoHash(torrent), port: client + 1, peerId }
            await socket.announce(tracker.at(), fields)
          }
        })
      }
      const [, url] = await tracker.waitForOutput(/operations at (\S+)\n/)
      const text = async (path: string) => (await fetch(url + path)).text()
      const metric = 'tracker_udp_peers_by_client'
      await waitUntil('they have been counted', async () => {
        const metrics = await text('metrics')
        return (
          metrics.includes(`${metric}{client="qBittorrent",version="4.6"} 15\n`) &&
          metrics.includes(`${metric}{client="Transmission",version="4.0"} 5\n`)
        )
      })
      await tracker.waitForOutput(/^clients: qBittorrent 75\.0 %, Transmission 25\.0 %$/m)
      await waitUntil('a tick of the page has seen it', async () => {
        return (await text('stats.json')).includes('"client": "Transmission"')
      })
      expect(await text('')).toContain(`data-breakdown="${metric}/qBittorrent" data-value="15"`)
    })
  },
)

test('without the setting clients are not reported', () =>
  withTracker(
    { settings: listenOn('127.0.0.1:0') + SETTINGS.replace('true', 'false') },
    async (tracker) => {
      await withClient('127.0.0.1', (client) => client.announce(tracker.at(), { peerId: QB }))
      await tracker.waitForOutput(TWO_STATISTICS)
      expect(tracker.stderr).not.toContain('clients:')
      const [, url] = await tracker.waitForOutput(/operations at (\S+)\n/)
      expect(await (await fetch(`${url}metrics`)).text()).not.toContain('by_client')
      expect(await (await fetch(url)).text()).not.toContain('Clients')
    },
  ))
