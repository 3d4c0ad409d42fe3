// What a WebTorrent message costs apart from the system: taking it apart, swarm, offers, texts.
// Run: bun bench/ws-message.ts [--smoke]. Seeded; prints nanoseconds per message as minimum, mean and
// deviation over rounds, and a checksum of all texts sent.
//
// «scan» is our parse, beside JSON.parse of the same text, and JSON.parse followed by JSON.stringify of
// each offer, which is what passing offers on would take without it. «announce» is the whole handler
// with sockets that only count. Offers are those of aquatic_ws_load_test (47 characters of SDP) and those
// of a browser (1,200 characters).
import { readClock } from '../src/os/clock.ts'
import { ConnectionStates, createConnectionStates } from '../src/swarm/connections.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import { parse } from '../src/ws/wire/parse.ts'
import { Request } from '../src/ws/wire/request.ts'
import { ClientReports } from '../src/ws/worker/client-reports.ts'
import { type Connection, Connections, type Socket } from '../src/ws/worker/connection.ts'
import { COUNTER_COUNT } from '../src/ws/worker/counters.ts'
import { Handler } from '../src/ws/worker/handle.ts'
import { createRequestLimits, RequestLimits } from '../src/ws/worker/request-limits.ts'
import { Sender } from '../src/ws/worker/send.ts'
import { Signal } from '../src/ws/worker/signal.ts'
import { timesLine } from './support/times.ts'
import { random } from './support/workload.ts'

const smoke = process.argv.includes('--smoke')
const MESSAGES = smoke ? 20 : 2000
const ROUNDS = smoke ? 2 : 20
const CONNECTIONS = smoke ? 4 : 64
const TORRENTS = smoke ? 5 : 1000
const OFFERS = 10

function randomId(): string {
  return Array.from({ length: 20 }, () => String.fromCharCode(Math.floor(random() * 256))).join('')
}

const infoHashes = Array.from({ length: TORRENTS }, randomId)
const peerIds = Array.from({ length: CONNECTIONS }, randomId)
const SHORT_SDP = 'abcdefg-abcdefg-abcdefg-abcdefg-abcdefg-abcdefg'
const LONG_SDP = `v=0\r\n${'a=candidate:842163049 1 udp 1677729535 192.0.2.1 50000\r\n'.repeat(21)}`

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** A text as it comes from a socket. */
function received(message: object): string {
  return decoder.decode(encoder.encode(JSON.stringify(message)))
}

function announce(connection: number, sdp: string): string {
  return received({
    action: 'announce',
    info_hash: infoHashes[Math.floor(random() ** 3 * TORRENTS)],
    peer_id: peerIds[connection],
    left: random() < 0.25 ? 0 : 50,
    event: 'started',
    numwant: OFFERS,
    offers: Array.from({ length: OFFERS }, () => ({
      offer: { type: 'offer', sdp },
      offer_id: randomId(),
    })),
  })
}

let checksum = 0

function report(name: string, perMessage: readonly number[]): void {
  console.log(timesLine(name, 34, perMessage))
}

function measure(name: string, texts: readonly string[], work: (text: string, i: number) => void) {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds()
    for (let i = 0; i < texts.length; i++) work(texts[i], i)
    times.push((Bun.nanoseconds() - start) / texts.length)
  }
  report(name, times.slice(Math.floor(times.length / 4)))
}

function measureParsers(kind: string, texts: readonly string[]): void {
  const request = new Request(OFFERS, 255)
  measure(`scan, ${kind}`, texts, (text) => {
    if (parse(request, text)) checksum += request.offerCount
  })
  measure(`JSON.parse, ${kind}`, texts, (text) => {
    checksum += JSON.parse(text).offers.length
  })
  measure(`JSON.parse + stringify, ${kind}`, texts, (text) => {
    for (const offer of JSON.parse(text).offers) checksum += JSON.stringify(offer).length
  })
}

/** A socket that takes everything. */
class CountingSocket {
  data: Connection

  constructor(connection: Connection) {
    this.data = connection
  }

  cork(send: (socket: Socket) => void): void {
    send(this as unknown as Socket)
  }

  sendText(text: string): number {
    checksum = (checksum * 31 + text.length + text.charCodeAt(text.length - 9)) | 0
    return text.length
  }

  getBufferedAmount(): number {
    return 0
  }
}

function measureHandler(kind: string, texts: readonly string[]): Promise<void> {
  const counts = new Int32Array(COUNTER_COUNT)
  const states = new ConnectionStates(createConnectionStates(1, CONNECTIONS))
  const limits = { maxTorrents: 100_000, maxPeers: 1_000_000, workers: 1 }
  const memory = createSwarmMemory({ ...limits, kinds: ['websocket'] })
  const connections = new Connections(0, states, 30)
  const backlogs = { perConnection: 2 ** 20, inAll: 2 ** 28 }
  const sender = new Sender(connections, backlogs, counts, new ClientReports(false, () => {}))
  const signal = new Signal(0, connections, sender, { key0: 1, key1: 2 }, counts)
  const settings = {
    maxScrapeTorrents: 255,
    maxOffers: OFFERS,
    announceInterval: 120,
    intervalJitter: 5,
    maxTorrentsPerConnection: 10_000,
    maxPeerIdsPerTorrent: 4,
  }
  const swarms = attachSwarms(memory, true, states)
  // Above what the bench can reach; connections come from 203.0.113.7, where they apply.
  const rates = { perConnection: 20_000, perAddress: 20_000, newTorrents: 0 }
  const requestLimits = new RequestLimits(createRequestLimits(), rates)
  const parts = { swarms, connections, sender, signal, requestLimits }
  const handler = new Handler(parts, settings, counts)
  const open = Array.from({ length: CONNECTIONS }, () => {
    const connection = connections.open(0, 0xcb007107 | 0, 0)
    connection.socket = new CountingSocket(connection) as unknown as Socket
    return connection
  })
  return new Promise((resolve) => {
    const times: number[] = []
    const round = () => {
      const start = Bun.nanoseconds()
      for (let i = 0; i < texts.length; i++) {
        sender.received()
        handler.message(open[i % CONNECTIONS], texts[i])
      }
      // The flush comes first, since it was scheduled before this.
      setImmediate(() => {
        times.push((Bun.nanoseconds() - start) / texts.length)
        for (const connection of open) connection.pendingOffers = null
        if (times.length < ROUNDS) return round()
        report(`announce, ${kind}`, times.slice(Math.floor(ROUNDS / 4)))
        resolve()
      })
    }
    round()
  })
}

readClock()
for (const [kind, sdp] of [
  ['load test', SHORT_SDP],
  ['browser', LONG_SDP],
] as const) {
  const texts = Array.from({ length: MESSAGES }, (_, i) => announce(i % CONNECTIONS, sdp))
  measureParsers(kind, texts)
  await measureHandler(kind, texts)
}
console.log(`checksum ${checksum}`)
