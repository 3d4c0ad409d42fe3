// The BitTorrent clients under test, each started with one torrent and with every way to find peers but
// the tracker turned off. The torrents are private too, which turns off DHT, local discovery and
// peer exchange. Used by transfer.ts; the WebTorrent clients are in webtorrent-client.ts.

import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { TestProcess } from './process.ts'

export interface TorrentFile {
  path: string
  /** The tracker's announce URL in it. */
  url: string
  /** What clients announce: one for v1 or v2, both for hybrid torrents. */
  infoHashes: string[]
}

export interface ClientOptions {
  torrent: TorrentFile
  /** Where the file is, or is to be. A complete one makes a seeder. */
  directory: string
  /** The client's own address. */
  address: string
}

export type Client = (lab: Lab, name: string, options: ClientOptions) => Promise<TestProcess>

const PEER_PORT = 6881

/** Where its programming interface is to listen in the lab, if it has one over TCP. */
export function apiPort(name: string): number {
  return name === 'seeder' ? 9091 : 9092
}

/** Clients that listen on all addresses of a family need ports of their own. */
export function peerPort(name: string): number {
  return name === 'seeder' ? PEER_PORT : PEER_PORT + 1
}

export const libtorrent = runLibtorrentBy([])

/** The same by a command that runs another. */
export function runLibtorrentBy(prefix: readonly string[]): Client {
  return async (lab, name, { torrent, directory, address }) => {
    const script = join(import.meta.dir, 'libtorrent_peer.py')
    const command = [PYTHON, script, torrent.path, directory, address, String(PEER_PORT)]
    return lab.start(name, [...prefix, ...command])
  }
}

/** Debian's, the one python3-libtorrent is for. */
export const PYTHON = '/usr/bin/python3'

export const aria2: Client = async (lab, name, { torrent, directory, address }) =>
  lab.start(name, [
    'aria2c',
    '--no-conf',
    `--dir=${directory}`,
    `--interface=${address}`,
    `--listen-port=${PEER_PORT}`,
    // Its UDP tracker client works only while its DHT runs, so that runs, without a node to ask.
    '--enable-dht=true',
    `--dht-listen-port=${PEER_PORT}`,
    `--dht-file-path=${join(lab.directory, `${name}.dht`)}`,
    '--bt-enable-lpd=false',
    '--enable-peer-exchange=false',
    '--check-integrity=true',
    '--seed-ratio=0',
    '--file-allocation=none',
    '--summary-interval=0',
    '--console-log-level=notice',
    // What the tracker answers is told to debuggers only.
    `--log=${aria2Log(lab, name)}`,
    '--log-level=debug',
    '--check-certificate=true',
    ...(lab.certificate === undefined ? [] : [`--ca-certificate=${lab.certificate}`]),
    torrent.path,
  ])

export function aria2Log(lab: Lab, name: string): string {
  return join(lab.directory, `${name}.aria2.log`)
}

export const transmission: Client = async (lab, name, { torrent, directory, address }) => {
  const settingsDirectory = join(lab.directory, `${name}.transmission`)
  const settings = {
    // Announces come from this address too; that of IPv4 would be used for IPv6 as well.
    [address.includes(':') ? 'bind-address-ipv6' : 'bind-address-ipv4']: address,
    'dht-enabled': false,
    'lpd-enabled': false,
    'pex-enabled': false,
    'utp-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-enabled': true,
    'rpc-bind-address': '127.0.0.1',
    'rpc-port': apiPort(name),
    'peer-port': peerPort(name),
    'message-level': 3,
  }
  await Bun.write(join(settingsDirectory, 'settings.json'), JSON.stringify(settings))
  // It verifies what it finds by itself. With --verify it does so twice, and when it looks at its torrent
  // while that is stopped for the second time, it ends.
  const options = ['--config-dir', settingsDirectory, '--download-dir', directory, '--no-portmap']
  return lab.start(name, ['transmission-cli', ...options, torrent.path])
}
