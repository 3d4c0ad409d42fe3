// What a WebTorrent message costs apart from the system: taking it apart, swarm, offers, texts.
// Run: bun bench/ws-message.ts [--smoke]. Seeded; prints nanoseconds per message as minimum, mean and
// deviation over rounds, and a checksum of all messages sent.
//
// «scan» is our parse, beside JSON.parse of the same text, and JSON.parse followed by JSON.stringify of
// each offer, which is what passing offers on would take without it. «announce» is the whole handler with
// a sender that only counts. Offers are those of aquatic_ws_load_test (47 characters of SDP) and those
// of a browser (1,200 characters).
import { newRegion, type Region } from '../src/memory/region.ts'
import { readClock } from '../src/os/clock.ts'
import { ConnectionStates, createConnectionStates } from '../src/swarm/connections.ts'
import { attachSwarms, createSwarmMemory } from '../src/swarm/memory.ts'
import { parse } from '../src/ws/wire/parse.ts'
import { Request } from '../src/ws/wire/request.ts'
import { type Connection, Connections } from '../src/ws/worker/connection.ts'
import { COUNTER_COUNT } from '../src/ws/worker/counters.ts'
import { Handler } from '../src/ws/worker/handle.ts'
import { createRequestLimits, RequestLimits } from '../src/ws/worker/request-limits.ts'
import type { Sender } from '../src/ws/worker/send.ts'
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

const encoder = new TextEncoder()
const INPUT_BYTES = 2 ** 18

/** Where messages come in, and where they go out. */
const input = newRegion(INPUT_BYTES)

function announce(connection: number, sdp: string): Uint8Array {
  const message = {
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
  }
  return encoder.encode(JSON.stringify(message))
}

let checksum = 0

function report(name: string, perMessage: readonly number[]): void {
  console.log(timesLine(name, 34, perMessage))
}

function measure<T>(name: string, texts: readonly T[], work: (text: T, i: number) => void) {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds()
    for (let i = 0; i < texts.length; i++) work(texts[i], i)
    times.push((Bun.nanoseconds() - start) / texts.length)
  }
  report(name, times.slice(Math.floor(times.length / 4)))
}

function measureParsers(kind: string, messages: readonly Uint8Array[]): void {
  const request = new Request(OFFERS, 255)
  measure(`scan, ${kind}`, messages, (message) => {
    input.bytes.set(message)
    if (parse(request, input, 0, message.length)) checksum += request.offerCount
  })
  const texts = messages.map((message) => new TextDecoder().decode(message))
  measure(`JSON.parse, ${kind}`, texts, (text) => {
    checksum += JSON.parse(text).offers.length
  })
  measure(`JSON.parse + stringify, ${kind}`, texts, (text) => {
    for (const offer of JSON.parse(text).offers) checksum += JSON.stringify(offer).length
  })
}

/** As that of the sockets, but everything ends here. */
class CountingSender {
  readonly region: Region = newRegion(INPUT_BYTES)
  readonly bytes = this.region.bytes
  private at = 0

  openAnswer(_: Connection, bytesMax: number): number {
    if (this.at + bytesMax > this.bytes.length) this.at = 0
    return this.at
  }

  openRelay(connection: Connection, bytesMax: number): number {
    return this.openAnswer(connection, bytesMax)
  }

  commit(end: number): void {
    checksum = (checksum * 31 + end - this.at + this.bytes[end - 9]) | 0
    this.at = end
  }
}

function measureHandler(kind: string, messages: readonly Uint8Array[]): void {
  const counts = new Int32Array(COUNTER_COUNT)
  const states = new ConnectionStates(createConnectionStates(1, CONNECTIONS))
  const limits = { maxTorrents: 100_000, maxPeers: 1_000_000, workers: 1 }
  const memory = createSwarmMemory({ ...limits, kinds: ['websocket'] })
  const connections = new Connections(0, states, 30)
  const sender = new CountingSender() as unknown as Sender
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
  const open = Array.from({ length: CONNECTIONS }, () => connections.open(0, 0xcb007107 | 0, 0))
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds()
    for (let i = 0; i < messages.length; i++) {
      input.bytes.set(messages[i])
      handler.message(open[i % CONNECTIONS], input.bytes, 0, messages[i].length)
    }
    times.push((Bun.nanoseconds() - start) / messages.length)
    for (const { pendingOffers } of open) pendingOffers?.release()
  }
  report(`announce, ${kind}`, times.slice(Math.floor(ROUNDS / 4)))
}

readClock()
for (const [kind, sdp] of [
  ['load test', SHORT_SDP],
  ['browser', LONG_SDP],
] as const) {
  const messages = Array.from({ length: MESSAGES }, (_, i) => announce(i % CONNECTIONS, sdp))
  measureParsers(kind, messages)
  measureHandler(kind, messages)
}
console.log(`checksum ${checksum}`)
