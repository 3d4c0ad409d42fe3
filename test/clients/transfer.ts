// One file, its torrent, and the two clients that move it: what the tests have in common.

import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hostPort } from '../support/tracker.ts'
import { type Client, PYTHON, type TorrentFile } from './client.ts'
import type { Hosts, Lab } from './lab.ts'
import { type TestProcess, waitUntil } from './process.ts'
import type { SwarmNumbers } from './swarm-probe.ts'
import { Tracker, type TrackerKind } from './tracker.ts'

/** Not a multiple of the piece size. */
const FILE_SIZE_BYTES = 1_000_003
const FILE_NAME = 'file.bin'
/** The slowest pair needs 17 s on an idle machine. */
const TRANSFER_MS = 180_000
const MAKE_MS = 60_000
/** Node, Chromium and libtorrent start and gather candidates in 1 to 5 s, slower together. */
const SCRAPE_MS = 60_000

/** For each test: longer than all its waits together, so that it is the failed wait that is reported. */
export const TEST_MS = 400_000

/** What the tracker reports while the seeder is alone, and after the transfer. */
export const SEEDED: SwarmNumbers = { seeders: 1, completed: 0, leechers: 0 }
export const COMPLETED: SwarmNumbers = { seeders: 2, completed: 1, leechers: 0 }

export type TorrentKind = 'v1' | 'v2' | 'hybrid'

export interface Torrent extends TorrentFile {
  sha256: string
  seederDirectory: string
  leecherDirectory: string
}

export interface Transfer {
  tracker: Tracker
  torrent: Torrent
  seeder: TestProcess
  leecher: TestProcess
}

/** Moves a file between two clients that know the tracker only, and checks what it counts. */
export async function moveFile(
  lab: Lab,
  hosts: Hosts,
  what: {
    tracker?: TrackerKind
    announceIntervalSec?: number | undefined
    kind?: TorrentKind
    seeder: Client
    leecher: Client
  },
): Promise<Transfer> {
  const address = hostPort(hosts.tracker, 0)
  const announceIntervalSec = what.announceIntervalSec
  const tracker = await Tracker.start(lab, address, what.tracker, { announceIntervalSec })
  const url = tracker.url(hosts.tracker)
  const torrent = await makeTorrent(lab, what.kind ?? 'v1', url)
  const seeder = await startSeeder(lab, what.seeder, torrent, hosts)
  const { countsCompleted } = tracker.kind
  await expectSwarm(lab, url, torrent, countsCompleted ? SEEDED : { ...SEEDED, completed: 1 })
  const leecher = await startLeecher(lab, what.leecher, torrent, hosts)
  await expectTransfer(lab, torrent)
  await expectSwarm(lab, url, torrent, countsCompleted ? COMPLETED : { ...COMPLETED, completed: 2 })
  return { tracker, torrent, seeder, leecher }
}

/**
 * A private torrent of random bytes; the seeder's directory has the file, the leecher's is empty. `further`: trackers
 * for when the first does not answer.
 */
export async function makeTorrent(
  lab: Lab,
  kind: TorrentKind,
  trackerUrl: string,
  further: readonly string[] = [],
): Promise<Torrent> {
  const seederDirectory = join(lab.directory, 'seeder')
  const leecherDirectory = join(lab.directory, 'leecher')
  await mkdir(seederDirectory)
  await mkdir(leecherDirectory)
  const source = join(seederDirectory, FILE_NAME)
  const bytes = randomBytes(FILE_SIZE_BYTES)
  await Bun.write(source, bytes)

  const path = join(lab.directory, 'file.torrent')
  const url = `${trackerUrl}/announce`
  const infoHashes = await writeTorrent(lab, kind, { source, path, url, further })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { path, url, infoHashes, sha256, seederDirectory, leecherDirectory }
}

/** The same file's torrent, whose info hash is the same, with another tracker. */
export async function withTracker(
  lab: Lab,
  torrent: Torrent,
  trackerUrl: string,
): Promise<Torrent> {
  const url = `${trackerUrl}/announce`
  const path = join(lab.directory, 'other-tracker.torrent')
  const source = join(torrent.seederDirectory, FILE_NAME)
  const infoHashes = await writeTorrent(lab, 'v1', { source, path, url })
  return { ...torrent, path, url, infoHashes }
}

/** A torrent that nobody has, with the same tracker. */
export async function makeOtherTorrent(lab: Lab, { url }: TorrentFile): Promise<TorrentFile> {
  const path = join(lab.directory, 'other.torrent')
  const source = join(lab.directory, 'other.bin')
  await Bun.write(source, randomBytes(FILE_SIZE_BYTES))
  const infoHashes = await writeTorrent(lab, 'v1', { source, path, url })
  return { path, url, infoHashes }
}

/** Returns the info hashes. */
async function writeTorrent(
  lab: Lab,
  kind: TorrentKind,
  files: { source: string; path: string; url: string; further?: readonly string[] },
): Promise<string[]> {
  const { source, path, url, further = [] } = files
  const urls = [url, ...further.map((each) => `${each}/announce`)]
  const script = join(import.meta.dir, 'make_torrent.py')
  const maker = lab.start('make_torrent.py', [PYTHON, script, kind, source, path, ...urls])
  if ((await maker.waitForEnd(MAKE_MS)) !== 0) throw new Error(maker.report)
  return maker.output.trim().split('\n')
}

export function startSeeder(
  lab: Lab,
  client: Client,
  torrent: Torrent,
  hosts: Hosts,
): Promise<TestProcess> {
  const directory = torrent.seederDirectory
  return client(lab, 'seeder', { torrent, directory, address: hosts.seeder })
}

export function startLeecher(
  lab: Lab,
  client: Client,
  torrent: Torrent,
  hosts: Hosts,
): Promise<TestProcess> {
  const directory = torrent.leecherDirectory
  return client(lab, 'leecher', { torrent, directory, address: hosts.leecher })
}

/** Whether the leecher has the seeder's file, byte for byte, within the time. */
export function isTransferred(torrent: Torrent, timeoutMs: number): Promise<boolean> {
  const path = join(torrent.leecherDirectory, FILE_NAME)
  return waitUntil(async () => {
    if (!existsSync(path)) return false
    const hash = createHash('sha256').update(await readFile(path))
    return hash.digest('hex') === torrent.sha256
  }, timeoutMs)
}

export async function expectTransfer(lab: Lab, torrent: Torrent): Promise<void> {
  if (await isTransferred(torrent, TRANSFER_MS)) return
  throw new Error(`the file did not arrive in ${TRANSFER_MS} ms\n${lab.report}`)
}

/** Throws unless the tracker at `url` reports these numbers for each info hash, soon. */
export async function expectSwarm(
  lab: Lab,
  url: string,
  torrent: Torrent,
  wanted: SwarmNumbers,
): Promise<void> {
  const script = join(import.meta.dir, 'swarm-probe.ts')
  for (const infoHash of torrent.infoHashes) {
    const { seeders, completed, leechers } = wanted
    const values = [infoHash, seeders, completed, leechers, SCRAPE_MS].map(String)
    const probe = lab.start('swarm-probe.ts', [process.execPath, script, url, ...values])
    const code = await probe.waitForEnd(2 * SCRAPE_MS)
    if (code !== 0) throw new Error(lab.report)
    const numbers = JSON.parse(probe.output)
    if (Bun.deepEquals(numbers, wanted)) continue
    const difference = `${infoHash}: ${probe.output.trim()} instead of ${JSON.stringify(wanted)}`
    throw new Error(`${difference}\n${lab.report}`)
  }
}
