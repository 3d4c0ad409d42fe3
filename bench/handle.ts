// What answering a request costs apart from the system: parse, connection id, swarm, response.
// Run: bun bench/handle.ts [--limits] [--clients] [--smoke]. Seeded; prints nanoseconds per request as minimum, mean and
// deviation over rounds, and a checksum of all answers' sizes.
//
// A million torrents, two million peers (support/workload.ts); connects and announces in turn, a scrape
// now and then.

import { KEYS_OFF, KeyGate } from '../src/access-keys/gate.ts'
import { createGuessLimits } from '../src/access-keys/guess-limits.ts'
import { newHashKey } from '../src/access-keys/key-hash.ts'
import { ClientSample, createClientSample } from '../src/census/sample.ts'
import { defaultsOf } from '../src/config/schema.ts'
import { swapBytes } from '../src/memory/byte-order.ts'
import { readClock } from '../src/os/clock.ts'
import { permanentWords } from '../src/os/ffi.ts'
import { createPublicPeers, PeerAddresses } from '../src/peer-addresses/peer-addresses.ts'
import { peerAddressRules, peerAddressSettings } from '../src/peer-addresses/settings.ts'
import { NO_PAUSE } from '../src/requests/pause.ts'
import { createSourceLimits, SourceLimits } from '../src/source-limits/source-limits.ts'
import { attachSwarms, createSwarmMemory, setPeersPerAddress } from '../src/swarm/memory.ts'
import { Peer } from '../src/swarm/peers/peer.ts'
import { ConnectionIds } from '../src/udp/wire/connection-id.ts'
import { Request } from '../src/udp/wire/request.ts'
import { AnnounceKey } from '../src/udp/worker/announce-key.ts'
import { BANS, COUNTER_WORDS } from '../src/udp/worker/counters.ts'
import { Handler } from '../src/udp/worker/handle.ts'
import { Responder } from '../src/udp/worker/respond.ts'
import { timesLine } from './support/times.ts'
import { PEERS_PER_TORRENT, pickTorrent, random, writeInfoHash } from './support/workload.ts'

const smoke = process.argv.includes('--smoke')
const PEERS = smoke ? 2000 : 2_000_000
const TORRENTS = PEERS / PEERS_PER_TORRENT
const ROUNDS = smoke ? 2 : 4
const BATCH = 256
const SLOT_WORDS = 32
/** A million public addresses in 4,000 networks. */
const ADDRESS = 0x0000000b
const ADDRESSES = 1 << 20
const NOW = 5000
const PEERS_PER_ADDRESS = 32

const torrents = Int32Array.from({ length: PEERS }, () => pickTorrent(TORRENTS))
const ports = Int32Array.from({ length: PEERS }, () => 1 + Math.floor(random() * 65535))
const slots = permanentWords(BATCH * SLOT_WORDS)
const addresses = new Int32Array(BATCH)
const request = new Request()
request.words = slots
request.out = permanentWords(1024)
/** Whose connection id is made. */
const client = new Peer()

const ids = new ConnectionIds(new Uint8Array(32), 300)
const limits = { maxTorrents: 2_000_000, maxPeers: 4_000_000, workers: 1 }
const buffers = createSwarmMemory(limits)
setPeersPerAddress(buffers, PEERS_PER_ADDRESS)
const swarms = attachSwarms(buffers, true)
const settings = {
  maxScrapeTorrents: 255,
  maxResponsePeers: 30,
  maxResponseBytes: 1472,
  pause: NO_PAUSE,
  announceInterval: 900,
  intervalJitter: 5,
  answerInvalidId: false,
}
const counts = new Int32Array(COUNTER_WORDS)
const responder = new Responder(swarms, counts)
responder.setInterval(settings.announceInterval, 0)
const peerRules = peerAddressRules(
  defaultsOf({ peer_addresses: peerAddressSettings }).peer_addresses,
)
/** With `--limits`, what a source may ask for is limited as by default. */
const rates = {
  connects: 2000,
  requests: 3000,
  sustainedRequests: 300,
  newTorrents: 500,
  banSeconds: 60,
}
const limited = process.argv.includes('--limits')
const bans = { counts, place: BANS, writer: null }
const gate = limited ? new SourceLimits(createSourceLimits(), rates, bans) : null
swarms.admission.gate = gate
/** With `--clients`, who announces is noted for the statistics of clients. */
if (process.argv.includes('--clients')) {
  responder.clients = new ClientSample(createClientSample(new Int32Array([1, 2]), 1200))
}
responder.addresses = new PeerAddresses(createPublicPeers(), peerRules, 1200)
const handler = new Handler(responder, ids, buffers, settings, counts, gate)
const keyData = { hashKey: newHashKey(), guesses: createGuessLimits() }
handler.keys = new AnnounceKey(new KeyGate(keyData, KEYS_OFF))
readClock()
handler.setTime(NOW)

function addressOf(peer: number): number {
  return ADDRESS | ((peer & (ADDRESSES - 1)) << 8)
}

function writeAnnounce(at: number, peer: number): void {
  slots[at + 2] = 1 << 24
  slots[at + 3] = peer
  writeInfoHash(slots, at + 4, torrents[peer])
  slots[at + 16] = 0
  slots[at + 17] = random() < 0.75 ? 0 : 1
  slots[at + 20] = slots[at + 17] === 0 ? 1 << 24 : 2 << 24
  slots[at + 23] = swapBytes(30)
  slots[at + 24] = ports[peer]
}

let checksum = 0

/** Handles the filled slots; returns nanoseconds. */
function handleBatch(bytes: number): number {
  const start = Bun.nanoseconds()
  for (let i = 0; i < BATCH; i++) {
    request.at = i * SLOT_WORDS
    request.bytes = bytes
    request.peer.setIPv4(addresses[i])
    checksum = (checksum * 31 + handler.handle(request)) | 0
  }
  return Bun.nanoseconds() - start
}

function report(name: string, perRequest: readonly number[]): void {
  console.log(timesLine(name, 22, perRequest))
}

function benchAnnounce(name: string): void {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let time = 0
    for (let peer = 0; peer + BATCH <= PEERS; peer += BATCH) {
      for (let i = 0; i < BATCH; i++) {
        addresses[i] = addressOf(peer + i)
        client.setIPv4(addresses[i])
        ids.issue(client)
        slots[i * SLOT_WORDS] = ids.id0
        slots[i * SLOT_WORDS + 1] = ids.id1
        writeAnnounce(i * SLOT_WORDS, peer + i)
      }
      time += handleBatch(98)
    }
    times.push(time / Math.floor(PEERS / BATCH) / BATCH)
    if (round === 0) report(`${name}, new peers`, times.splice(0))
  }
  report(`${name}, known peers`, times)
}

function benchOther(name: string, bytes: number, fill: (at: number) => void): void {
  const times: number[] = []
  for (let round = 0; round < ROUNDS * 50; round++) {
    for (let i = 0; i < BATCH; i++) {
      addresses[i] = addressOf((round * BATCH + i) * 7919)
      fill(i * SLOT_WORDS)
    }
    times.push(handleBatch(bytes) / BATCH)
  }
  report(name, times.slice(times.length / 2))
}

benchAnnounce('announce')
benchOther('connect', 16, (at) => {
  slots[at] = 0x17040000
  slots[at + 1] = 0x80191027
  slots[at + 2] = 0
})
benchOther('scrape of 5', 116, (at) => {
  client.setIPv4(addresses[at / SLOT_WORDS])
  ids.issue(client)
  slots[at] = ids.id0
  slots[at + 1] = ids.id1
  slots[at + 2] = 2 << 24
  for (let i = 0; i < 5; i++) writeInfoHash(slots, at + 4 + i * 5, pickTorrent(TORRENTS))
})
benchOther('invalid connection id', 98, (at) => {
  slots[at] = 0x55555555
  slots[at + 1] = 0x55555555
  writeAnnounce(at, 0)
})
console.log(`checksum ${checksum}`)
