// The stages of a tracker with request workers, all in one thread: what socket workers pass on is served
// and delivered at once. Used by harness.ts in place of answering directly. Owns the channels between.
import type { ClientSample } from '../../src/census/sample.ts'
import { RingReader, RingWriter } from '../../src/channel/ring.ts'
import { FutexWaker } from '../../src/channel/waker.ts'
import { libc } from '../../src/os/ffi.ts'
import { AF_INET, AF_INET6 } from '../../src/os/kernel.ts'
import { REPLY_LENGTH_MASK, REPLY_NAME } from '../../src/os/message.ts'
import type { PeerAddresses } from '../../src/peer-addresses/peer-addresses.ts'
import { Deliverer } from '../../src/udp/pipeline/deliver.ts'
import { Forwarder } from '../../src/udp/pipeline/forward.ts'
import { ScrapeJoiner } from '../../src/udp/pipeline/join.ts'
import { createLinks } from '../../src/udp/pipeline/links.ts'
import { REQUEST_RECORD_WORDS_MAX } from '../../src/udp/pipeline/record.ts'
import { RequestServer } from '../../src/udp/pipeline/serve-requests.ts'
import {
  COUNTER_WORDS,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyCounter,
  RESPONSES_SCRAPE,
} from '../../src/udp/worker/counters.ts'
import { Responder } from '../../src/udp/worker/respond.ts'
import type { Harness as SwarmHarness } from '../swarm/harness.ts'

const PORT = 0x3412

/** An answer that was sent. */
export interface Sent {
  readonly socket: number
  readonly packet: Buffer
  /** The words of the address it was sent to. */
  readonly name: readonly number[]
}

export class PipelineStages {
  readonly forwarder: Forwarder
  readonly servers: readonly RequestServer[]
  readonly joiner: ScrapeJoiner
  /** What the delivery counts. */
  readonly counts = new Int32Array(COUNTER_WORDS)
  private sent: Sent[] = []
  private readonly responders: readonly Responder[]
  private readonly deliverer: Deliverer
  private name: readonly number[] = []

  constructor(
    swarm: SwarmHarness,
    requestWorkers: number,
    announceInterval: number,
    counts: Int32Array,
    sockets = 1,
    clients: ClientSample | null = null,
  ) {
    const links = createLinks(1, requestWorkers)
    const { requests, responses, requestSleepWords, event } = links.socketWorkers[0]
    libc.close(event)
    this.responders = links.requestWorkers.map(() => new Responder(swarm.swarms, counts))
    for (const responder of this.responders) {
      responder.setInterval(announceInterval, 0)
      responder.clients = clients
    }
    this.servers = links.requestWorkers.map(
      (ends, i) => new RequestServer(ends, this.responders[i]),
    )
    this.joiner = new ScrapeJoiner(counts)
    const ends = requests.map((ring, i) => ({
      writer: new RingWriter(ring, REQUEST_RECORD_WORDS_MAX),
      waker: new FutexWaker(requestSleepWords[i]),
    }))
    const source = { current: 0, writeReplyAddress: this.writeReplyAddress.bind(this) }
    const { buffers } = swarm
    const { tablesPerKind } = buffers
    this.forwarder = new Forwarder({
      links: ends,
      joiner: this.joiner,
      keys: buffers,
      tables: tablesPerKind,
      batch: source,
      counts,
      countsClients: clients !== null,
    })
    const readers = responses.map((ring) => new RingReader(ring))
    const sinks = Array.from({ length: sockets }, (_, socket) => this.sink(socket))
    this.deliverer = new Deliverer(readers, sinks, this.joiner, this.counts)
  }

  /** The packets that follow come from this address. */
  setSource(from: Uint8Array): void {
    const words = Array.from({ length: from.length / 4 }, (_, i) =>
      Buffer.from(from).readInt32LE(i * 4),
    )
    const ipv4 = words.length === 1
    const head = (ipv4 ? AF_INET : AF_INET6) | (PORT << 16)
    this.name = ipv4 ? [head, ...words] : [head, 0, ...words, 0]
  }

  setAddresses(addresses: PeerAddresses | null): void {
    for (const responder of this.responders) responder.addresses = addresses
  }

  setTime(now: number): void {
    for (const responder of this.responders) responder.setTime(now)
  }

  /** Serves what was passed on, and delivers what comes back, which it returns. */
  run(): readonly Sent[] {
    this.forwarder.publish()
    for (const server of this.servers) server.serveAll(1000)
    return this.deliver()
  }

  deliver(): readonly Sent[] {
    this.sent = []
    this.deliverer.deliver()
    return this.sent
  }

  /** Scrape responses are counted where their parts are joined, all others where they are written. */
  joined(name: FamilyCounter): number {
    if (name !== 'responses_scrape') return 0
    return this.counts[FAMILY_IPV4 + RESPONSES_SCRAPE] + this.counts[FAMILY_IPV6 + RESPONSES_SCRAPE]
  }

  private writeReplyAddress(_: number, words: Int32Array, at: number): number {
    words[at] = REPLY_NAME + this.name.length
    words.set(this.name, at + REPLY_NAME)
    return REPLY_NAME + this.name.length
  }

  private sink(socket: number) {
    return {
      slots: 4,
      queued: 0,
      add: (
        words: Int32Array,
        reply: number,
        _low: number,
        _high: number,
        payload: number,
        bytes: number,
      ) => {
        const length = words[reply] & REPLY_LENGTH_MASK
        const name = [...words.slice(reply + REPLY_NAME, reply + length)]
        const packet = Buffer.from(Buffer.from(words.buffer, payload * 4, bytes))
        this.sent.push({ socket, packet, name })
      },
      flush: () => 0,
    }
  }
}
