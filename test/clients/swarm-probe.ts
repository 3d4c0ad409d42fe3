// A UDP tracker client of a few lines, independent of the tracker's code: scrapes one torrent again
// and again until the numbers are the wanted ones or the time has passed, then prints the last ones.
// Run inside a lab by transfer.ts:
//
//   swarm-probe.ts HOST PORT INFO_HASH SEEDERS COMPLETED LEECHERS TIMEOUT_MS
//
// The socket is connected, so an answer from any address but HOST is not received.
//
// https://www.bittorrent.org/beps/bep_0015.html
//  connect request   0 protocol u64 │ 8 action u32 │ 12 transaction u32
//  connect reply     0 action u32 │ 4 transaction u32 │ 8 connection id u64
//  scrape request    0 connection id u64 │ 8 action u32 │ 12 transaction u32 │ 16 info hash 20
//  scrape reply      0 action u32 │ 4 transaction u32 │ 8 seeders u32 │ 12 completed │ 16 leechers

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
  const [host, port, infoHash, seeders, completed, leechers, timeoutMs] = Bun.argv.slice(2)
  const wanted = [seeders, completed, leechers].map(Number)
  let numbers: number[] = []
  await waitUntil(async () => {
    numbers = await scrape(String(host), Number(port), String(infoHash))
    return wanted.every((value, index) => value === numbers[index])
  }, Number(timeoutMs))
  const result = { seeders: numbers[0], completed: numbers[1], leechers: numbers[2] }
  console.log(JSON.stringify(result))
  process.exit(0)
}

async function scrape(host: string, port: number, infoHash: string): Promise<number[]> {
  const connected = await exchange(host, port, CONNECT, PROTOCOL, Buffer.alloc(0))
  const connectionId = connected.readBigUInt64BE(8)
  const reply = await exchange(host, port, SCRAPE, connectionId, Buffer.from(infoHash, 'hex'))
  if (reply.length !== 20) throw new Error(`scrape reply of ${reply.length} bytes`)
  return [reply.readUInt32BE(8), reply.readUInt32BE(12), reply.readUInt32BE(16)]
}

/** Sends one request from a socket of its own and returns the answer to it. */
async function exchange(
  host: string,
  port: number,
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

  const answer = Promise.withResolvers<Buffer>()
  const socket = await Bun.udpSocket({
    hostname: host.includes(':') ? '::' : '0.0.0.0',
    connect: { hostname: host, port },
    socket: { data: (_socket, data) => answer.resolve(Buffer.from(data)) },
  })
  const late = () => answer.reject(new Error(`no answer from ${host} port ${port}`))
  const timer = setTimeout(late, ANSWER_MS)
  try {
    socket.send(request)
    const reply = await answer.promise
    if (reply.length < 8 || reply.readUInt32BE(0) !== action)
      throw new Error(`unexpected answer ${reply.toString('hex')}`)
    if (reply.readUInt32BE(4) !== transaction) throw new Error('answer to another request')
    return reply
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}
