// The flag --test of the combined tracker, and the settings that it brings: free ports of this machine alone, little memory,
// all addresses stored, exact intervals. A settings file and the environment override them. Used by
// tracker/combined.ts. Pure functions.
import { networkInterfaces } from 'node:os'
import type { OwnFlag } from '../config/flags.ts'
import type { BaseSettings, GivenValue } from '../config/load.ts'

export const TEST: OwnFlag = {
  name: 'test',
  help: [
    'for tests of clients: free ports of 127.0.0.1 and ::1, URLs as',
    'a line of JSON, commands on standard input, which ends it',
  ],
}

const ORIGIN = 'the flag --test'
const TORRENTS = 100_000
const PEERS = 1_000_000
/** So few fit the usual limit on open files, with the relays' connections. */
const CONNECTIONS = 200

/** `protocols`: their sections. */
export function testSettings(protocols: readonly string[]): BaseSettings {
  const address = hasIPv6() ? ['127.0.0.1:0', '[::1]:0'] : ['127.0.0.1:0']
  const values = new Map<string, GivenValue>()
  const give = (path: string, value: unknown) => values.set(path, { value, origin: ORIGIN })
  for (const name of protocols) {
    give(`${name}.network.address`, address)
    give(`${name}.protocol.interval_jitter`, 0)
  }
  give('limits.max_torrents', TORRENTS)
  give('limits.max_peers', PEERS)
  give('http.limits.max_connections', CONNECTIONS)
  give('ws.limits.max_connections', CONNECTIONS)
  give('peer_addresses.private_peers', 'store')
  give('peer_addresses.reserved_peers', 'store')
  give('source_limits.peers_per_torrent', 0)
  return { files: [], problems: [], warnings: [], values, conflicts: new Map() }
}

export function hasIPv6(): boolean {
  const all = Object.values(networkInterfaces()).flat()
  return all.some((each) => each?.address === '::1')
}
