// The tracker clients of two libraries, as programs that send one request and print what they read in the
// answer: anacrolix/torrent's (Go) and bittorrent-tracker's (Node). Used by http-library.test.ts.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { buildFor } from './webtorrent-client.ts'

const ANSWER_MS = 60_000
/** Built by scripts/test-clients.sh where there is a Go that can. */
const ANACROLIX = join(import.meta.dir, '../../dist/.clients/anacrolix')

export interface Announced {
  interval?: number
  complete?: number
  incomplete?: number
  peers?: string[]
  failure?: string
}

export interface Scraped {
  /** Seeders, downloads and leechers by info hash. */
  files?: Record<string, number[]>
  failure?: string
}

export interface Library {
  name: string
  /** Why it cannot be tested here. */
  missing: string | null
  /** One that it announces and scrapes as it is. */
  infoHash: string
  command(lab: Lab): Promise<string[]>
}

/** What has a meaning in URLs, what is no UTF-8, and zeros: &=+%#?/ 00 80 ff. */
const SPECIAL = '263d2b25233f2f0080ff7f0d0a5b5d7e2e2d5f41'

export const LIBRARIES: readonly Library[] = [
  {
    name: 'anacrolix/torrent',
    missing: existsSync(ANACROLIX) ? null : 'needs Go 1.24 or later',
    // A space it writes as a plus sign when it scrapes, but not when it announces.
    infoHash: SPECIAL,
    command: async () => [ANACROLIX],
  },
  {
    name: 'bittorrent-tracker',
    missing: null,
    infoHash: SPECIAL.replace('7f', '20'),
    command: async (lab) => ['node', await buildFor(lab, 'node', 'http-client.ts')],
  },
]

/** Sends an announce and returns what the client read. */
export async function announce(
  lab: Lab,
  command: string[],
  values: { url: string; infoHash: string; port: number; left: number; event: string },
): Promise<Announced> {
  const { url, infoHash, port, left, event } = values
  return run(lab, [...command, 'announce', url, infoHash, String(port), String(left), event])
}

export async function scrape(
  lab: Lab,
  command: string[],
  url: string,
  infoHashes: string[],
): Promise<Scraped> {
  return run(lab, [...command, 'scrape', url, ...infoHashes])
}

async function run(lab: Lab, command: string[]): Promise<Announced & Scraped> {
  const client = lab.start('client', command)
  await client.waitForEnd(ANSWER_MS)
  const line = client.output.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(client.report)
  return JSON.parse(line)
}
