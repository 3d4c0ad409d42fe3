// What clients notice when a tracker gets more than it can take, with [pressure] and without: twice the load, a step of four,
// and more peers than it may store. The clients obey the interval that they are told; time is compressed. Run: bun bench/pressure.ts --help
//
// The tracker gets a part of a core by a control group (--quota), so that one core for the clients is more than enough,
// and other programs of the machine hardly matter. How much it can take is measured first.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, exitOnSignals, startChild } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { Random } from '../load/random.ts'
import { table } from '../load/statistics.ts'
import { Clients } from './pressure/clients.ts'
import { newFolder } from './support/folder.ts'
import { AQUATIC_UDP, written } from './support/pair.ts'

const USAGE = `usage: bun bench/pressure.ts [flags]
  --quota N      percent of a core for the tracker (default 4)
  --seconds N    per run (default 180)
  --interval N   seconds of the tracker's usual interval, for 900 of real clients (default 15)
  --capacity N   requests per second that it can take, instead of measuring them
  --runs A,B     of twice, step and full (max_peers for most of the clients), each also with -off (default all)`

const { values } = parseArgs({
  options: {
    quota: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '180' },
    interval: { type: 'string', default: '15' },
    capacity: { type: 'string', default: '0' },
    runs: { type: 'string', default: 'twice-off,twice,step-off,step,full-off,full' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const REAL_INTERVAL_SEC = 900
const QUOTA = Number(values.quota)
const SECONDS = Number(values.seconds)
const INTERVAL = Number(values.interval)
/** In the step: until then, and with that part of what it can take. */
const STEP_AT = 2 * INTERVAL
const BASE_LOAD = 0.6
const STEP_FACTOR = 4
/** With full tables, and so much room for the clients' peers. */
const FULL_LOAD = 0.5
const FULL_ROOM = 0.7
const LARGE_SWARM = 500
const LARGE_SHARE = 0.35
const CHURN = 0.03
/** An announce is two requests: ids last a minute of real time. */
const REQUESTS_PER_ANNOUNCE = 2
/** The last third counts: before, code is compiled. */
const CALIBRATION_SEC = 24
const CALIBRATION_CLIENTS = 300_000

const folder = newFolder()
const GROUP = `/sys/fs/cgroup/cpu/aquatic-bench-${process.pid}`
/** A packet may have to wait that long, for which the receive buffer has to have room. */
const PERIOD_US = 25_000

function limit(child: Child): void {
  writeFileSync(join(GROUP, 'cgroup.procs'), String(child.pid))
}

async function startTracker(
  isOn: boolean,
  interval: number,
  maxPeers = 4_000_000,
): Promise<{ child: Child; port: number; metrics: string }> {
  const settings = join(folder, 'tracker.toml')
  writeFileSync(
    settings,
    `[network]
address = '127.0.0.1:0'
socket_recv_buffer_size = 4000000
[protocol]
peer_announce_interval = ${interval}
[cleaning]
interval = 1
max_peer_age = ${Math.ceil((interval * 4) / 3)}
[limits]
max_torrents = 2000000
max_peers = ${maxPeers}
[operations]
address = '127.0.0.1:0'
[pressure]
enabled = ${isOn}
`,
  )
  const child = startChild('aquatic_udp', [AQUATIC_UDP, '-c', settings])
  const [, port] = await written(child, /listening on 127\.0\.0\.1:(\d+)/)
  const [, url] = await written(child, /operations at (\S+)/)
  limit(child)
  return { child, port: Number(port), metrics: `${url}metrics` }
}

interface Sample {
  readonly second: number
  readonly step: number
  readonly large: number
  readonly small: number
  readonly peers: number
  readonly busy: number
}

async function sample(url: string, second: number): Promise<Sample> {
  const text = await (await fetch(url)).text()
  const of = (name: string) => {
    const lines = text.split('\n').filter((line) => line.startsWith(name))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  return {
    second,
    step: of('tracker_pressure_step '),
    large: of('tracker_pressure_interval_factor{swarm="large"}'),
    small: of('tracker_pressure_interval_factor{swarm="small"}'),
    peers: of('tracker_udp_peers{'),
    busy: of('tracker_pressure_ratio{ceiling="processor"}'),
  }
}

/** Turns of the clients until `seconds`, with a sample of the tracker's metrics each second. */
async function drive(clients: Clients, seconds: number, url: string): Promise<Sample[]> {
  const samples: Sample[] = []
  let next = 1
  for (let now = 0; now < seconds; now = clients.now()) {
    if (now >= next) {
      // A tracker without processor time may not answer in time: that second has no sample.
      void sample(url, next).then(
        (each) => samples.push(each),
        () => {},
      )
      next++
    }
    const received = clients.turn()
    await (received === 0 ? Bun.sleep(1) : new Promise(setImmediate))
  }
  return samples
}

/** Requests per second that the tracker answers when there are always more. */
async function capacity(): Promise<number> {
  const { child, port, metrics } = await startTracker(false, 1000)
  const clients = newClients(port, CALIBRATION_CLIENTS)
  for (let i = 0; i < CALIBRATION_CLIENTS; i++) {
    clients.startAt(i, (i / CALIBRATION_CLIENTS) * CALIBRATION_SEC)
  }
  await drive(clients, CALIBRATION_SEC, metrics)
  const { receivedPerSecond } = clients.tally.summary((CALIBRATION_SEC * 2) / 3, CALIBRATION_SEC, [
    'small',
  ])
  clients.close()
  await child.stop()
  return receivedPerSecond
}

function newClients(port: number, count: number): Clients {
  return new Clients({
    port,
    count,
    inLarge: Math.floor((count * LARGE_SHARE) / LARGE_SWARM) * LARGE_SWARM,
    largeSwarm: LARGE_SWARM,
    churn: CHURN,
    compression: REAL_INTERVAL_SEC / INTERVAL,
    random: new Random(1, 1),
  })
}

async function run(name: string, requests: number): Promise<void> {
  const isStep = name.startsWith('step')
  const isOn = !name.endsWith('-off')
  const announces = requests / REQUESTS_PER_ANNOUNCE
  const isFull = name.startsWith('full')
  const load = isStep ? BASE_LOAD * STEP_FACTOR : isFull ? FULL_LOAD : 2
  const count = Math.floor((announces * load * INTERVAL) / 2) * 2
  const { child, port, metrics } = await startTracker(
    isOn,
    INTERVAL,
    isFull ? Math.floor(count * FULL_ROOM) : undefined,
  )
  const clients = newClients(port, count)
  const random = new Random(2, 2)
  for (let i = 0; i < count; i++) {
    const late = isStep && random.unit() > 1 / STEP_FACTOR
    clients.startAt(i, random.unit() * INTERVAL + (late ? STEP_AT : 0))
  }
  const samples = await drive(clients, SECONDS, metrics)
  const from = isStep ? STEP_AT : 0
  process.stdout.write(`\n## ${name}: ${count.toLocaleString('en')} clients\n\n`)
  process.stdout.write(`${report(clients, samples, windowsFrom(from))}\n`)
  clients.close()
  await child.stop()
}

/** The time before the load comes, then intervals of growing length. */
function windowsFrom(from: number): [number, number][] {
  const ends = [1, 2, 4, 6].map((intervals) => from + intervals * INTERVAL)
  const borders = [
    ...(from > 0 ? [INTERVAL] : []),
    from,
    ...ends.filter((end) => end < SECONDS),
    SECONDS,
  ]
  return borders.slice(1).map((end, i) => [borders[i], end])
}

function report(clients: Clients, samples: Sample[], windows: readonly [number, number][]): string {
  const head = [
    ...[
      'seconds',
      'sent/s',
      'answers/s',
      'announces due/s',
      'answered',
      'large',
      'small',
      'refused',
    ],
    ...['p99', 'interval', 'pair found', 'peers stored', 'step', 'factors', 'busy'],
  ]
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  const rows = windows.map(([from, to]) => {
    const { tally } = clients
    const all = tally.summary(from, to, ['small', 'large'])
    const small = tally.summary(from, to, ['small'])
    const large = tally.summary(from, to, ['large'])
    const last = samples.findLast(({ second }) => second < to)
    return [
      `${from}–${to}`,
      all.sentPerSecond.toFixed(0),
      all.receivedPerSecond.toFixed(0),
      all.begunPerSecond.toFixed(0),
      percent(all.answered),
      percent(large.answered),
      percent(small.answered),
      percent(all.refused),
      `${all.p99Ms.toFixed(0)} ms`,
      `${all.interval.toFixed(1)} s`,
      percent(tally.metShare(from, to)),
      String(last?.peers ?? ''),
      String(last?.step ?? ''),
      `${last?.large.toFixed(1)} ${last?.small.toFixed(1)}`,
      percent(last?.busy ?? Number.NaN),
    ]
  })
  return table(head, rows)
}

async function main(): Promise<void> {
  mkdirSync(GROUP)
  process.on('exit', () => removeGroup())
  writeFileSync(join(GROUP, 'cpu.cfs_period_us'), String(PERIOD_US))
  writeFileSync(join(GROUP, 'cpu.cfs_quota_us'), String((PERIOD_US * QUOTA) / 100))
  process.stdout.write(`${machineList().join('\n')}\n`)
  const requests = Number(values.capacity) || (await capacity())
  process.stdout.write(`with ${QUOTA} % of a core: ${requests.toFixed(0)} requests per second\n`)
  for (const name of values.runs.split(',')) await run(name, requests)
}

/** It can be removed once the trackers in it have ended, which may take a moment. */
function removeGroup(): void {
  for (let tries = 0; tries < 100; tries++) {
    try {
      rmdirSync(GROUP)
      return
    } catch {
      Bun.sleepSync(20)
    }
  }
}

if (values.help) process.stdout.write(`${USAGE}\n`)
else {
  exitOnSignals()
  await main()
  process.exit(0)
}
