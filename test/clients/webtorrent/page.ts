// A webtorrent client in a web page, with one torrent. It seeds the file that the page's server has,
// or fetches it and gives it to the server, to which it also reports. Bundled by webtorrent-client.ts,
// served by page-server.ts.

import WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import { CLIENT_OPTIONS } from './options.ts'

/** What the page's server says to do. */
export interface Task {
  /** Where the torrent is, or a magnet link. */
  torrent: string
  /** The file's name and what its torrent was made with; only a seeder's page gets it. */
  seed?: { name: string; announce: string[]; private: boolean; pieceLength: number }
}

run().catch((error) => report(`error: ${error}`))

async function run(): Promise<void> {
  const task = (await (await fetch('/task')).json()) as Task
  const client = new WebTorrent(CLIENT_OPTIONS)
  client.on('error', (error) => report(`error: ${error}`))
  const added =
    task.seed === undefined ? await leech(client, task.torrent) : await seed(client, task)
  added.on('wire', ({ type }) => report(`connected by ${type}`))
  added.on('trackerAnnounce', () => report('announced'))
  added.on('warning', (warning) => report(`warning: ${warning}`))
}

async function seed(client: WebTorrentClient, { seed }: Task): Promise<WebTorrentTorrent> {
  if (seed === undefined) throw new Error('nothing to seed')
  const file = await (await fetch('/file')).blob()
  return client.seed(new File([file], seed.name), seed, reportAdded)
}

async function leech(client: WebTorrentClient, torrent: string): Promise<WebTorrentTorrent> {
  const source = torrent.startsWith('magnet:')
    ? torrent
    : new Uint8Array(await (await fetch(torrent)).arrayBuffer())
  const added = client.add(source, {}, () => {})
  added.on('done', async () => {
    const body = await (added.files[0] as WebTorrentFile).blob()
    await fetch('/file', { method: 'PUT', body })
    report('done')
  })
  // A magnet link's torrent is known only once a peer has been found: so this is said at once.
  report('added what is to be fetched')
  return added
}

function reportAdded({ infoHash }: WebTorrentTorrent): void {
  report(`added ${infoHash}`)
}

function report(line: string): void {
  fetch('/report', { method: 'POST', body: line })
}
