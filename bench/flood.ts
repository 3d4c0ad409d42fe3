// What legitimate clients notice of a flood: 5,000 requests per second in an open loop beside more and more
// packets that prove nothing. Run: bun bench/flood.ts [--rates 0,150000,250000] [--seconds N].
//
// The tracker has one core; the flood and the legitimate load come from the other, by two load testers. The
// flood of the load tester is garbage, connects, and requests with invented connection ids.
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
    rates: { type: 'string', default: '0,150000,250000,400000' },
    seconds: { type: 'string', default: '6' },
  },
})
const PORT = 23_919
const LEGITIMATE_RATE = 5000
const folder = newFolder()

async function run(rate: number): Promise<string[]> {
  const settings = join(folder, 'settings.toml')
  writeFileSync(settings, `[network]\naddress = '127.0.0.1:${PORT}'\n`)
  const tracker = startTracker('tracker', AQUATIC_UDP, settings)
  await written(tracker, /listening on/)
  const pid = { TRACKER_PID: tracker.pid }
  const seconds = Number(values.seconds)
  const flood = { ...pid, MODE: 'flood', FLOOD_FLOOD_RATE: rate, DURATION: seconds + 2 }
  // The flood is there before the clients come, and goes on after them.
  const flooding = rate === 0 ? null : load('flood', folder, PORT, flood)
  await Bun.sleep(1000)
  const open = { ...pid, MODE: 'open', OPEN_LOOP_RATE: LEGITIMATE_RATE, DURATION: seconds }
  const legitimate = await load('open', folder, PORT, open)
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
const head = [
  'flood, packets/s',
  'answered',
  'p50 ms',
  'p99 ms',
  'tracker’s core',
  'dropped by the system',
]
console.log(`${LEGITIMATE_RATE} legitimate requests/s\n\n${table(head, rows)}\n`)
console.log(machineList().join('\n'))
