// What connections cost aquatic_ws: memory of idle ones, and whether ones that come and go leave any.
// Run: bun bench/ws-connections.ts idle|churn [--count N] [--rate N] [--seconds N] [--cert FILE --key FILE] [--smoke]
//
// «idle» opens connections (10,000), each with one announce or without, and prints the tracker's
// resident memory per connection. «churn» opens, announces with offers on, and closes connections from
// several loopback addresses, 1,000 a second for a minute, and prints the memory every five seconds:
// flat when nothing is left behind. Starts dist/aquatic_ws on a free port, and ends it.
import { createConnection, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import { LISTEN_ADDRESS, localAddressOf, measureConnections } from './support/connections.ts'

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
const CHURN_TORRENTS = 500
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
function open(peer: number, port: number, first: Buffer | null): Promise<Socket> {
  return new Promise((done, fail) => {
    const localAddress = localAddressOf(peer)
    const where = { host: '127.0.0.1', port, localAddress }
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

const certificate = tls
  ? `use_tls = true\ntls_certificate_path = '${resolve(values.cert ?? '')}'\n` +
    `tls_private_key_path = '${resolve(values.key ?? '')}'\n`
  : ''
const connections = {
  executable: 'aquatic_ws',
  settings: `[network]\naddress = '${LISTEN_ADDRESS}'\n${certificate}[limits]\nmax_connections_per_ip = 0\n`,
  idle: [
    ['idle', (peer: number, port: number) => open(peer, port, null)],
    [
      'with a torrent each',
      (peer: number, port: number) => open(peer, port, announce(peer, Number(values.count))),
    ],
  ],
  churn: async (peer: number, port: number) =>
    void (await open(peer, port, announce(peer, CHURN_TORRENTS))).destroy(),
  eachText: (bytes: number) => `${(bytes / 1024).toFixed(2)} KiB`,
} as const
await measureConnections(connections, positionals[0], values)
