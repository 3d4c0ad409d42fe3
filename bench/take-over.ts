// What an upgrade costs: answers lost while a new process takes the place of a running one, under load.
// Run: bun bench/take-over.ts --old PATH --new PATH [--rate N] [--rounds N]: two builds of aquatic_udp.
//
// Each round starts the old build on one core, loads it at a fixed rate from the other (open loop), and
// starts the new build on the tracker's core while the load goes on. Lost answers, divided by the rate,
// are the gap in seconds.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals, startChild } from '../load/children.ts'
import { describeMachine } from '../load/machine.ts'
import { table } from '../load/statistics.ts'

const dist = join(import.meta.dir, '../dist')
const { values } = parseArgs({
  options: {
    old: { type: 'string', default: join(dist, 'aquatic_udp') },
    new: { type: 'string', default: join(dist, 'aquatic_udp') },
    rate: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '5' },
  },
})
const PORT = 23_918
const LOAD_SECONDS = 8
const NEW_AFTER_MS = 3000
const TRACKER_CORE = 0
const LOAD_CORE = 1

interface Round {
  readonly lost: number
  readonly p99: number
  readonly max: number
  readonly log: string
}

async function round(): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-bench-'))
  const settings = join(folder, 'settings.toml')
  writeFileSync(
    settings,
    `log_level = 'info'\n[network]\naddress = '127.0.0.1:${PORT}'
     [persistence]\npath = '${folder}/state'\ntake_over = true\n`,
  )
  const old = startChild('old', [values.old, '-c', settings], { core: TRACKER_CORE })
  await until(() => /listening on/.test(old.errors()))
  const json = join(folder, 'load.json')
  const load = startChild('load', [join(dist, 'aquatic_udp_load_test'), '--json', json], {
    core: LOAD_CORE,
    env: {
      PATH: process.env.PATH ?? '',
      AQUATIC_SERVER_ADDRESS: `127.0.0.1:${PORT}`,
      AQUATIC_MODE: 'open',
      AQUATIC_OPEN_LOOP_RATE: values.rate,
      AQUATIC_DURATION: String(LOAD_SECONDS),
      AQUATIC_CHECKS_FRESH_TRACKER: 'false',
    },
  })
  await Bun.sleep(NEW_AFTER_MS)
  const fresh = startChild('new', [values.new, '-c', settings], { core: TRACKER_CORE })
  await old.ended
  await load.ended
  const log = fresh.errors()
  await fresh.stop()
  const { counts, latency_ms } = JSON.parse(readFileSync(json, 'utf8')).summary
  rmSync(folder, { recursive: true, force: true })
  return { lost: counts.lost, p99: latency_ms.all.p99, max: latency_ms.all.max, log }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(10)
}

exitOnSignals()
const rows: string[][] = []
for (let i = 0; i < Number(values.rounds); i++) {
  const { lost, p99, max, log } = await round()
  const gap = (lost / Number(values.rate)) * 1000
  const peers = log.match(/restored (\d+) peers/)?.[1] ?? '?'
  const rest = log.match(/taken over, .*: (\d+) peers/)?.[1] ?? '?'
  rows.push([`${i + 1}`, `${lost}`, gap.toFixed(1), p99.toFixed(2), max.toFixed(1), peers, rest])
}
const head = ['round', 'lost', 'gap ms', 'p99 ms', 'max ms', 'peers', 'meanwhile']
console.log(`${values.rate} requests/s for ${LOAD_SECONDS} s\n\n${table(head, rows)}\n`)
console.log(
  describeMachine()
    .map((line) => `- ${line}`)
    .join('\n'),
)
