// What an upgrade of aquatic_ws costs: answers lost while a new process takes the place of a running one.
// Run: taskset -c 1 bun bench/take-over-ws.ts --old PATH --new PATH [--connections N] [--rate N] [--rounds N]
//
// Each round starts the old build on core 0, opens connections, announces at a fixed rate over all of them
// in turn, and starts the new build on the old one's core. Whoever is closed connects again at once, as
// the most impatient client would. Lost are announces without an answer; the gap is the longest time in
// which nobody got one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals, startChild } from '../load/children.ts'
import { machineList } from '../load/machine.ts'
import { table } from '../load/statistics.ts'

const dist = join(import.meta.dir, '../dist/aquatic_ws')
const { values } = parseArgs({
  options: {
    old: { type: 'string', default: dist },
    new: { type: 'string', default: dist },
    connections: { type: 'string', default: '2000' },
    rate: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
  },
})
const PORT = 23_919
const URL = `ws://127.0.0.1:${PORT}`
const LOAD_MS = 3000
const LAST_ANSWERS_MS = 1000
const STEP_MS = 5
const TRACKER_CORE = 0
const TORRENTS = 500

/** One client that comes back whenever its connection ends. */
class Client {
  static readonly counts = { sent: 0, answered: 0, closed: 0, longestGap: 0, longestAway: 0 }
  static lastAnswer = 0
  static firstClose = 0
  static lastClose = 0
  private readonly announce: string
  private socket: WebSocket | null = null
  private awaySince = 0

  constructor(number: number) {
    this.announce = JSON.stringify({
      action: 'announce',
      info_hash: String(number % TORRENTS).padStart(20, 'h'),
      peer_id: String(number).padStart(20, 'p'),
      left: number % 2,
      numwant: 0,
    })
  }

  connect(): Promise<void> {
    return new Promise((resolve) => {
      const socket = new WebSocket(URL)
      socket.onopen = () => {
        this.socket = socket
        const away = this.awaySince === 0 ? 0 : performance.now() - this.awaySince
        Client.counts.longestAway = Math.max(Client.counts.longestAway, away)
        resolve()
      }
      socket.onmessage = () => this.answered()
      socket.onclose = () => {
        if (this.socket === socket) this.closed()
        else void this.connect().then(resolve)
      }
    })
  }

  /** Not while it has no connection, or has been told that this one ends. */
  send(): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return
    this.socket.send(this.announce)
    Client.counts.sent++
  }

  end(): void {
    const { socket } = this
    this.socket = null
    if (socket === null) return
    socket.onclose = null
    socket.terminate()
  }

  private answered(): void {
    const now = performance.now()
    const { counts } = Client
    counts.answered++
    counts.longestGap = Math.max(counts.longestGap, now - Client.lastAnswer)
    Client.lastAnswer = now
  }

  private closed(): void {
    this.socket = null
    this.awaySince = performance.now()
    if (Client.counts.closed++ === 0) Client.firstClose = this.awaySince
    Client.lastClose = this.awaySince
    void this.connect()
  }
}

/** Announces at the rate for as long as `goesOn`. */
async function load(clients: readonly Client[], goesOn: () => boolean): Promise<void> {
  const startedAt = performance.now()
  const rate = Number(values.rate)
  let due = 0
  for (let next = 0; goesOn(); ) {
    const wanted = ((performance.now() - startedAt) * rate) / 1000
    for (; due < wanted; due++) clients[next++ % clients.length].send()
    await Bun.sleep(STEP_MS)
  }
}

async function round(): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-bench-'))
  const settings = join(folder, 'settings.toml')
  const limits = `[limits]\nmax_connections_per_ip = 0\n`
  writeFileSync(
    settings,
    `log_level = 'info'\n[network]\naddress = '127.0.0.1:${PORT}'
     [persistence]\npath = '${folder}/state'\ntake_over = true\n${limits}`,
  )
  const { counts } = Client
  Object.assign(counts, { sent: 0, answered: 0, closed: 0, longestGap: 0, longestAway: 0 })
  const old = startChild('old', [values.old, '-c', settings], { core: TRACKER_CORE })
  await until(() => /listening on/.test(old.errors()))
  const clients = Array.from({ length: Number(values.connections) }, (_, i) => new Client(i))
  for (const client of clients) await client.connect()
  Client.lastAnswer = performance.now()
  let ended = false
  const start = performance.now()
  const fresh = Bun.sleep(LOAD_MS).then(() => {
    return startChild('new', [values.new, '-c', settings], { core: TRACKER_CORE })
  })
  void old.ended.then(() => {
    ended = true
  })
  let end = Number.POSITIVE_INFINITY
  await load(clients, () => {
    if (ended && end === Number.POSITIVE_INFINITY) end = performance.now() + LOAD_MS
    return performance.now() < end
  })
  await Bun.sleep(LAST_ANSWERS_MS)
  const seconds = (performance.now() - start) / 1000
  for (const client of clients) client.end()
  await (await fresh).stop()
  rmSync(folder, { recursive: true, force: true })
  const drain = (Client.lastClose - Client.firstClose) / 1000
  return [
    seconds.toFixed(1),
    String(counts.sent),
    String(counts.sent - counts.answered),
    counts.longestGap.toFixed(0),
    String(counts.closed),
    drain.toFixed(2),
    counts.longestAway.toFixed(0),
  ]
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(10)
}

exitOnSignals()
const rows: string[][] = []
for (let i = 0; i < Number(values.rounds); i++) rows.push([`${i + 1}`, ...(await round())])
const head = ['round', 'seconds', 'announces', 'lost', 'gap ms', 'closed', 'drain s', 'away ms']
console.log(
  `${values.connections} connections, ${values.rate} announces/s\n\n${table(head, rows)}\n`,
)
console.log(machineList().join('\n'))
