// Pairs of WebTorrent clients that meet through aquatic_ws: what the webtorrent tests have in common.

import { describe, expect, test } from 'bun:test'
import type { Client } from './client.ts'
import { type Hosts, Lab } from './lab.ts'
import type { TrackerKind } from './tracker.ts'
import { moveFile, TEST_MS } from './transfer.ts'

/**
 * libdatachannel in Node loses a connection now and then on a busy machine («remote candidate without
 * ICE transport»). Clients then find each other with their next announce, which two minutes later
 * would be too late for a test.
 */
const ANNOUNCE_INTERVAL_SEC = 10

export type Pair = readonly [
  name: string,
  seeder: Client,
  leecher: Client,
  trackers: readonly TrackerKind[],
  hosts: Hosts,
  /** What the tracker calls them, in its order. */
  clients?: readonly string[],
]

/** Each pair over each tracker is one test. WebRTC is the only transport that these clients have. */
export function testPairs(suite: string, pairs: readonly Pair[]): void {
  describe.concurrent(suite, () => {
    for (const [name, seeder, leecher, trackers, hosts, clients] of pairs) {
      for (const tracker of trackers) {
        const beside = tracker.sharesPort ? ' beside https' : ''
        const title = `moves a file from ${name} over ${tracker.scheme}${beside} and ${hosts.family}`
        const run = () => moveAndStop(hosts, { tracker, seeder, leecher }, clients)
        test(`${title}, and the tracker counts it`, run, TEST_MS)
      }
    }
  })
}

async function moveAndStop(
  hosts: Hosts,
  what: { tracker: TrackerKind; seeder: Client; leecher: Client },
  clients?: readonly string[],
): Promise<void> {
  await using lab = await Lab.open()
  const { tracker } = await moveFile(lab, hosts, {
    ...what,
    announceIntervalSec: ANNOUNCE_INTERVAL_SEC,
  })
  if (clients !== undefined) await tracker.expectClients(...clients)
  expect(await tracker.stop()).toBe(0)
}
