// What connections cost aquatic_http: memory of those that stay, and whether ones that come and go leave any.
// Run: bun bench/http-connections.ts idle|churn [--count N] [--rate N] [--seconds N] [--smoke]
//
// «idle» opens connections (20,000), kept after an announce, and then as many with half a request, and prints the
// tracker's resident memory per connection. «churn» opens connections, 2,000 a second for a minute, of which one in
// three ends with its announce, one is kept and then closed, and one is reset in the middle of a request; it prints the
// memory every five seconds: flat when nothing is left behind. Starts dist/aquatic_http on a free port, and ends it.
import { writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Child, startChild } from '../load/children.ts'
import { memoryOf, tcpPortListens } from '../load/proc.ts'
import { newFolder } from './support/folder.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '20000' },
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
    smoke: { type: 'boolean', default: false },
  },
})
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
const PORT = 5000 + (process.pid % 300)
const OPEN_AT_ONCE = 100
const SETTLE_MS = values.smoke ? 100 : 3000
const REPORT_SECONDS = 5
const TORRENTS = 500
const WARM_UP = values.smoke ? 10 : 3000

function announce(peer: number, fields = ''): string {
  const infoHash = `${peer % TORRENTS}`.padStart(20, 'h')
  return `GET /announce?info_hash=${infoHash}&peer_id=-XX0001-${'p'.repeat(12)}&port=${1 + (peer % 60_000)}&left=1 HTTP/1.1\r\n${fields}\r\n`
}

/** Resolves once it is answered, or once `text` is sent where it is no whole request. */
function open(peer: number, text: string): Promise<Socket> {
  return new Promise((done, fail) => {
    const localAddress = ADDRESSES[peer % ADDRESSES.length]
    const socket = createConnection({ host: '127.0.0.1', port: PORT, localAddress })
    const isWhole = text.endsWith('\r\n\r\n')
    socket.on('error', fail)
    socket.once('data', () => done(socket))
    socket.write(text, () => {
      if (!isWhole) done(socket)
    })
  })
}

const mebibytes = (kb: number) => (kb / 1024).toFixed(1)
const residentKb = (tracker: Child) => memoryOf(tracker.pid).rssKb
const wait = (ms: number) => new Promise((done) => setTimeout(done, Math.max(0, ms)))

/** Compiled code and the first memory of each kind are not the connections'. */
async function warmUp(): Promise<void> {
  for (let i = 0; i < WARM_UP; i++) await CHURN[i % CHURN.length](i)
}

async function idle(tracker: Child, count: number): Promise<void> {
  await warmUp()
  for (const [kind, text] of [
    ['kept after an announce', (peer: number) => announce(peer)],
    ['with half a request', (peer: number) => announce(peer).slice(0, 60)],
  ] as const) {
    const before = residentKb(tracker)
    const sockets: Socket[] = []
    for (let first = 0; first < count; first += OPEN_AT_ONCE) {
      const peers = Array.from(
        { length: Math.min(OPEN_AT_ONCE, count - first) },
        (_, i) => first + i,
      )
      sockets.push(...(await Promise.all(peers.map((peer) => open(peer, text(peer))))))
    }
    await wait(SETTLE_MS)
    const after = residentKb(tracker)
    const each = Math.round(((after - before) * 1024) / count)
    console.log(
      `${count} connections ${kind}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ${each} bytes each`,
    )
    for (const socket of sockets) socket.destroy()
    await wait(SETTLE_MS)
  }
}

const CHURN: readonly ((peer: number) => Promise<void>)[] = [
  async (peer) => void (await open(peer, announce(peer, 'Connection: close\r\n'))),
  async (peer) => void (await open(peer, announce(peer))).destroy(),
  async (peer) => void (await open(peer, announce(peer).slice(0, 60))).resetAndDestroy(),
]

async function churn(tracker: Child, rate: number, seconds: number): Promise<void> {
  let opened = 0
  let failed = 0
  const start = performance.now()
  for (let slice = 0; slice < seconds * 20; slice++) {
    await wait(start + slice * 50 - performance.now())
    for (let i = 0; i < rate / 20; i++) {
      const peer = opened++
      CHURN[peer % CHURN.length](peer).catch(() => failed++)
    }
    if (slice % (20 * REPORT_SECONDS) === 0) {
      console.log(`${slice / 20} s: ${opened} opened, ${mebibytes(residentKb(tracker))} MiB`)
    }
  }
  const took = ((performance.now() - start) / 1000).toFixed(1)
  await wait(SETTLE_MS)
  const memory = `${mebibytes(residentKb(tracker))} MiB`
  console.log(`end: ${opened} opened in ${took} s, ${failed} failed, ${memory}`)
}

const folder = newFolder()
const settings = `[network]\naddress = '127.0.0.1:${PORT}'\nrequest_timeout = 600\n[cleaning]\nmax_connection_idle = 600\n[limits]\nmax_connections_per_ip = 0\n`
writeFileSync(join(folder, 'http.toml'), settings)
const executable = resolve(import.meta.dir, '../dist/aquatic_http')
const tracker = startChild('aquatic_http', [executable, '-c', join(folder, 'http.toml')])
try {
  while (!tcpPortListens(PORT)) {
    if (!tracker.alive()) throw new Error(`aquatic_http did not start: ${tracker.errors()}`)
    await wait(50)
  }
  if (positionals[0] !== 'churn') await idle(tracker, values.smoke ? 20 : Number(values.count))
  if (positionals[0] !== 'idle') {
    await churn(
      tracker,
      values.smoke ? 40 : Number(values.rate),
      values.smoke ? 1 : Number(values.seconds),
    )
  }
} finally {
  await tracker.stop()
}
