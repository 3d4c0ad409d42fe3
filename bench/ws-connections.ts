// What connections cost aquatic_ws: memory of idle ones, and whether ones that come and go leave any.
// Run: bun bench/ws-connections.ts idle|churn [--count N] [--seconds N] [--tls CERT KEY] [--smoke]
//
// «idle» opens connections (10,000), each with one announce or without, and prints the tracker's
// resident memory per connection. «churn» opens, announces with offers on, and closes connections from
// several loopback addresses, 1,000 a second for a minute, and prints the memory every five seconds:
// flat when nothing is left behind. Starts dist/aquatic_ws on a free port, and ends it.
import { writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import { type Child, startChild } from '../load/children.ts'
import { memoryOf, tcpPortListens } from '../load/proc.ts'
import { newFolder } from './support/folder.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
    cert: { type: 'string' },
    key: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
})
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']
const PORT = 4600 + (process.pid % 300)
const OPEN_AT_ONCE = 100
const SETTLE_MS = 3000
const REPORT_SECONDS = 5
const tls = values.cert !== undefined

const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'

/** A text as a client sends it; with a mask of zeros it stays readable. */
function frame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0xfe, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
}

function announce(peer: number, torrents: number): Buffer {
  const offers = Array.from({ length: 3 }, (_, i) => ({
    offer: { type: 'offer', sdp: 'v=0' },
    offer_id: `${peer}-${i}`.padEnd(20),
  }))
  const info_hash = `${peer % torrents}`.padEnd(20)
  const peer_id = `${peer}`.padEnd(20)
  return frame(JSON.stringify({ action: 'announce', info_hash, peer_id, left: 1, offers }))
}

/** Resolves when the tracker has answered `messages` times or so: what it said last has come. */
function open(peer: number, first: Buffer | null): Promise<Socket> {
  return new Promise((done, fail) => {
    const localAddress = ADDRESSES[peer % ADDRESSES.length]
    const where = { host: '127.0.0.1', port: PORT, localAddress }
    const socket = tls
      ? connectTls({ ...where, rejectUnauthorized: false })
      : createConnection(where)
    let text = ''
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!text.includes('\r\n\r\n') || (first !== null && !text.includes('"interval"'))) return
      socket.off('data', onData)
      socket.resume()
      done(socket)
    }
    socket.on('data', onData)
    socket.on('error', fail)
    socket.write(HANDSHAKE)
    if (first !== null) socket.write(first)
  })
}

const mebibytes = (kb: number) => (kb / 1024).toFixed(1)
const residentKb = (tracker: Child) => memoryOf(tracker.pid).rssKb
const wait = (ms: number) => new Promise((done) => setTimeout(done, Math.max(0, ms)))

async function idle(tracker: Child, count: number): Promise<void> {
  for (const announced of [false, true]) {
    const before = residentKb(tracker)
    const sockets: Socket[] = []
    for (let first = 0; first < count; first += OPEN_AT_ONCE) {
      const peers = Array.from(
        { length: Math.min(OPEN_AT_ONCE, count - first) },
        (_, i) => first + i,
      )
      const opened = peers.map((peer) => open(peer, announced ? announce(peer, count) : null))
      sockets.push(...(await Promise.all(opened)))
    }
    await wait(values.smoke ? 100 : SETTLE_MS)
    const after = residentKb(tracker)
    const each = ((after - before) / count).toFixed(2)
    const kind = announced ? 'with a torrent each' : 'idle'
    console.log(
      `${sockets.length} connections ${kind}: ${mebibytes(before)} → ${mebibytes(after)} MiB, ` +
        `${each} KiB each`,
    )
    for (const socket of sockets) socket.destroy()
    await wait(values.smoke ? 100 : SETTLE_MS)
  }
}

async function churn(tracker: Child, rate: number, seconds: number): Promise<void> {
  let opened = 0
  let failed = 0
  const start = performance.now()
  for (let slice = 0; slice < seconds * 20; slice++) {
    await wait(start + slice * 50 - performance.now())
    for (let i = 0; i < rate / 20; i++) {
      open(opened++, announce(opened, 500)).then(
        (socket) => socket.destroy(),
        () => failed++,
      )
    }
    if (slice % (20 * REPORT_SECONDS) === 0) {
      console.log(`${slice / 20} s: ${opened} opened, ${mebibytes(residentKb(tracker))} MiB`)
    }
  }
  await wait(values.smoke ? 100 : SETTLE_MS)
  const end = `${opened} opened, ${failed} failed, ${mebibytes(residentKb(tracker))} MiB`
  console.log(`end: ${end}`)
}

const folder = newFolder()
const certificate = tls
  ? `use_tls = true\ntls_certificate_path = '${resolve(values.cert ?? '')}'\n` +
    `tls_private_key_path = '${resolve(values.key ?? '')}'\n`
  : ''
const settings = `[network]\naddress = '127.0.0.1:${PORT}'\n${certificate}[limits]\nmax_connections_per_ip = 0\n`
writeFileSync(join(folder, 'ws.toml'), settings)
const executable = resolve(import.meta.dir, '../dist/aquatic_ws')
const tracker = startChild('aquatic_ws', [executable, '-c', join(folder, 'ws.toml')])
try {
  while (!tcpPortListens(PORT)) {
    if (!tracker.alive()) throw new Error(`aquatic_ws did not start: ${tracker.errors()}`)
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
