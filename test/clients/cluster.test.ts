// Clients at several nodes of one cluster: a seeder at one, a leecher at another, over the same or another protocol; and what they do
// when a node is killed, which is the first tracker of the torrent, or the first address of its name.

import { describe, test } from 'bun:test'
import { join } from 'node:path'
import { NATS_EXECUTABLE, WHY_NO_NATS } from '../support/nats-server.ts'
import { hostPort } from '../support/tracker.ts'
import { aria2, type Client, libtorrent, runLibtorrentBy } from './client.ts'
import { IPV4, Lab } from './lab.ts'
import { HTTP, Tracker, UDP } from './tracker.ts'
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

/** The lab is the test's own, so that no port is taken. */
const PORT = 6969
const SERVER = '127.0.0.1:4222'
const NAME = 'tracker.example'
const READY_MS = 60_000
/** Clients give a tracker that does not answer some seconds, and the next one as well. */
const ANSWER_MS = 120_000

const [HOST_A, HOST_B] = [IPV4.tracker, IPV4.trackerSecond]

describe.concurrent.skipIf(WHY_NO_NATS !== '')(`nodes of a cluster${WHY_NO_NATS}`, () => {
  test(
    'a seeder at one node, a leecher at the other; the first is killed in between, and both go to the next tracker',
    async () => {
      await using lab = await Lab.open()
      const { a, b } = await startNodes(lab)
      const [urlA, urlB] = [a.url(HOST_A), b.url(HOST_B)]
      const torrent = await makeTorrent(lab, 'v1', urlA, [urlB])
      const seeder = await startSeeder(lab, libtorrent, torrent, IPV4)
      await expectSwarm(lab, urlA, torrent, SEEDED)
      await expectSwarm(lab, urlB, torrent, SEEDED)
      await a.process.kill()
      const leecher = await startLeecher(lab, libtorrent, torrent, IPV4)
      await expectTransfer(lab, torrent)
      await expectSwarm(lab, urlB, torrent, COMPLETED)
      await leecher.waitForOutput(answeredBy(urlB), ANSWER_MS)
      seeder.writeLine('announce')
      await seeder.waitForOutput(answeredBy(urlB), ANSWER_MS)
      await expectSwarm(lab, urlB, torrent, COMPLETED)
    },
    TEST_MS,
  )

  test(
    'a name with the addresses of two nodes: clients go to the other when one is killed',
    async () => {
      await using lab = await Lab.open()
      const { a, b } = await startNodes(lab)
      const torrent = await makeTorrent(lab, 'v1', `udp://${NAME}:${PORT}`)
      const named = await knowingNames(`${HOST_A} ${NAME}\n${HOST_B} ${NAME}\n`, lab)
      const seeder = await startSeeder(lab, named, torrent, IPV4)
      for (const url of [a.url(HOST_A), b.url(HOST_B)]) await expectSwarm(lab, url, torrent, SEEDED)
      await a.process.kill()
      await startLeecher(lab, named, torrent, IPV4)
      await expectTransfer(lab, torrent)
      await expectSwarm(lab, b.url(HOST_B), torrent, COMPLETED)
      const replies = seeder.output.match(/tracker_reply_alert/g)?.length ?? 0
      seeder.writeLine('announce')
      await seeder.waitForOutput(
        new RegExp(`(tracker_reply_alert[\\s\\S]*){${replies + 1}}`),
        ANSWER_MS,
      )
    },
    TEST_MS,
  )

  test(
    'a seeder over UDP at one node, a leecher over HTTP at the other',
    async () => {
      await using lab = await Lab.open()
      const { a, b } = await startNodes(lab, HTTP)
      const torrent = await makeTorrent(lab, 'v1', a.url(HOST_A))
      await startSeeder(lab, libtorrent, torrent, IPV4)
      const other = await withTracker(lab, torrent, b.url(HOST_B))
      await expectSwarm(lab, b.url(HOST_B), other, SEEDED)
      await startLeecher(lab, aria2, other, IPV4)
      await expectTransfer(lab, torrent)
      for (const url of [a.url(HOST_A), b.url(HOST_B)]) {
        await expectSwarm(lab, url, torrent, COMPLETED)
      }
    },
    TEST_MS,
  )
})

/** Two that hear each other, at a NATS server of the lab. */
async function startNodes(lab: Lab, kindOfB = UDP): Promise<{ a: Tracker; b: Tracker }> {
  const [host, port] = SERVER.split(':')
  const server = lab.start('nats-server', [NATS_EXECUTABLE ?? '', '-a', host, '-p', port])
  await server.waitForOutput(/Server is ready/, READY_MS)
  const a = await Tracker.start(lab, hostPort(HOST_A, PORT), UDP, nodeSettings('a'))
  const b = await Tracker.start(lab, hostPort(HOST_B, PORT), kindOfB, nodeSettings('b'))
  await a.process.waitForOutput(/cluster: hears b/, READY_MS)
  await b.process.waitForOutput(/cluster: hears a/, READY_MS)
  return { a, b }
}

function nodeSettings(node: string): { more: string; first: string } {
  return {
    first: "log_level = 'info'\n",
    more: `[cluster]\nservers = '${SERVER}'\nnode = '${node}'\n`,
  }
}

/** libtorrent on a host that has these names. They are mounted for this process alone. */
async function knowingNames(names: string, lab: Lab): Promise<Client> {
  const path = join(lab.directory, 'hosts')
  await Bun.write(path, names)
  const mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
  const prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', mount, path]
  return runLibtorrentBy(prefix)
}

function answeredBy(url: string): RegExp {
  return new RegExp(`tracker_reply_alert.*${RegExp.escape(url)}`)
}
