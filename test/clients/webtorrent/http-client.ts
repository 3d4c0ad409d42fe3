// bittorrent-tracker's client with an HTTP tracker, in Node. Started by http-library.ts; prints one line
// of JSON, in the form of the Go program in anacrolix/.
//
//   http-client.ts announce URL INFO_HASH PORT LEFT EVENT
//   http-client.ts scrape URL INFO_HASH…

import { Client } from 'bittorrent-tracker'

type Send = (client: Client, left: number) => void

const EVENTS: Record<string, Send> = {
  started: (client, left) => client.start({ left }),
  completed: (client, left) => client.complete({ left }),
  stopped: (client, left) => client.stop({ left }),
}

const [what, url, ...values] = process.argv.slice(2) as [string, string, ...string[]]
if (what === 'scrape') scrape(values)
else announce(values as [string, string, string, string])

function announce([infoHash, port, left, event]: [string, string, string, string]): void {
  const client = open(infoHash, Number(port))
  const peers: string[] = []
  client.on('peer', (peer) => peers.push(String(peer)))
  client.once('update', ({ interval, complete, incomplete }) => {
    // Peers are told right after the numbers.
    setImmediate(() => finish({ interval, complete, incomplete, peers }))
  })
  const send = EVENTS[event]
  if (send === undefined) throw new Error(`no event ${event}`)
  send(client, Number(left))
}

function scrape(infoHashes: string[]): void {
  const client = open(String(infoHashes[0]), 1)
  const files: Record<string, number[]> = {}
  client.on('scrape', ({ infoHash, complete, downloaded, incomplete }) => {
    files[plain(infoHash)] = [complete, downloaded, incomplete]
    if (Object.keys(files).length === infoHashes.length) finish({ files })
  })
  client.scrape({ infoHash: infoHashes })
}

/** An info hash that is no UTF-8 its decoder has turned into hex already, which it does again. */
function plain(infoHash: string): string {
  return infoHash.length === 80 ? Buffer.from(infoHash, 'hex').toString() : infoHash
}

function open(infoHash: string, port: number): Client {
  const peerId = Buffer.from(`-WW0100-${String(port).padStart(12, '0')}`).toString('hex')
  const rtcConfig = { iceServers: [] }
  const client = new Client({ infoHash, peerId, announce: url, port, rtcConfig })
  const fail = (error: Error) => finish({ failure: error.message })
  client.once('warning', fail)
  client.once('error', fail)
  return client
}

function finish(result: object): void {
  console.log(JSON.stringify(result))
  process.exit(0)
}
