// What an upgrade costs: answers lost while a new process takes the place of a running one, under load.
// Run: bun bench/take-over.ts --old PATH --new PATH [--rate N] [--rounds N]: two builds of aquatic_udp.
//
// Each round starts the old build on one core, loads it at a fixed rate from the other (open loop), and
// starts the new build on the tracker's core while the load goes on. Lost answers, divided by the rate,
// are the gap in seconds.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { table } from '../load/statistics.ts'
import { newFolder } from './support/folder.ts'
import { AQUATIC_UDP, load, startTracker, written } from './support/pair.ts'

const { values } = parseArgs({
  options: {
    old: { type: 'string', default: AQUATIC_UDP },
    new: { type: 'string', default: AQUATIC_UDP },
    rate: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '5' },
  },
})
const PORT = 23_918
const LOAD_SECONDS = 8
const NEW_AFTER_MS = 3000

interface Round {
  readonly lost: number
  readonly p99: number
  readonly max: number
  readonly log: string
}

async function round(): Promise<Round> {
  const folder = newFolder()
  const settings = join(folder, 'settings.toml')
  writeFileSync(
    settings,
    `log_level = 'info'\n[network]\naddress = '127.0.0.1:${PORT}'
     [persistence]\npath = '${folder}/state'\ntake_over = true\n`,
  )
  const old = startTracker('old', values.old, settings)
  await written(old, /listening on/)
  const loaded = load('load', folder, PORT, {
    MODE: 'open',
    OPEN_LOOP_RATE: values.rate,
    DURATION: LOAD_SECONDS,
  })
  await Bun.sleep(NEW_AFTER_MS)
  const fresh = startTracker('new', values.new, settings)
  await old.ended
  const { counts, latency_ms } = await loaded
  const log = fresh.errors()
  await fresh.stop()
  return { lost: counts.lost, p99: latency_ms.all.p99, max: latency_ms.all.max, log }
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
console.log(machineList().join('\n'))
