// The tracker clients of anacrolix/torrent (Go) and bittorrent-tracker (Node) with an HTTP tracker: peers,
// counts, scrapes and failures as they read them.

import { describe, expect, test } from 'bun:test'
import { hostPort } from '../support/tracker.ts'
import { announce, LIBRARIES, type Library, scrape } from './http-library.ts'
import { type Hosts, IPV4, IPV6, Lab } from './lab.ts'
import { HTTP, HTTPS, KEY, keySettings, Tracker, type TrackerKind } from './tracker.ts'
import { TEST_MS } from './transfer.ts'

const SEEDER_PORT = 6001
const LEECHER_PORT = 6002
const FORBIDDEN = 'f'.repeat(40)
const UNKNOWN = '0'.repeat(40)
/** [protocol] peer_announce_interval, and no jitter. */
const INTERVAL_SEC = 1800

/** What the path of the URL has before «announce». */
const RUNS: readonly (readonly [kind: TrackerKind, hosts: Hosts, folder: string])[] = [
  [HTTP, IPV4, ''],
  [HTTP, IPV6, `/${KEY}`],
  [HTTPS, IPV4, `/${KEY}`],
  [HTTPS, IPV6, ''],
]

describe.concurrent('tracker clients of libraries', () => {
  for (const library of LIBRARIES) {
    for (const [kind, hosts, folder] of RUNS) {
      const title = `${library.name} over ${kind.scheme} and ${hosts.family}${folder && ', with a key'}`
      const run = () => announceAndScrape(library, [kind, hosts, folder])
      if (library.missing === null) test(title, run, TEST_MS)
      else test.skip(`${title} (skipped: ${library.missing})`, run)
    }
  }
})

async function announceAndScrape(
  library: Library,
  [kind, hosts, folder]: (typeof RUNS)[number],
): Promise<void> {
  await using lab = await Lab.open()
  const list = `${lab.directory}/denied.txt`
  await Bun.write(list, `${FORBIDDEN}\n`)
  const keys = folder === '' ? '' : await keySettings(lab)
  const more = `${keys}[access_list]\nmode = 'deny'\npath = '${list}'\n`
  const tracker = await Tracker.start(lab, hostPort(hosts.tracker, 0), kind, { more })
  const command = await library.command(lab)
  const { infoHash } = library
  const url = `${tracker.url(hosts.tracker)}${folder}/announce`
  const send = (port: number, left: number, event: string, hash = infoHash) =>
    announce(lab, command, { url, infoHash: hash, port, left, event })

  const nobody = { interval: INTERVAL_SEC, complete: 0, incomplete: 0, peers: [] }
  expect(await send(SEEDER_PORT, 0, 'started')).toEqual(nobody)
  // The system sends to one of its own addresses from that address.
  const peers = [hostPort(hosts.tracker, SEEDER_PORT)]
  const found = { interval: INTERVAL_SEC, complete: 1, incomplete: 0, peers }
  expect(await send(LEECHER_PORT, 5, 'started')).toEqual(found)
  const both = { [infoHash]: [1, 0, 1], [UNKNOWN]: [0, 0, 0] }
  expect(await scrape(lab, command, url, [infoHash, UNKNOWN])).toEqual({ files: both })
  // A seeder is told of leechers only.
  expect(await send(LEECHER_PORT, 0, 'completed')).toEqual({ ...found, peers: [] })
  expect(await send(SEEDER_PORT, 0, 'stopped')).toMatchObject({ peers: [] })
  const left = { [infoHash]: [1, 1, 0] }
  expect(await scrape(lab, command, url, [infoHash])).toEqual({ files: left })

  const { failure } = await send(LEECHER_PORT, 5, 'started', FORBIDDEN)
  expect(failure).toMatch(/info hash not allowed/i)
  expect(await tracker.stop()).toBe(0)
}
