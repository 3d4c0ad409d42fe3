// What the cluster costs in the swarms: noting an announce for the other nodes, and applying what others have noted.
// Run by bench/cluster.ts swarms [--smoke] [--peers PEERS] [--ipv6].
//
// Seeded; prints the fastest round, and mean ± deviation over rounds. The load is of regular clients: each announces again
// after 900 seconds, which is always noted; a few come, leave, or complete. «noting» is measured in turn with and without.
// The checksum covers what was noted and the counts of what was applied.
import { createRing } from '../../src/channel/ring.ts'
import { Applier } from '../../src/cluster/apply.ts'
import { ClusterClock } from '../../src/cluster/cluster-clock.ts'
import { Graves } from '../../src/cluster/graves.ts'
import {
  BATCH_AGE_UNIT,
  BATCH_HEAD_WORDS,
  BATCH_MAGIC_VERSION,
  BATCH_RECORD_WORDS,
  BATCH_RECORDS,
  BATCH_RECORDS_MAX,
  KIND_COMPLETED,
  KIND_LEFT,
  KIND_SEEN,
  MAGIC_AND_VERSION,
  RECORD_ADDRESS,
  RECORD_KIND_SHIFT,
  RECORD_WORDS_IPV4,
  RECORD_WORDS_IPV6,
} from '../../src/cluster/layout.ts'
import { ClusterNotes, createNoteState, NOTE_RING_WORDS } from '../../src/cluster/note.ts'
import { Packer } from '../../src/cluster/pack.ts'
import { checkBatch } from '../../src/cluster/unpack.ts'
import { type AnnounceRequest, SwarmResponder } from '../../src/requests/responder.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { attachTables, createSwarmMemory, setPeersPerAddress } from '../../src/swarm/memory.ts'
import { AHEAD_MAX_SEC } from '../../src/swarm/seconds.ts'
import { Swarms } from '../../src/swarm/swarm.ts'
import type { Table } from '../../src/swarm/table/table.ts'
import { hashInfoHash } from '../../src/swarm/table/torrents.ts'
import { threadMilliseconds } from '../support/thread-time.ts'
import { times } from '../support/times.ts'
import { writeInfoHash } from '../support/workload.ts'

const smoke = process.argv.includes('--smoke')
const ipv4 = !process.argv.includes('--ipv6')
const peersAt = process.argv.indexOf('--peers')
const PEERS = peersAt > 0 ? Number(process.argv[peersAt + 1]) : smoke ? 5000 : 20_000_000
const ROUND = smoke ? 1000 : 100_000
const ROUNDS = smoke ? 2 : 12
/** One after the other without and with notes, so that both find the same caches. */
const NOTE_BATCH = 2000
/** Announces of a worker's turn. */
const TURN = 32
const INTERVAL = 900
const MAX_PEER_AGE = 1800
const WANTED = 50
const RECORD_WORDS = ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6
const PEERS_PER_TORRENT = 5
const RANK_EXPONENT = 0.7

let checksum = 0
let seed = 1
let now = 1_000_000

class Responder extends SwarmResponder<AnnounceRequest> {
  protected override announced(_: AnnounceRequest, status: number, table: Table): number {
    const { words, stride } = table
    const { runs, runCount } = this.swarms.choice
    let sum = status
    for (let run = 0; run < runCount; run++) {
      const end = runs[run * 2] + runs[run * 2 + 1] * stride
      for (let word = runs[run * 2]; word < end; word++) sum = (sum + words[word]) | 0
    }
    return sum
  }
  protected override refused(_: AnnounceRequest, status: number): number {
    return status
  }
}

function random(): number {
  seed = (seed + 0x6d2b79f5) | 0
  return mix(seed) / 4294967296
}

function mix(value: number): number {
  let x = Math.imul(value ^ (value >>> 15), value | 1)
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
  return (x ^ (x >>> 14)) >>> 0
}

/** As in bench/swarm.ts: popularity falls with the 0.7th power of the rank. */
function torrentOf(peer: number): number {
  const torrents = Math.ceil(PEERS / PEERS_PER_TORRENT)
  const share = mix(peer ^ 0x5bd1e995) / 4294967296
  return Math.floor(torrents * share ** (1 / (1 - RANK_EXPONENT)))
}

/** Everything about a peer follows from its number. Writes info hash and address. */
function writePeer(words: Int32Array, at: number, peer: number): void {
  writeInfoHash(words, at, torrentOf(peer))
  words[at + RECORD_ADDRESS] = Math.imul(peer, 0x01000193)
  if (ipv4) return
  words[at + RECORD_ADDRESS + 1] = Math.imul(peer, 0x85ebca6b)
  words[at + RECORD_ADDRESS + 2] = 1
  words[at + RECORD_ADDRESS + 3] = peer
}

function portOf(peer: number): number {
  return 1 + (mix(peer + 7) % 65_535)
}

const limits = { maxTorrents: PEERS / 4 + 1000, maxPeers: PEERS + ROUND + 1000, workers: 2 }
const buffers = createSwarmMemory(limits)
setPeersPerAddress(buffers, 32)
const totals = new Int32Array(buffers.control)
const swarms = new Swarms(attachTables(buffers), totals, true, 1, null)
const state = createNoteState(1)
const ring = createRing(NOTE_RING_WORDS)
const notes = new ClusterNotes({ ring, state, index: 0 }, MAX_PEER_AGE)
const graves = new Graves()
const clock = new ClusterClock()
const packer = new Packer({ rings: [ring], state, swarms, graves, clock })
const responder = new Responder(swarms, new Int32Array(1))
const applier = new Applier({
  ...{ swarms, totals, graves, packer, clock, maxPeerAge: MAX_PEER_AGE },
  ...{ addresses: null, networks: null },
})
const announce = new Announce()
const source = new Int32Array(RECORD_WORDS_IPV6)
const request = { announce }
announce.source = source
announce.wanted = WANTED

function setAnnounce(peer: number): void {
  writePeer(source, 0, peer)
  announce.hash = hashInfoHash(swarms.ipv4[0], source, 0)
  if (ipv4) announce.peer.setIPv4(source[RECORD_ADDRESS])
  else announce.peer.setWords(source, RECORD_ADDRESS)
  announce.peer.port = portOf(peer)
  announce.seeder = (mix(peer) & 1) === 1
}

function show(title: string, values: readonly number[], unit: string): number {
  const { lowest, mean, deviation } = times([...values])
  const text = `${lowest.toFixed(1)} (${mean.toFixed(1)} ± ${deviation.toFixed(1)}) ${unit}`
  console.log(`${title.padEnd(34)} ${text}`)
  return mean
}

/** Nanoseconds for each of some announces; what is noted is taken away afterwards. */
function announceSome(first: number): number {
  const start = threadMilliseconds()
  for (let i = 0; i < NOTE_BATCH; i++) {
    if (i % TURN === 0) responder.setTime(now)
    setAnnounce((first + i * 7919) % PEERS)
    checksum = (checksum * 31 + responder.announce(request)) | 0
  }
  return ((threadMilliseconds() - start) * 1e6) / NOTE_BATCH
}

const taken = new Int32Array(BATCH_RECORDS_MAX * RECORD_WORDS)
function takeAll(): number {
  packer.collect(now)
  let records = 0
  for (;;) {
    const count = packer.take(taken, 0, BATCH_RECORDS_MAX, RECORD_WORDS, now)
    if (count === 0) return records
    records += count
  }
}

function measureNoting(): void {
  const without: number[] = []
  const noting: number[] = []
  let noted = 0
  for (let round = 0; round < (smoke ? 4 : 400); round++) {
    // The same peers in both, of which the second time finds them in the caches: so each is first in turn.
    for (let half = 0; half < 2; half++) {
      now += INTERVAL
      responder.setTime(now)
      const isNoted = (round + half) % 2 === 1
      responder.notes = isNoted ? notes : null
      const each = announceSome(Math.floor(random() * PEERS))
      noted += takeAll()
      if (round >= 2) (isNoted ? noting : without).push(each)
    }
  }
  responder.notes = null
  const before = show('announce without notes', without, 'ns')
  const after = show('announce with notes', noting, 'ns')
  console.log(
    `${'noting'.padEnd(34)} ${(after - before).toFixed(1)} ns, ${((after / before - 1) * 100).toFixed(1)} % of this part of an announce; ${noted} noted`,
  )
}

/** Only the call, of an announce that was just carried out. */
function measureNote(): void {
  const values: number[] = []
  setAnnounce(1)
  announce.now = now
  announce.before = ((now - INTERVAL) & 0x7fff) << 16
  announce.joined = false
  for (let round = 0; round < ROUNDS * 20; round++) {
    const start = threadMilliseconds()
    for (let i = 0; i < NOTE_BATCH; i++) notes.seen(announce)
    values.push(((threadMilliseconds() - start) * 1e6) / NOTE_BATCH)
    takeAll()
  }
  show('the call alone', values.slice(ROUNDS), 'ns')
}

const BATCHES = ROUND / BATCH_RECORDS_MAX
const batches = Array.from(
  { length: BATCHES },
  () => new Int32Array(BATCH_HEAD_WORDS + BATCH_RECORDS_MAX * RECORD_WORDS),
)

/** A part of the records comes and goes; the others are renewals of random peers. */
function writeBatches(part: number): void {
  for (const words of batches) {
    words[BATCH_MAGIC_VERSION] = MAGIC_AND_VERSION
    words[BATCH_RECORDS] = BATCH_RECORDS_MAX
    words[BATCH_RECORD_WORDS] = RECORD_WORDS
    words[BATCH_AGE_UNIT] = 1
    for (let i = 0; i < BATCH_RECORDS_MAX; i++) {
      const at = BATCH_HEAD_WORDS + i * RECORD_WORDS
      const peer = Math.floor(random() * PEERS)
      const chance = random()
      const kind = chance < part ? KIND_LEFT : chance < part * 1.2 ? KIND_COMPLETED : KIND_SEEN
      const seeder = kind === KIND_COMPLETED || (kind === KIND_SEEN && (mix(peer) & 1) === 1)
      // Those that have left come back as others' announces, with the same probability.
      writePeer(words, at, peer)
      words[at + RECORD_WORDS - 1] =
        portOf(peer) | (kind << RECORD_KIND_SHIFT) | (seeder ? 1 << 31 : 0)
    }
  }
}

function measureApplying(title: string, part: number): void {
  const values: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    writeBatches(part)
    now += INTERVAL / 4
    const start = threadMilliseconds()
    for (const words of batches) {
      checksum = (checksum + checkBatch(words, words.length)) | 0
      applier.apply(words, AHEAD_MAX_SEC, now)
    }
    if (round > 0) values.push(((threadMilliseconds() - start) * 1e6) / ROUND)
  }
  show(title, values, 'ns per record')
}

console.log(`${PEERS.toLocaleString('en')} peers, ${ipv4 ? 'IPv4' : 'IPv6'}; one thread`)
for (let peer = 0; peer < PEERS; peer++) {
  setAnnounce(peer)
  responder.setTime(now)
  announce.wanted = 0
  checksum = (checksum * 31 + responder.announce(request)) | 0
}
announce.wanted = WANTED
measureNoting()
measureNote()
measureApplying('applying, renewals', 0)
measureApplying('applying, 3 % leave', 0.03)
console.log(`applied: ${JSON.stringify(applier.counts)}`)
console.log(`checksum ${(checksum >>> 0).toString(16)}`)
