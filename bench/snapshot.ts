// What a snapshot costs: time and size for many peers, and what clients notice of it.
// Run: bun bench/snapshot.ts [--peers N] [--rate N] [--rounds N] [--executable PATH] [--smoke].
//
// First in this process, alone: swarms are filled, written and read back. Then the tracker starts with
// that snapshot, on one core; the load tester asks at a fixed rate from the other, in turn without and
// with a snapshot being written. Latencies count from the intended moment of sending.
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, exitOnSignals } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { median, table } from '../load/statistics.ts'
import { momentNow, readBootId } from '../src/persistence/boot.ts'
import { loadSnapshot } from '../src/persistence/read.ts'
import { writeSnapshot } from '../src/persistence/write.ts'
import { Announce } from '../src/swarm/announce.ts'
import { UDP_KINDS } from '../src/swarm/layout.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import type { Swarms } from '../src/swarm/swarm.ts'
import { hashInfoHash } from '../src/swarm/table/torrents.ts'
import { newFolder } from './support/folder.ts'
import { AQUATIC_UDP, load, startTracker, written } from './support/pair.ts'
import { PEERS_PER_TORRENT, pickTorrent, random, writeInfoHash } from './support/workload.ts'

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '10000000' },
    rate: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    executable: { type: 'string', default: AQUATIC_UDP },
    smoke: { type: 'boolean', default: false },
  },
})
const PEERS = values.smoke ? 20_000 : Number(values.peers)
const TORRENTS = PEERS / PEERS_PER_TORRENT
const LOAD_SECONDS = 8
const SNAPSHOT_AFTER_MS = 1500
const LIMITS = { maxTorrents: PEERS, maxPeers: PEERS * 2, workers: 1, kinds: UDP_KINDS }
const PORT = 23_917

const folder = newFolder()
const path = join(folder, 'aquatic_udp.snapshot')
const bootId = readBootId()

function fill(swarms: Swarms): void {
  const infoHash = new Int32Array(5)
  const announce = new Announce()
  announce.source = infoHash
  const { monotonic } = momentNow(bootId)
  for (let peer = 0; peer < PEERS; peer++) {
    const torrent = pickTorrent(TORRENTS)
    writeInfoHash(infoHash, 0, torrent)
    announce.hash = hashInfoHash(swarms.ipv4[0], infoHash, 0)
    announce.seeder = random() < 0.75
    announce.now = monotonic - Math.floor(random() * 600)
    announce.peer.setIPv4(peer)
    announce.peer.port = peer & 0xffff
    swarms.announce(swarms.tableOf(true, announce.hash), announce)
  }
}

async function alone(): Promise<void> {
  const before = attachSwarms(createSwarmMemory(LIMITS), true)
  fill(before)
  const request = { path, swarms: before, bootId }
  const full = await writeSnapshot({ ...request, gently: false })
  const gentle = await writeSnapshot({ ...request, gently: true })
  const after = attachSwarms(createSwarmMemory(LIMITS), true)
  const start = performance.now()
  const now = momentNow(bootId)
  const loaded = loadSnapshot({ path, swarms: after, now, maxAge: 1200, countDownloads: true })
  const loadSeconds = (performance.now() - start) / 1000
  console.log(
    `\n${full.peers} peers in ${full.pieces} pieces, ${(full.bytes / 1e6).toFixed(1)} MB ` +
      `(${(full.bytes / full.peers).toFixed(1)} bytes per peer)\n` +
      `written at the stop, at full speed: ${full.seconds.toFixed(2)} s\n` +
      `written beside workers: ${gentle.seconds.toFixed(2)} s\n` +
      `read back: ${loadSeconds.toFixed(2)} s, ${loaded?.peers} peers`,
  )
  console.log(`checksum ${full.peers * 31 + full.pieces}`)
}

interface Figures {
  readonly p50: number
  readonly p99: number
  readonly 'p99.9': number
  readonly max: number
  readonly lost: number
}

function settingsFile(): string {
  const file = join(folder, 'settings.toml')
  writeFileSync(
    file,
    `log_level = 'info'\n[network]\naddress = '127.0.0.1:${PORT}'\n[persistence]\npath = '${folder}'
       interval_minutes = 0\n[limits]\nmax_torrents = ${PEERS * 2}\nmax_peers = ${PEERS * 2}\n`,
  )
  return file
}

/** Has the tracker write its `nth` snapshot; returns what it says of it. */
async function snapshot(tracker: Child, nth: number): Promise<string> {
  process.kill(tracker.pid, 'SIGUSR2')
  return (await written(tracker, /snapshot written: (.*)/, nth))[1]
}

/** Asks at the fixed rate for some seconds. */
async function ask(): Promise<Figures> {
  const { latency_ms, lost_share } = await load('load', folder, PORT, {
    MODE: 'open',
    OPEN_LOOP_RATE: values.rate,
    DURATION: LOAD_SECONDS,
    SUMMARIZE_LAST: LOAD_SECONDS - 1,
  })
  return { ...latency_ms.all, lost: lost_share }
}

async function beside(): Promise<void> {
  const start = performance.now()
  const tracker = startTracker('tracker', values.executable, settingsFile())
  await written(tracker, /listening on/)
  const started = (performance.now() - start) / 1000
  const rows: string[][] = []
  const kinds: { name: string; runs: Figures[] }[] = [
    { name: 'without', runs: [] },
    { name: 'with a snapshot', runs: [] },
  ]
  await ask()
  let told = ''
  for (let round = 0; round < Number(values.rounds); round++) {
    kinds[0].runs.push(await ask())
    const under = ask()
    await Bun.sleep(SNAPSHOT_AFTER_MS)
    told = await snapshot(tracker, round + 1)
    kinds[1].runs.push(await under)
  }
  for (const { name, runs } of kinds) {
    const of = (key: keyof Figures) => median(runs.map((run) => run[key])).toFixed(3)
    const worst = Math.max(...runs.map(({ max }) => max)).toFixed(3)
    rows.push([name, of('p50'), of('p99'), of('p99.9'), of('max'), worst, of('lost')])
  }
  const stop = performance.now()
  await tracker.stop()
  const stopped = (performance.now() - stop) / 1000
  console.log(
    `\ntracker: starts with the snapshot in ${started.toFixed(2)} s, writes ${told}, ` +
      `stops in ${stopped.toFixed(2)} s (${(statSync(path).size / 1e6).toFixed(1)} MB)\n`,
  )
  const head = [`latency at ${values.rate}/s, ms`, 'p50', 'p99', 'p99.9', 'max', 'worst', 'lost']
  console.log(table(head, rows))
  console.log(machineList().join('\n'))
}

exitOnSignals()
await alone()
if (!values.smoke) await beside()
