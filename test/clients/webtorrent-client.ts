// The WebTorrent clients under test: webtorrent in Node, in Bun and in headless Chromium, and a
// libtorrent that speaks WebTorrent. The npm packages are those of webtorrent/package.json, which
// scripts/test-clients.sh installs; libtorrent's comes from there too. Used by the webtorrent tests.

import { readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, type ClientOptions, PYTHON } from './client.ts'
import type { Lab } from './lab.ts'
import type { TestProcess } from './process.ts'

const PACKAGES = join(import.meta.dir, 'webtorrent/node_modules')
const SOURCE = join(import.meta.dir, 'webtorrent')
/** What test-clients.sh puts beside the npm packages: see webtorrent/requirements.txt. */
const PYTHON_PACKAGES = join(import.meta.dir, 'webtorrent/python_modules')
/** Two browsers starting at once on one busy core. */
const START_MS = 120_000
/**
 * A webtorrent seeder announces twice at its start: completed at once, started when its offers are
 * gathered. Were a leecher to come in between, both would offer and answer at the same time, and
 * sometimes each closes the connection that the other keeps, until the next announce.
 */
const ALL_ANNOUNCED = /announced\n(.*\n)*?.*announced\n/

/** webtorrent in the machine's Node, on node-datachannel's WebRTC. */
export const webtorrentInNode: Client = async (lab, name, options) => {
  const script = await buildFor(lab, 'node', 'node-peer.ts')
  return startPeer(lab, name, ['node', script, options.torrent.path, options.directory], options)
}

/** The same, in the runtime of the trackers. */
export const webtorrentInBun: Client = async (lab, name, options) => {
  const script = join(SOURCE, 'node-peer.ts')
  const command = [process.execPath, script, options.torrent.path, options.directory]
  return startPeer(lab, name, command, options)
}

/** It knows no torrent file, only a magnet link: so it announces that it does not know what is left. */
export const webtorrentInNodeByMagnet: Client = async (lab, name, options) => {
  const script = await buildFor(lab, 'node', 'node-peer.ts')
  return startPeer(lab, name, ['node', script, magnet(options), options.directory], options)
}

/** Headless Chromium with a page that runs webtorrent; page-server.ts gives it the files. */
export const webtorrentInChromium: Client = (lab, name, options) =>
  startBrowser(lab, name, options, options.torrent.path)

export const webtorrentInChromiumByMagnet: Client = (lab, name, options) =>
  startBrowser(lab, name, options, magnet(options))

/** libtorrent 2.1: Debian's 2.0 and the wheels before have no WebTorrent. */
export const libtorrentOverWebRtc: Client = async (lab, name, options) => {
  const script = join(import.meta.dir, 'libtorrent_peer.py')
  const { torrent, directory, address } = options
  const environment = `PYTHONPATH=${PYTHON_PACKAGES}`
  return lab.start(name, [
    'env',
    environment,
    PYTHON,
    script,
    torrent.path,
    directory,
    address,
    '0',
  ])
}

async function startPeer(
  lab: Lab,
  name: string,
  command: string[],
  { directory }: ClientOptions,
): Promise<TestProcess> {
  const peer = lab.start(name, command)
  if (isSeeder(directory)) await peer.waitForOutput(ALL_ANNOUNCED, START_MS)
  return peer
}

function isSeeder(directory: string): boolean {
  return readdirSync(directory).length > 0
}

function magnet({ torrent }: ClientOptions): string {
  const [infoHash] = torrent.infoHashes
  return `magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(torrent.url)}`
}

async function startBrowser(
  lab: Lab,
  name: string,
  { directory }: ClientOptions,
  torrentOrMagnet: string,
): Promise<TestProcess> {
  const page = await buildFor(lab, 'browser', 'page.ts')
  const script = join(SOURCE, 'page-server.ts')
  const served = [page, torrentOrMagnet, directory]
  const server = lab.start(`${name}'s page`, [process.execPath, script, ...served])
  const [, url] = await server.waitForOutput(/^listening on (\S+)$/m, START_MS)
  const browser = lab.start(name, [
    'chromium',
    '--headless=new',
    '--no-sandbox',
    '--no-first-run',
    '--disable-gpu',
    '--log-level=3',
    '--disable-dev-shm-usage',
    `--user-data-dir=${join(lab.directory, `${name}.chromium`)}`,
    // Candidates as addresses, for a name in .local needs a multicast DNS responder.
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--allow-loopback-in-peer-connection',
    // The page's server and the tracker have certificates of their own making.
    '--ignore-certificate-errors',
    String(url),
  ])
  await server.waitForOutput(isSeeder(directory) ? ALL_ANNOUNCED : /^page: added /m, START_MS)
  return browser
}

/** Bundles one of our sources for Node, its packages beside it, or the browser, they in it. */
export async function buildFor(
  lab: Lab,
  target: 'node' | 'browser',
  source: string,
): Promise<string> {
  const outdir = join(lab.directory, target)
  const built = await Bun.build({
    entrypoints: [join(SOURCE, source)],
    outdir,
    target,
    naming: '[name].mjs',
    packages: target === 'node' ? 'external' : 'bundle',
  })
  if (target === 'node') linkPackages(outdir)
  return (built.outputs[0] as Bun.BuildArtifact).path
}

/** Node looks for packages in the folders above a script. */
function linkPackages(directory: string): void {
  try {
    symlinkSync(PACKAGES, join(directory, 'node_modules'))
  } catch (error) {
    // The other client of this lab has made it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
