// What counting clients costs: noting announces in the sample of the UDP tracker, by the number of peers;
// and in the main thread, reading the sample, or going through the peers of the WebTorrent tracker.
// Run: bun bench/census.ts [--smoke]. Seeded; prints minimum and median over rounds, how far a share and
// the number of peers are off, and a checksum. In all of the tracker: bench/handle.ts --clients.
import { Census, fromSwarms } from '../src/census/census.ts'
import { ClientSample, ClientSampleReader, createClientSample } from '../src/census/sample.ts'
import { type ClientCount, Tally } from '../src/census/tally.ts'
import { Announce } from '../src/swarm/announce.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import { Peer } from '../src/swarm/peers/peer.ts'
import { hashInfoHash } from '../src/swarm/table/torrents.ts'

const smoke = process.argv.includes('--smoke')
const ROUNDS = smoke ? 2 : 9
const NOTES = smoke ? 2000 : 2_000_000
const SAMPLED = smoke ? [1000] : [10_000, 100_000, 2_000_000, 20_000_000]
const WS_PEERS = smoke ? 2000 : 500_000
const NOW = 5000

const VERSIONS = [
  '-qB4650-',
  '-qB5010-',
  '-TR4050-',
  '-UT355W-',
  '-DE211s-',
  '-lt0D80-',
  'A2-1-36-',
]
const IDS = VERSIONS.map((start) => {
  const bytes = Buffer.from(start)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)] as const
})

let checksum = 0

function report(name: string, unit: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[sorted.length >> 1]
  console.log(`${name.padEnd(40)} min ${sorted[0].toFixed(1)}, median ${median.toFixed(1)} ${unit}`)
}

/** Two in seven have qBittorrent. */
function sampleOf(peers: number): void {
  const data = createClientSample(new Int32Array([0x1234567, 0x89abcde]), 1200)
  const sample = new ClientSample(data)
  sample.setTime(NOW)
  const who = new Peer()
  who.port = 99
  const note = (peer: number) => {
    const id = IDS[peer % IDS.length]
    who.setIPv4(peer)
    sample.note(Math.imul(peer >> 2, 0x9e3779b1), who, id[0], id[1])
  }
  for (let peer = 0; peer < peers; peer++) note(peer)
  const notes: number[] = []
  const reads: number[] = []
  const reader = new ClientSampleReader(data)
  let counted: ClientCount[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds()
    // A step without a common factor goes through them in an order that no cache can predict.
    for (let i = 0, peer = round; i < NOTES; i++, peer = (peer + 7_654_321) % peers) note(peer)
    notes.push((Bun.nanoseconds() - start) / NOTES)
    const tally = new Tally()
    const startRead = Bun.nanoseconds()
    reader.read(tally, NOW)
    reads.push((Bun.nanoseconds() - startRead) / 1e6)
    counted = tally.result()
  }
  const all = counted.reduce((sum, row) => sum + row.peers, 0)
  const qBittorrent = counted.filter(({ client }) => client === 'qBittorrent')
  const share = qBittorrent.reduce((sum, row) => sum + row.peers, 0) / all
  const name = `${peers.toLocaleString('en')} peers`
  report(`${name}: note`, 'ns per announce', notes)
  report(`${name}: read`, 'ms', reads)
  console.log(
    `${name}: number ${((all / peers - 1) * 100).toFixed(2)} % off, ` +
      `share ${((share - 2 / 7) * 100).toFixed(2)} points off`,
  )
  checksum = (checksum * 31 + all) | 0
}

async function swarmsOf(peers: number): Promise<void> {
  const limits = { maxTorrents: peers, maxPeers: peers * 2, workers: 1 }
  const swarms = attachSwarms(createSwarmMemory({ ...limits, kinds: ['websocket'] }), true)
  const infoHash = new Int32Array(5)
  const announce = new Announce()
  announce.source = infoHash
  announce.now = NOW
  for (let peer = 0; peer < peers; peer++) {
    // Half in swarms of five, half in swarms of 500.
    const torrent = peer % 2 === 0 ? (peer / 10) | 0 : -1 - ((peer / 1000) | 0)
    for (let i = 0; i < 5; i++) infoHash[i] = Math.imul(torrent, 0x9e3779b1 + i * 2)
    announce.hash = hashInfoHash(swarms.websocket[0], infoHash, 0)
    const table = swarms.websocketTableOf(announce.hash)
    const [id0, id1] = IDS[peer % IDS.length]
    announce.peer.setWords(Int32Array.of(id0, id1, 1, 2), 0)
    announce.peer.id4 = peer
    table.lock()
    swarms.announce(table, announce)
    table.unlock()
  }
  const census = new Census(fromSwarms(swarms))
  const times: number[] = []
  const processor: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [start, used] = [Bun.nanoseconds(), process.cpuUsage()]
    await census.run()
    times.push((Bun.nanoseconds() - start) / 1e6)
    const { user, system } = process.cpuUsage(used)
    processor.push((user + system) / 1e3)
  }
  const name = `${peers.toLocaleString('en')} WebSocket peers: census`
  report(name, 'ms', times)
  report(name, 'ms of processor time', processor)
  checksum = (checksum * 31 + census.result.reduce((sum, row) => sum + row.peers, 0)) | 0
}

for (const peers of SAMPLED) sampleOf(peers)
await swarmsOf(WS_PEERS)
console.log(`checksum ${checksum}`)
