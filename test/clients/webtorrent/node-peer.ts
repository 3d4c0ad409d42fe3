// A webtorrent client in Node or Bun, with one torrent. What the directory has of the file is
// seeded, the rest is fetched. Ends, and tells the tracker, when standard input closes. Started by
// webtorrent-client.ts.
//
//   node-peer TORRENT|MAGNET DIRECTORY

import { readFile } from 'node:fs/promises'
import WebTorrent from 'webtorrent'
import { CLIENT_OPTIONS } from './options.ts'

const [torrent, directory] = process.argv.slice(2) as [string, string]
const client = new WebTorrent(CLIENT_OPTIONS)
client.on('error', fail)
const source = torrent.startsWith('magnet:') ? torrent : await readFile(torrent)
const added = client.add(source, { path: directory }, ({ infoHash, done }) =>
  console.log(`added ${infoHash}, ${done ? 'complete' : 'incomplete'}`),
)
added.on('wire', ({ type }) => console.log(`connected by ${type}`))
added.on('trackerAnnounce', () => console.log('announced'))
added.on('warning', (warning) => console.log(`warning: ${warning}`))
added.on('error', fail)
added.on('done', () => console.log('done'))
process.stdin.on('end', () => client.destroy(() => process.exit(0)))
process.stdin.resume()

function fail(error: Error | string): void {
  console.error(error)
  process.exit(1)
}
