// What a snapshot costs: time and size for many peers, and what clients notice of it.
// Run: bun bench/snapshot.ts [--peers N] [--rate N] [--rounds N] [--executable PATH] [--smoke].
//
// First in this process, alone: swarms are filled, written and read back. Then the tracker starts with
// that snapshot, on one core; the load tester asks at a fixed rate from the other, in turn without and
// with a snapshot being written. Latencies count from the intended moment of sending.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from '../load/machine.ts'
import { median, table } from '../load/statistics.ts'
import { momentNow, readBootId } from '../src/persistence/boot.ts'
import { loadSnapshot } from '../src/persistence/read.ts'
import { writeSnapshot } from '../src/persistence/write.ts'
import { UDP_KINDS } from '../src/swarm/layout.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import type { Swarms } from '../src/swarm/swarm.ts'
import { hashInfoHash } from '../src/swarm/torrents.ts'

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '10000000' },
    rate: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '3' },
    executable: { type: 'string', default: join(import.meta.dir, '../dist/aquatic_udp') },
    smoke: { type: 'boolean', default: false },
  },
})
const PEERS = values.smoke ? 20_000 : Number(values.peers)
/** As in bench/handle.ts: a million torrents to two million peers, most of them in large swarms. */
const TORRENTS = PEERS / 2
const LOAD_SECONDS = 8
const SNAPSHOT_AFTER_MS = 1500
const LIMITS = { maxTorrents: PEERS, maxPeers: PEERS * 2, workers: 1, kinds: UDP_KINDS }
const PORT = 23_917

const folder = mkdtempSync(join(tmpdir(), 'aquatic-bench-'))
const path = join(folder, 'aquatic_udp.snapshot')
const bootId = readBootId()

let state = 0x2545f491
function random(): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) / 2 ** 32
}

function pickTorrent(): number {
  if (random() < 0.27) return Math.floor(random() * TORRENTS)
  return Math.min(TORRENTS - 1, Math.floor((-Math.log(1 - random()) * TORRENTS) / 500))
}

function fill(swarms: Swarms): void {
  const infoHash = new Int32Array(5)
  const { monotonic } = momentNow(bootId)
  for (let peer = 0; peer < PEERS; peer++) {
    const torrent = pickTorrent()
    for (let i = 0; i < 5; i++) infoHash[i] = Math.imul(torrent + 1, 0x9e3779b1 + i * 2)
    const hash = hashInfoHash(swarms.ipv4[0], infoHash, 0)
    const swarmTable = swarms.tableOf(true, hash)
    const seeder = random() < 0.75
    const now = monotonic - Math.floor(random() * 600)
    const port = peer & 0xffff
    swarms.announce(swarmTable, infoHash, 0, hash, peer, 0, 0, 0, port, seeder, false, 0, now)
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

class Tracker {
  stderr = ''
  private readonly child: Bun.Subprocess<'ignore', 'ignore', 'pipe'>
  private readonly startedAt = performance.now()

  constructor() {
    const file = join(folder, 'settings.toml')
    writeFileSync(
      file,
      `log_level = 'info'\n[network]\naddress = '127.0.0.1:${PORT}'\n[persistence]\npath = '${folder}'
       interval_minutes = 0\n[limits]\nmax_torrents = ${PEERS * 2}\nmax_peers = ${PEERS * 2}\n`,
    )
    const command = ['taskset', '-c', '0', values.executable, '-c', file]
    this.child = Bun.spawn(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
    void this.read()
  }

  async waitFor(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.stderr.match(pattern)
      if (match !== null) return match
      if (this.child.exitCode !== null) throw new Error(`the tracker ended:\n${this.stderr}`)
      await Bun.sleep(20)
    }
  }

  /** Seconds from the start of the process until it serves. */
  async started(): Promise<number> {
    await this.waitFor(/listening on/)
    return (performance.now() - this.startedAt) / 1000
  }

  async snapshot(): Promise<string> {
    this.stderr = ''
    this.child.kill('SIGUSR2')
    return (await this.waitFor(/snapshot written: (.*)/))[1]
  }

  async stop(): Promise<number> {
    const start = performance.now()
    this.child.kill('SIGTERM')
    await this.child.exited
    return (performance.now() - start) / 1000
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.child.stderr) this.stderr += decoder.decode(chunk)
  }
}

/** Asks at the fixed rate for some seconds. */
async function load(): Promise<Figures> {
  const json = join(folder, 'load.json')
  const env = {
    AQUATIC_SERVER_ADDRESS: `127.0.0.1:${PORT}`,
    AQUATIC_MODE: 'open',
    AQUATIC_OPEN_LOOP_RATE: values.rate,
    AQUATIC_DURATION: String(LOAD_SECONDS),
    AQUATIC_SUMMARIZE_LAST: String(LOAD_SECONDS - 1),
    AQUATIC_CHECKS_FRESH_TRACKER: 'false',
  }
  const program = join(import.meta.dir, '../dist/aquatic_udp_load_test')
  const child = Bun.spawn(['taskset', '-c', '1', program, '--json', json], {
    env: { ...process.env, ...env },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  await child.exited
  const { latency_ms, lost_share } = JSON.parse(readFileSync(json, 'utf8')).summary
  return { ...latency_ms.all, lost: lost_share }
}

async function beside(): Promise<void> {
  const tracker = new Tracker()
  const started = await tracker.started()
  const rows: string[][] = []
  const kinds: { name: string; runs: Figures[] }[] = [
    { name: 'without', runs: [] },
    { name: 'with a snapshot', runs: [] },
  ]
  await load()
  let written = ''
  for (let round = 0; round < Number(values.rounds); round++) {
    kinds[0].runs.push(await load())
    const under = load()
    await Bun.sleep(SNAPSHOT_AFTER_MS)
    written = await tracker.snapshot()
    kinds[1].runs.push(await under)
  }
  for (const { name, runs } of kinds) {
    const of = (key: keyof Figures) => median(runs.map((run) => run[key])).toFixed(3)
    const worst = Math.max(...runs.map(({ max }) => max)).toFixed(3)
    rows.push([name, of('p50'), of('p99'), of('p99.9'), of('max'), worst, of('lost')])
  }
  const stopped = await tracker.stop()
  console.log(
    `\ntracker: starts with the snapshot in ${started.toFixed(2)} s, writes ${written}, ` +
      `stops in ${stopped.toFixed(2)} s (${(statSync(path).size / 1e6).toFixed(1)} MB)\n`,
  )
  const head = [`latency at ${values.rate}/s, ms`, 'p50', 'p99', 'p99.9', 'max', 'worst', 'lost']
  console.log(table(head, rows))
  console.log(
    describeMachine()
      .map((line) => `- ${line}`)
      .join('\n'),
  )
}

try {
  await alone()
  if (!values.smoke) await beside()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
