// Two browsers of which one knows a tracker and the other another one: nodes of a cluster, with a NATS server between them.
import { describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { NATS_EXECUTABLE, WHY_NO_NATS } from '../support/nats-server.ts'
import { hostPort } from '../support/tracker.ts'
import { IPV4, Lab, type Place } from './lab.ts'
import { Tracker, WS } from './tracker.ts'
import {
  COMPLETED,
  expectSwarm,
  expectTransfer,
  makeTorrent,
  SEEDED,
  startLeecher,
  startSeeder,
  TEST_MS,
  withTracker,
} from './transfer.ts'
import { webtorrentInChromium } from './webtorrent-client.ts'

const NATS_PORT = 4222
const READY_MS = 60_000
/** As in the other tests: a connection that WebRTC loses on a busy machine is tried again with the next announce. */
const ANNOUNCE_INTERVAL_SEC = 10

async function startNats(lab: Lab): Promise<void> {
  const file = join(lab.directory, 'nats.conf')
  await Bun.write(file, `listen: "${IPV4.tracker}:${NATS_PORT}"\n`)
  const server = lab.start('nats-server', [NATS_EXECUTABLE ?? 'nats-server', '-c', file])
  await server.waitForOutput(/Server is ready/, READY_MS)
}

async function startNode(lab: Lab, node: string): Promise<Tracker> {
  const directory = join(lab.directory, node)
  await mkdir(directory)
  const place: Place = {
    directory,
    start: (name, command) => lab.start(`${name} ${node}`, command),
    trust: (path) => lab.trust(path),
  }
  const more = `[cluster]\nservers = '${IPV4.tracker}:${NATS_PORT}'\nnode = '${node}'\n`
  const settings = { announceIntervalSec: ANNOUNCE_INTERVAL_SEC, more }
  return Tracker.start(place, hostPort(IPV4.tracker, 0), WS, settings)
}

describe.skipIf(WHY_NO_NATS !== '')(`WebTorrent over two nodes${WHY_NO_NATS}`, () => {
  test(
    'a browser at one node gets the file from a browser at the other, and both nodes count it',
    async () => {
      await using lab = await Lab.open()
      await startNats(lab)
      const nodes = [await startNode(lab, 'a'), await startNode(lab, 'b')]
      const [one, other] = nodes.map((node) => node.url(IPV4.tracker))
      const torrent = await makeTorrent(lab, 'v1', one)
      await startSeeder(lab, webtorrentInChromium, torrent, IPV4)
      await expectSwarm(lab, other, torrent, SEEDED)
      await startLeecher(lab, webtorrentInChromium, await withTracker(lab, torrent, other), IPV4)
      await expectTransfer(lab, torrent)
      for (const url of [one, other]) await expectSwarm(lab, url, torrent, COMPLETED)
      for (const node of nodes) expect(await node.stop()).toBe(0)
    },
    TEST_MS,
  )
})
