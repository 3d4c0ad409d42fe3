// What the swarm tables cost by themselves: nanoseconds per announce from a thousand to ten million
// peers, bytes per peer, and how long a slice of a cleaning holds the lock.
// Run: bun bench/swarm.ts [--smoke] [--max PEERS] [--ipv6] [--ahead]
//
// Seeded. «new» is a peer's first announce, «again» that of a random known one; each wants 50
// peers and reads those it gets. With --ahead, every other round of «again» looks batches through ahead, as the
// UDP tracker does with large tables (swarm/table/look-ahead.ts). Times are the fastest round, and mean ± deviation over rounds. The
// checksum covers every count and every chosen peer, so that nothing can be optimised away.

import { PAGE_BYTES } from '../src/memory/arena.ts'
import { nowMilliseconds } from '../src/os/clock.ts'
import { Announce } from '../src/swarm/announce.ts'
import { attachTables, createSwarmMemory, setPeersPerAddress } from '../src/swarm/memory.ts'
import { Swarms } from '../src/swarm/swarm.ts'
import { LookAhead } from '../src/swarm/table/look-ahead.ts'
import { hashInfoHash } from '../src/swarm/table/torrents.ts'
import { cleanSlice, startCleaning } from '../src/swarm/walks/clean.ts'
import { type Times, times } from './support/times.ts'
import { writeInfoHash } from './support/workload.ts'

const smoke = process.argv.includes('--smoke')
const ipv4 = !process.argv.includes('--ipv6')
const usesAhead = process.argv.includes('--ahead')
const maxAt = process.argv.indexOf('--max')
const PEERS_MAX = maxAt > 0 ? Number(process.argv[maxAt + 1]) : smoke ? 2000 : 10_000_000
const ROUND = smoke ? 2000 : 100_000
const ROUNDS = smoke ? 2 : 12
/** Room for the requests of one round: info hash, address, port, role; a cache line at most. */
const REQUEST_WORDS = 12
const WANTED = 50
const NOW = 5000
const MAX_AGE = 1200
const SLICE_PEERS = 1000
const PEERS_PER_ADDRESS = 32
/** As a busy tracker receives them. */
const BATCH = 32

/**
 * A tracker has about one torrent for every five peers, and popularity falls with the 0.7th power of
 * the rank: in ten million peers the largest swarm has 1 in 80, half of the torrents have one or two.
 */
const PEERS_PER_TORRENT = 5
const RANK_EXPONENT = 0.7

const requests = new Int32Array(ROUND * REQUEST_WORDS)
const request = new Announce()
request.source = requests
request.wanted = WANTED
let checksum = 0
let seed = 1

function random(): number {
  seed = (seed + 0x6d2b79f5) | 0
  return mix(seed) / 4294967296
}

/** A pseudo-random number that depends on its argument alone. */
function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 15), value | 1)
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
  return (x ^ (x >>> 14)) >>> 0
}

/** Which torrent a peer is in: a swarm's size follows its rank. */
type TorrentOf = (peer: number) => number

function popular(peers: number): TorrentOf {
  const torrents = Math.ceil(peers / PEERS_PER_TORRENT)
  const power = 1 / (1 - RANK_EXPONENT)
  return (peer) => Math.floor(torrents * (mix(peer ^ 0x5bd1e995) / 4294967296) ** power)
}

const alone: TorrentOf = () => 1

/** Torrents alike, so that those with peers have 1.3 or 2.5 on average, as at public trackers. */
const PEERS_PER_TORRENT_SMALL = 0.56
const PEERS_PER_TORRENT_MEDIUM = 2.23

function small(peersPerTorrent: number): (peers: number) => TorrentOf {
  return (peers) => {
    const torrents = Math.ceil(peers / peersPerTorrent)
    return (peer) => Math.floor((torrents * mix(peer ^ 0x5bd1e995)) / 4294967296)
  }
}

/** Everything about a peer follows from its number, so that the benchmark itself needs no memory for it. */
function writeRequest(index: number, peer: number, torrentOf: TorrentOf): void {
  const at = index * REQUEST_WORDS
  const torrent = torrentOf(peer)
  writeInfoHash(requests, at, torrent)
  // Numbers times an odd constant: no two peers have the same address.
  requests[at + 5] = Math.imul(peer, 0x01000193)
  requests[at + 6] = ipv4 ? 0 : Math.imul(peer, 0x85ebca6b)
  requests[at + 7] = ipv4 ? 0 : torrent
  requests[at + 8] = ipv4 ? 0 : peer
  requests[at + 9] = 1 + (mix(peer + 7) % 65_535)
  requests[at + 10] = mix(peer) & 1
}

/** Handles the first `count` requests; returns nanoseconds for each. */
function announceAll(swarms: Swarms, ahead: LookAhead | null, count: number, now: number): number {
  const start = nowMilliseconds()
  for (let first = 0; first < count; first += BATCH) {
    const batch = Math.min(BATCH, count - first)
    if (ahead?.isWorthwhile(batch)) {
      for (let i = 0; i < batch; i++) ahead.hash(i, ipv4, requests, (first + i) * REQUEST_WORDS)
      ahead.readAll(batch)
    }
    for (let i = 0; i < batch; i++) announce(swarms, (first + i) * REQUEST_WORDS, now)
  }
  return ((nowMilliseconds() - start) * 1e6) / count
}

function announce(swarms: Swarms, at: number, now: number): void {
  const { peer } = request
  request.infoHash = at
  request.hash = hashInfoHash(swarms.ipv4[0], requests, at)
  if (ipv4) peer.setIPv4(requests[at + 5])
  else peer.setWords(requests, at + 5)
  peer.port = requests[at + 9]
  request.seeder = requests[at + 10] === 1
  request.now = now
  const table = swarms.tableOf(ipv4, request.hash)
  table.lock()
  const status = swarms.announce(table, request)
  const { words, stride } = table
  const { runs, runCount } = swarms.choice
  let sum = swarms.seeders + swarms.leechers + status
  for (let run = 0; run < runCount; run++) {
    const end = runs[run * 2] + runs[run * 2 + 1] * stride
    for (let word = runs[run * 2]; word < end; word++) sum = (sum + words[word]) | 0
  }
  table.unlock()
  checksum = (checksum * 31 + sum) | 0
}

interface Result {
  readonly again: Times
  readonly swarms: Swarms
}

function show({ lowest, mean, deviation }: Times): string {
  const text = `${lowest.toFixed(0)} (${mean.toFixed(0)} ± ${deviation.toFixed(0)})`
  return text.padStart(18)
}

function measure(peers: number, torrentOf: TorrentOf, firstLine: number): Result {
  const limits = { maxTorrents: peers + 1000, maxPeers: peers + 1000, workers: 1 }
  const buffers = { ...createSwarmMemory(limits), key0: 1, key1: 2 }
  setPeersPerAddress(buffers, PEERS_PER_ADDRESS)
  const totals = new Int32Array(buffers.control)
  const swarms = new Swarms(attachTables(buffers), totals, true, 1, null)
  const ahead = new LookAhead(swarms, totals, BATCH)
  // First all peers once, then random ones again; the last tenth of the first is shown.
  const added: number[] = []
  const step = Math.min(ROUND, Math.ceil(peers / 20))
  for (let peer = 0; peer < peers; peer += step) {
    const count = Math.min(step, peers - peer)
    for (let i = 0; i < count; i++) writeRequest(i, peer + i, torrentOf)
    const each = announceAll(swarms, null, count, NOW)
    if (peer >= peers * 0.9) added.push(each)
  }
  const again: number[] = []
  const lookedAhead: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    for (let i = 0; i < ROUND; i++) writeRequest(i, Math.floor(random() * peers), torrentOf)
    const each = announceAll(swarms, null, ROUND, NOW)
    if (round > 0) again.push(each)
    if (!usesAhead) continue
    for (let i = 0; i < ROUND; i++) writeRequest(i, Math.floor(random() * peers), torrentOf)
    const other = announceAll(swarms, ahead, ROUND, NOW)
    if (round > 0) lookedAhead.push(other)
  }
  const result = { again: times(again), swarms }
  const bytes = (swarms.ipv4[0].arena.pagesInUse() * PAGE_BYTES) / peers
  const ratio = firstLine === 0 ? 1 : result.again.mean / firstLine
  const cells = [
    peers.toLocaleString('en').padStart(12),
    show(times(added)),
    show(result.again),
    ratio.toFixed(2).padStart(8),
    bytes.toFixed(1).padStart(14),
    ...(usesAhead ? [show(times(lookedAhead))] : []),
  ]
  console.log(cells.join(' '))
  return result
}

function head(title: string): void {
  console.log(`\n${title}`)
  console.log(
    '       peers            new, ns          again, ns  × first  bytes per peer' +
      (usesAhead ? '          ahead, ns' : ''),
  )
}

/** Milliseconds that slices of a cleaning hold the lock. */
function measureCleaning(swarms: Swarms, now: number, what: string): void {
  const slices: number[] = []
  for (const table of ipv4 ? swarms.ipv4 : swarms.ipv6) {
    startCleaning(table)
    for (let done = false; !done; ) {
      const start = nowMilliseconds()
      done = cleanSlice(swarms, table, now, MAX_AGE, SLICE_PEERS)
      slices.push(nowMilliseconds() - start)
    }
  }
  slices.sort((a, b) => a - b)
  const at = (share: number) =>
    slices[Math.min(slices.length - 1, Math.floor(slices.length * share))]
  const text = [0.5, 0.99, 1].map((share) => at(share).toFixed(3)).join(' / ')
  console.log(`${what}: ${slices.length} slices, median / 99 % / longest ${text} ms`)
}

function sizes(largest: number): number[] {
  const all = [1000, 10_000, 100_000, 1_000_000, 10_000_000]
  return all.filter((peers) => peers <= Math.min(largest, PEERS_MAX))
}

/** The first line warms the engine up; it is printed again at the end of the warming. */
function series(title: string, largest: number, of: (peers: number) => TorrentOf): Swarms[] {
  head(title)
  let first = 0
  const kept: Swarms[] = []
  for (const peers of sizes(largest)) {
    const { again, swarms } = measure(peers, of(peers), first)
    if (first === 0) first = again.mean
    if (peers >= Math.min(1_000_000, PEERS_MAX)) kept.push(swarms)
  }
  return kept
}

console.log(`Announces, ${ipv4 ? 'IPv4' : 'IPv6'}, ${WANTED} peers wanted; one thread`)
// Warm the engine up with everything once.
series('(warming up)', 10_000, popular)
series('(warming up)', 10_000, () => alone)
const [many] = series('Many torrents, popularity as of a tracker', 10_000_000, popular)
series('Torrents of 1.3 peers', 10_000_000, small(PEERS_PER_TORRENT_SMALL))
series('Torrents of 2.5 peers', 10_000_000, small(PEERS_PER_TORRENT_MEDIUM))
const [one] = series('One torrent', 1_000_000, () => alone)

console.log(`\nCleaning, slices of ${SLICE_PEERS} peers`)
if (many !== undefined) {
  measureCleaning(many, NOW, 'many torrents, nobody too old')
  measureCleaning(many, NOW + MAX_AGE + 1, 'many torrents, all too old')
}
if (one !== undefined) {
  measureCleaning(one, NOW, 'one torrent, nobody too old')
  measureCleaning(one, NOW + MAX_AGE + 1, 'one torrent, all too old')
}
console.log(`checksum ${(checksum >>> 0).toString(16)}`)
