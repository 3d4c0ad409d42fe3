// Serves one page to one browser inside a lab, and prints what the page reports. Started by
// webtorrent-client.ts.
//
//   page-server.ts PAGE_SCRIPT TORRENT|MAGNET DIRECTORY
//
// A directory with the file makes the page a seeder; otherwise what the page fetches is written there.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Task } from './page.ts'

const HTML = '<!doctype html><title>webtorrent</title><script type=module src=/page.mjs></script>'
/** What make_torrent.py and transfer.ts make. */
const FILE_NAME = 'file.bin'
const PIECE_LENGTH = 32 * 1024

const [script, torrent, directory] = Bun.argv.slice(2) as [string, string, string]
const path = join(directory, FILE_NAME)
const isMagnet = torrent.startsWith('magnet:')

const server = Bun.serve({
  // A secure context for the page; the host is this lab's.
  hostname: '127.0.0.1',
  port: 0,
  routes: {
    '/': () => new Response(HTML, { headers: { 'content-type': 'text/html' } }),
    '/page.mjs': () => new Response(Bun.file(script)),
    '/task': async () => Response.json(await task()),
    '/torrent': () => new Response(Bun.file(torrent)),
    '/file': {
      GET: () => new Response(Bun.file(path)),
      PUT: async (request) => {
        await Bun.write(path, await request.arrayBuffer())
        return new Response()
      },
    },
    '/report': {
      POST: async (request) => {
        console.log(`page: ${await request.text()}`)
        return new Response()
      },
    },
  },
})
console.log(`listening on ${server.url}`)

async function task(): Promise<Task> {
  const where = isMagnet ? torrent : '/torrent'
  if (!existsSync(path)) return { torrent: where }
  const announce = await announceUrl(torrent)
  const made = { name: FILE_NAME, announce: [announce], private: true, pieceLength: PIECE_LENGTH }
  return { torrent: where, seed: made }
}

/** Bencoded: «8:announce», its length, a colon, the URL. */
async function announceUrl(torrentPath: string): Promise<string> {
  const text = Buffer.from(await Bun.file(torrentPath).arrayBuffer()).toString('latin1')
  const [prefix, length] = text.match(/8:announce(\d+):/) ?? []
  if (prefix === undefined) throw new Error(`no tracker in ${torrentPath}`)
  const start = text.indexOf(prefix) + prefix.length
  return text.slice(start, start + Number(length))
}
