// What legitimate clients notice of a flood: 5,000 requests per second in an open loop beside more and more
// packets that prove nothing. Run: bun bench/flood.ts [--rates 0,150000,250000] [--seconds N].
//
// The tracker has one core; the flood and the legitimate load come from the other, by two load testers. The
// flood of the load tester is garbage, connects, and requests with invented connection ids.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals, startChild } from '../load/children.ts'
import { describeMachine } from '../load/machine.ts'
import { table } from '../load/statistics.ts'

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '0,150000,250000,400000' },
    seconds: { type: 'string', default: '6' },
  },
})
const PORT = 23_919
const LEGITIMATE_RATE = 5000
const TRACKER_CORE = 0
const LOAD_CORE = 1
const dist = join(import.meta.dir, '../dist')
const folder = mkdtempSync(join(tmpdir(), 'aquatic-flood-'))

function load(name: string, env: Record<string, string>, seconds: number, pid: number) {
  const json = join(folder, `${name}.json`)
  const command = [join(dist, 'aquatic_udp_load_test'), '--json', json, '--pid', String(pid)]
  const child = startChild(name, command, {
    core: LOAD_CORE,
    env: {
      PATH: process.env.PATH ?? '',
      AQUATIC_SERVER_ADDRESS: `127.0.0.1:${PORT}`,
      AQUATIC_DURATION: String(seconds),
      AQUATIC_CHECKS_FRESH_TRACKER: 'false',
      ...env,
    },
  })
  return child.ended.then(() => JSON.parse(readFileSync(json, 'utf8')).summary)
}

async function run(rate: number): Promise<string[]> {
  const settings = join(folder, 'settings.toml')
  writeFileSync(settings, `[network]\naddress = '127.0.0.1:${PORT}'\n`)
  const tracker = startChild('tracker', [join(dist, 'aquatic_udp'), '-c', settings], {
    core: TRACKER_CORE,
  })
  while (!/listening on/.test(tracker.errors())) await Bun.sleep(10)
  const seconds = Number(values.seconds)
  const flood = { AQUATIC_MODE: 'flood', AQUATIC_FLOOD_FLOOD_RATE: String(rate) }
  // The flood is there before the clients come, and goes on after them.
  const flooding = rate === 0 ? null : load('flood', flood, seconds + 2, tracker.pid)
  await Bun.sleep(1000)
  const open = { AQUATIC_MODE: 'open', AQUATIC_OPEN_LOOP_RATE: String(LEGITIMATE_RATE) }
  const legitimate = await load('open', open, seconds, tracker.pid)
  const flooded = await flooding
  await tracker.stop()
  const { latency_ms, lost_share, tracker: used, receive_buffer_drops } = legitimate
  return [
    String(flooded === null ? 0 : Math.round(flooded.counts.flood_sent / flooded.seconds)),
    `${(100 - lost_share * 100).toFixed(2)} %`,
    latency_ms.all.p50.toFixed(3),
    latency_ms.all.p99.toFixed(2),
    `${((used.cpu_seconds / legitimate.seconds) * 100).toFixed(0)} %`,
    String(receive_buffer_drops.tracker),
  ]
}

exitOnSignals()
const rows: string[][] = []
for (const rate of values.rates.split(',')) rows.push(await run(Number(rate)))
rmSync(folder, { recursive: true, force: true })
const head = [
  'flood, packets/s',
  'answered',
  'p50 ms',
  'p99 ms',
  'tracker’s core',
  'dropped by the system',
]
console.log(`${LEGITIMATE_RATE} legitimate requests/s\n\n${table(head, rows)}\n`)
console.log(
  describeMachine()
    .map((line) => `- ${line}`)
    .join('\n'),
)
