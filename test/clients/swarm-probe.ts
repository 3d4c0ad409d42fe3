// A tracker client of a few lines, independent of the trackers' code: scrapes one torrent again and
// again until the numbers are the wanted ones or the time has passed, then prints the last ones.
// Run inside a lab by transfer.ts:
//
//   swarm-probe.ts URL INFO_HASH SEEDERS COMPLETED LEECHERS TIMEOUT_MS
//
// The UDP socket is connected, so an answer from any address but the one asked is not received.
//
// https://www.bittorrent.org/beps/bep_0015.html
//  connect request   0 protocol u64 │ 8 action u32 │ 12 transaction u32
//  connect reply     0 action u32 │ 4 transaction u32 │ 8 connection id u64
//  scrape request    0 connection id u64 │ 8 action u32 │ 12 transaction u32 │ 16 info hash 20
//  scrape reply      0 action u32 │ 4 transaction u32 │ 8 seeders u32 │ 12 completed │ 16 leechers
//
// HTTP (BEP 48): d5:filesd20:‹hash›d8:completei‹n›e10:downloadedi‹n›e10:incompletei‹n›ee…
// WebTorrent: {"action":"scrape","info_hash":H} → {"action":"scrape","files":{H:{"complete":…}}}

import { waitUntil } from './process.ts'

const PROTOCOL = 0x41727101980n
const CONNECT = 0
const SCRAPE = 2
const ANSWER_MS = 3_000

export interface SwarmNumbers {
  seeders: number
  completed: number
  leechers: number
}

if (import.meta.main) {
  const [url, infoHash, seeders, completed, leechers, timeoutMs] = Bun.argv.slice(2)
  const tracker = new URL(String(url))
  const scrape = scraperOf(tracker.protocol)
  const wanted = [seeders, completed, leechers].map(Number)
  let numbers: number[] = []
  await waitUntil(async () => {
    numbers = await scrape(tracker, Buffer.from(String(infoHash), 'hex'))
    return wanted.every((value, index) => value === numbers[index])
  }, Number(timeoutMs))
  const result = { seeders: numbers[0], completed: numbers[1], leechers: numbers[2] }
  console.log(JSON.stringify(result))
  process.exit(0)
}

function scraperOf(protocol: string): (tracker: URL, infoHash: Buffer) => Promise<number[]> {
  if (protocol === 'udp:') return scrapeUdp
  return protocol.startsWith('http') ? scrapeHttp : scrapeWebSocket
}

async function scrapeHttp(tracker: URL, infoHash: Buffer): Promise<number[]> {
  const escaped = infoHash.toString('hex').replace(/../g, '%$&')
  const path = tracker.pathname.replace(/(announce)?$/, 'scrape')
  const url = new URL(`${path}?info_hash=${escaped}`, tracker)
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
  const before = `d5:filesd20:${infoHash.toString('latin1')}`
  const numbers = /^d8:completei(\d+)e10:downloadedi(\d+)e10:incompletei(\d+)ee/
  const match = text.startsWith(before) ? numbers.exec(text.slice(before.length)) : null
  if (match === null) throw new Error(`unexpected answer ${response.status} ${text}`)
  return match.slice(1).map(Number)
}

/** The first message that the tracker sends to a connection of its own is the answer. */
async function scrapeWebSocket(tracker: URL, infoHash: Buffer): Promise<number[]> {
  const key = infoHash.toString('latin1')
  const answer = Promise.withResolvers<string>()
  const socket = new WebSocket(tracker)
  socket.onopen = () => socket.send(JSON.stringify({ action: 'scrape', info_hash: key }))
  socket.onmessage = ({ data }) => answer.resolve(String(data))
  socket.onclose = ({ code }) => answer.reject(new Error(`closed by ${tracker} (${code})`))
  const text = await within(answer, `no answer from ${tracker}`)
  socket.onclose = null
  socket.close()
  const numbers = JSON.parse(text).files?.[key]
  if (numbers === undefined) throw new Error(`unexpected answer ${text}`)
  return [numbers.complete, numbers.downloaded, numbers.incomplete]
}

async function scrapeUdp(tracker: URL, infoHash: Buffer): Promise<number[]> {
  const connected = await exchange(tracker, CONNECT, PROTOCOL, Buffer.alloc(0))
  const connectionId = connected.readBigUInt64BE(8)
  const reply = await exchange(tracker, SCRAPE, connectionId, infoHash)
  if (reply.length !== 20) throw new Error(`scrape reply of ${reply.length} bytes`)
  return [reply.readUInt32BE(8), reply.readUInt32BE(12), reply.readUInt32BE(16)]
}

/** Sends one request from a socket of its own and returns the answer to it. */
async function exchange(
  tracker: URL,
  action: number,
  connectionId: bigint,
  body: Buffer,
): Promise<Buffer> {
  const request = Buffer.alloc(16 + body.length)
  const transaction = crypto.getRandomValues(new Uint32Array(1))[0] as number
  request.writeBigUInt64BE(connectionId, 0)
  request.writeUInt32BE(action, 8)
  request.writeUInt32BE(transaction, 12)
  body.copy(request, 16)

  const hostname = tracker.hostname.replace(/[[\]]/g, '')
  const answer = Promise.withResolvers<Buffer>()
  const socket = await Bun.udpSocket({
    hostname: hostname.includes(':') ? '::' : '0.0.0.0',
    connect: { hostname, port: Number(tracker.port) },
    socket: { data: (_socket, data) => answer.resolve(Buffer.from(data)) },
  })
  socket.send(request)
  const reply = await within(answer, `no answer from ${tracker}`).finally(() => socket.close())
  if (reply.length < 8 || reply.readUInt32BE(0) !== action)
    throw new Error(`unexpected answer ${reply.toString('hex')}`)
  if (reply.readUInt32BE(4) !== transaction) throw new Error('answer to another request')
  return reply
}

function within<T>(answer: PromiseWithResolvers<T>, late: string): Promise<T> {
  const timer = setTimeout(() => answer.reject(new Error(late)), ANSWER_MS)
  return answer.promise.finally(() => clearTimeout(timer))
}
