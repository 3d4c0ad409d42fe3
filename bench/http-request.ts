// What answering an HTTP request costs apart from the system: parse, swarm, answer.
// Run: bun bench/http-request.ts [--smoke]. Seeded; prints nanoseconds per request as minimum, mean and
// deviation over rounds, and a checksum of all answers' sizes.
//
// A hundred thousand torrents, twice as many peers (support/workload.ts). The requests are those of real
// clients: libtorrent's head, a browser's for the page.

import { ANSWER_BYTES_MAX } from '../src/http/wire/layout.ts'
import { parse } from '../src/http/wire/parse.ts'
import { HttpRequest } from '../src/http/wire/request.ts'
import { COUNTER_WORDS } from '../src/http/worker/counters.ts'
import { Handler } from '../src/http/worker/handle.ts'
import { Responder } from '../src/http/worker/respond.ts'
import { readClock } from '../src/os/clock.ts'
import { NO_PAUSE } from '../src/requests/pause.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import { timesLine } from './support/times.ts'
import { PEERS_PER_TORRENT, pickTorrent, random, writeInfoHash } from './support/workload.ts'

const smoke = process.argv.includes('--smoke')
const PEERS = smoke ? 2000 : 200_000
const TORRENTS = PEERS / PEERS_PER_TORRENT
const ROUNDS = smoke ? 2 : 6
const BATCH = 64
const NOW = 5000

const words = new Int32Array(5)
const hashBytes = new Uint8Array(words.buffer)

/** As libtorrent does it: small letters, and no encoding where it is not needed. */
function encoded(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => {
    const text = String.fromCharCode(byte)
    return /[A-Za-z0-9\-_.!~*()]/.test(text) ? text : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
}

function infoHash(torrent: number): string {
  writeInfoHash(words, 0, torrent)
  return encoded(hashBytes)
}

const HEAD =
  ' HTTP/1.1\r\nHost: tracker.example.com\r\nUser-Agent: libtorrent/2.0.8.0\r\n' +
  'Accept-Encoding: gzip\r\nConnection: close\r\n\r\n'

function announce(): string {
  const port = 1 + Math.floor(random() * 65535)
  const left = random() < 0.75 ? 0 : 123456789
  return (
    `GET /announce?info_hash=${infoHash(pickTorrent(TORRENTS))}&peer_id=-LT2080-abcdefghijkl&port=${port}` +
    `&uploaded=0&downloaded=0&left=${left}&corrupt=0&key=1A2B3C4D&event=started&numwant=50&compact=1` +
    `&no_peer_id=1&supportcrypto=1&redundant=0${HEAD}`
  )
}

function scrape(hashes: number): string {
  const parts = Array.from({ length: hashes }, () => `info_hash=${infoHash(pickTorrent(TORRENTS))}`)
  return `GET /scrape?${parts.join('&')}${HEAD}`
}

const swarms = attachSwarms(
  createSwarmMemory({ maxTorrents: 200_000, maxPeers: 400_000, workers: 1 }),
  true,
)
const counts = new Int32Array(COUNTER_WORDS)
const handler = new Handler(
  new Responder(swarms, counts),
  {
    announceInterval: 900,
    minAnnounceInterval: 300,
    intervalJitter: 5,
    maxResponsePeers: 50,
    pauseHttp: NO_PAUSE,
    pauseHttps: NO_PAUSE,
    maxScrapeTorrents: 255,
    believesAddresses: false,
  },
  counts,
)
readClock()
handler.setTime(NOW)
const request = new HttpRequest()
request.out = new Uint8Array(new ArrayBuffer(ANSWER_BYTES_MAX))
let checksum = 0

interface Batch {
  readonly bytes: Uint8Array
  readonly starts: Int32Array
}

/** Requests one behind the other, as they come over a connection. */
function batchOf(text: () => string): Batch {
  const starts = new Int32Array(BATCH + 1)
  const parts = Array.from({ length: BATCH }, (_, i) => {
    const bytes = new TextEncoder().encode(text())
    starts[i + 1] = starts[i] + bytes.length
    return bytes
  })
  const bytes = new Uint8Array(new ArrayBuffer(starts[BATCH]))
  for (const [i, part] of parts.entries()) bytes.set(part, starts[i])
  return { bytes, starts }
}

function parseBatch({ bytes, starts }: Batch): void {
  for (let i = 0; i < BATCH; i++) {
    const used = parse(request, bytes, starts[i], bytes.length)
    checksum = (checksum * 31 + used + request.announce.peer.port) | 0
  }
}

function serveBatch({ bytes, starts }: Batch): void {
  for (let i = 0; i < BATCH; i++) {
    request.source.setIPv4(0x0000000a | (((i * 7919) & 0xffff) << 8))
    checksum = (checksum * 31 + handler.serve(request, bytes, starts[i], bytes.length)) | 0
    checksum = (checksum + request.end) | 0
  }
}

function bench(name: string, text: () => string, work: (batch: Batch) => void): void {
  const times: number[] = []
  const batches = Array.from({ length: Math.ceil(PEERS / BATCH / 8) }, () => batchOf(text))
  for (let round = 0; round <= ROUNDS; round++) {
    const start = Bun.nanoseconds()
    for (const batch of batches) work(batch)
    times.push((Bun.nanoseconds() - start) / batches.length / BATCH)
  }
  console.log(timesLine(name, 28, times.slice(1)))
}

bench('parse an announce', announce, parseBatch)
for (let i = 0; i < 8; i++) serveBatch(batchOf(announce))
bench('serve an announce', announce, serveBatch)
bench('parse a scrape of 60', () => scrape(60), parseBatch)
bench('serve a scrape of 60', () => scrape(60), serveBatch)
bench('serve the page', () => `GET /${HEAD}`, serveBatch)
console.log(`checksum ${checksum}`)
