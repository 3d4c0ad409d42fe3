// Clients with HTTP trackers, and what each shows its user of the tracker: the counts of its last scrape
// or announce, or the failure. Used by the HTTP tests with whole clients.

import { test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import {
  apiPort,
  aria2,
  aria2Log,
  type Client,
  libtorrent,
  PYTHON,
  transmission,
} from './client.ts'
import type { Lab } from './lab.ts'
import { type TestProcess, waitUntil } from './process.ts'
import { qbittorrent, trackerEntry } from './qbittorrent.ts'
import { call, rtorrent, rtorrentStopped } from './rtorrent.ts'
import { makeOtherTorrent, TEST_MS, type Torrent } from './transfer.ts'

const ANSWER_MS = 60_000
const SHOWN_MS = 60_000

export interface Seat {
  lab: Lab
  /** The client's name in the lab. */
  name: string
  process: TestProcess
  torrent: Torrent
}

export interface Shown {
  seeders?: number
  leechers?: number
  /** Whatever text it shows beside. */
  text: string
}

export interface ShowingClient {
  name: string
  /** What is run, and missing where the system has no such package. */
  program: string
  start: Client
  shown(seat: Seat): Promise<Shown>
  /** It scrapes when it is told to; the others show the counts of their announces. */
  scrapes: boolean
}

export const LIBTORRENT: ShowingClient = {
  name: 'libtorrent',
  program: PYTHON,
  start: libtorrent,
  scrapes: true,
  shown: async ({ process }) => {
    process.writeLine('scrape')
    const scrapes = [...process.output.matchAll(/^scrape (\d+) (\d+)$/gm)]
    return { ...countsOf(scrapes.at(-1)), text: process.output }
  },
}

export const ARIA2: ShowingClient = {
  name: 'aria2',
  program: 'aria2c',
  start: aria2,
  scrapes: false,
  shown: async ({ lab, name, process }) => {
    const path = aria2Log(lab, name)
    const log = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const seeders = [...log.matchAll(/ Complete:(\d+)/g)].at(-1)
    const leechers = [...log.matchAll(/ Incomplete:(\d+)/g)].at(-1)
    const counts = seeders && leechers ? ['', seeders[1] ?? '', leechers[1] ?? ''] : undefined
    return { ...countsOf(counts), text: `${process.output}${log}` }
  },
}

export const TRANSMISSION: ShowingClient = {
  name: 'Transmission',
  program: 'transmission-cli',
  start: transmission,
  scrapes: false,
  shown: async ({ lab, name, torrent }) => {
    const text = await transmissionRemote(lab, name, '-t', String(torrent.infoHashes[0]), '-it')
    return { ...countsOf(/Tracker had (\d+) seeders and (\d+) leechers/.exec(text)), text }
  },
}

export const QBITTORRENT: ShowingClient = {
  name: 'qBittorrent',
  program: 'qbittorrent-nox',
  start: qbittorrent,
  scrapes: false,
  shown: async ({ lab, name, torrent }) => {
    const entry = await trackerEntry(lab, name, torrent)
    if (entry === undefined) return { text: '' }
    return { seeders: entry.num_seeds, leechers: entry.num_leeches, text: entry.msg }
  },
}

export const RTORRENT: ShowingClient = {
  name: 'rtorrent',
  program: 'rtorrent',
  start: rtorrent,
  scrapes: false,
  shown: async ({ lab, name, torrent }) => {
    const infoHash = String(torrent.infoHashes[0]).toUpperCase()
    const columns = ['t.scrape_complete=', 't.scrape_incomplete=']
    const counts = await call(lab, name, 't.multicall', infoHash, '', ...columns)
    const [text = ''] = await call(lab, name, 'd.message', infoHash)
    return { ...countsOf(['', counts[0] ?? '', counts[1] ?? '']), text }
  },
}

/** rtorrent takes an announce for a scrape, so that it scrapes only what it does not announce. */
export const RTORRENT_STOPPED: ShowingClient = {
  ...RTORRENT,
  start: rtorrentStopped,
  scrapes: true,
  shown: async (seat) => {
    const infoHash = String(seat.torrent.infoHashes[0]).toUpperCase()
    await call(seat.lab, seat.name, 'd.tracker.send_scrape', infoHash, 0)
    return RTORRENT.shown(seat)
  },
}

/**
 * The same is true of Transmission. The torrent it is started with is not the one that it shows. A new
 * torrent's first scrape is up to three minutes away, drawn by lot: it is added until it draws a soon one.
 */
export const TRANSMISSION_STOPPED: ShowingClient = {
  ...TRANSMISSION,
  scrapes: true,
  start: async (lab, name, options) => {
    const other = await makeOtherTorrent(lab, options.torrent)
    const started = await transmission(lab, name, { ...options, torrent: other })
    const remote = (...options: string[]) => transmissionRemote(lab, name, ...options)
    const isReady = async () => (await remote('--start-paused')).includes('success')
    const isScrapedSoon = async () => {
      await remote('-a', options.torrent.path)
      const chosen = ['-t', String(options.torrent.infoHashes[0])]
      if (/peer counts in 1?\d seconds/.test(await remote(...chosen, '-it'))) return true
      await remote(...chosen, '--remove')
      return false
    }
    const isDone =
      (await waitUntil(isReady, SHOWN_MS)) && (await waitUntil(isScrapedSoon, SHOWN_MS))
    if (!isDone) throw new Error(lab.report)
    return started
  },
}

/** The first group of a match is the seeders, the second the leechers. */
function countsOf(match: ArrayLike<string> | null | undefined): Omit<Shown, 'text'> {
  return match ? { seeders: Number(match[1]), leechers: Number(match[2]) } : {}
}

/** What Transmission's remote control says. */
export async function transmissionRemote(
  lab: Lab,
  name: string,
  ...options: string[]
): Promise<string> {
  const command = ['transmission-remote', `127.0.0.1:${apiPort(name)}`, ...options]
  const remote = lab.start('transmission-remote', command)
  await remote.waitForEnd(ANSWER_MS)
  return remote.output
}

/** Throws unless the client soon shows what `isWanted` looks for. */
export async function expectShown(
  client: ShowingClient,
  seat: Seat,
  wanted: { seeders: number; leechers: number } | { text: RegExp },
): Promise<void> {
  let last: Shown = { text: '' }
  const found = await waitUntil(async () => {
    last = await client.shown(seat)
    if ('text' in wanted) return wanted.text.test(last.text)
    return last.seeders === wanted.seeders && last.leechers === wanted.leechers
  }, SHOWN_MS)
  if (found) return
  const { seeders, leechers, text } = last
  const shown = JSON.stringify({ seeders, leechers, text: text.slice(-500) })
  const what = 'text' in wanted ? String(wanted.text) : JSON.stringify(wanted)
  throw new Error(`${client.name} shows ${shown} instead of ${what}\n${seat.lab.report}`)
}

/** A test that is skipped, and says why, where one of its clients is missing. */
export function testWith(clients: ShowingClient[], title: string, run: () => Promise<void>): void {
  const missing = clients.find(({ program }) => Bun.which(program) === null)
  if (missing === undefined) test(title, run, TEST_MS)
  else test.skip(`${title} (skipped: ${missing.program} is not installed)`, run)
}
