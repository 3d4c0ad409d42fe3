// The handler of one worker, spoken to in bytes: packets in, packets out, without any socket.
// Used by the tests of udp/. Owns swarms of its own, and watches over the memory around an answer.

import type { KeyGate } from '../../src/access-keys/gate.ts'
import { ClientSample, type ClientSampleData } from '../../src/census/sample.ts'
import type { ClientGate } from '../../src/client-lists/gate.ts'
import type { PeerAddresses } from '../../src/peer-addresses/peer-addresses.ts'
import { NO_PAUSE } from '../../src/requests/pause.ts'
import {
  SOURCE_LIMIT_BYTES,
  SourceLimits,
  type SourceRates,
} from '../../src/source-limits/source-limits.ts'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import type { Peer } from '../../src/swarm/peers/peer.ts'
import { ConnectionIds } from '../../src/udp/wire/connection-id.ts'
import { Request } from '../../src/udp/wire/request.ts'
import { AnnounceKey } from '../../src/udp/worker/announce-key.ts'
import {
  BANS,
  COUNTER_WORDS,
  FAMILY_COUNTERS,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyCounter,
} from '../../src/udp/worker/counters.ts'
import { Handler, type RequestSettings } from '../../src/udp/worker/handle.ts'
import { Responder } from '../../src/udp/worker/respond.ts'
import {
  type AnnounceAnswer,
  type AnnounceFields,
  addressBytes,
  announceRequest,
  connectRequest,
  readAnnounce,
  readConnect,
  readScrape,
  type ScrapeEntry,
  scrapeRequest,
} from '../support/packets.ts'
import { currentRequestWorkers } from '../support/request-workers.ts'
import { Harness as SwarmHarness, testBuffers } from '../swarm/harness.ts'
import { PipelineStages } from './pipeline-stages.ts'

export interface HarnessOptions extends Partial<RequestSettings> {
  /** As the block of tests says, unless it is given. */
  readonly requestWorkers?: number
  /** Shared with others, in place of memory of its own; `seed` is then another for each. */
  readonly buffers?: SwarmBuffers
  readonly seed?: number
  readonly maxTorrents?: number
  readonly maxPeers?: number
  readonly countDownloads?: boolean
  readonly maxConnectionAge?: number
  readonly secret?: Uint8Array
  readonly now?: number
  /** What a source may ask for; nothing is limited without. */
  readonly rates?: SourceRates
  /** Where clients are noted; they are not without. */
  readonly clients?: ClientSampleData
  /** Which peers are stored; all without. */
  readonly addresses?: PeerAddresses
  /** Whom requests are served to; to all without. */
  readonly gate?: ClientGate
  /** The same of announces, by their keys. */
  readonly keys?: KeyGate
}

/** A packet slot of the receive buffer, and what an answer may take at most. */
const SLOT_BYTES = 5120
const ANSWER_BYTES = 1472

/** Words before and after the place of an answer; nobody may write there. */
const GUARD_WORDS = 64
const GUARD = 0x5ca1ab1e

export const START = 100_000
export const SECRET = new Uint8Array(32).fill(7)

export class UdpHarness {
  readonly swarm: SwarmHarness
  readonly ids: ConnectionIds
  readonly handler: Handler
  private readonly request = new Request()
  /** What is behind the handler where there are request workers. */
  readonly stages: PipelineStages | null
  now: number
  /** Where packets are put before `handle`. */
  readonly received = new Int32Array(new ArrayBuffer(SLOT_BYTES))
  readonly receivedBytes = Buffer.from(this.received.buffer)
  private readonly answers = new Int32Array(GUARD_WORDS * 2 + ANSWER_BYTES / 4).fill(GUARD)
  private readonly answerBytes = Buffer.from(this.answers.buffer)

  constructor(options: HarnessOptions = {}) {
    const limits = {
      maxTorrents: options.maxTorrents ?? 10_000,
      maxPeers: options.maxPeers ?? 100_000,
      workers: 1,
    }
    const { buffers = testBuffers(limits), seed = 1, countDownloads = true } = options
    this.swarm = new SwarmHarness(buffers, seed, countDownloads)
    this.ids = new ConnectionIds(options.secret ?? SECRET, options.maxConnectionAge ?? 300)
    const settings: RequestSettings = {
      maxScrapeTorrents: options.maxScrapeTorrents ?? 255,
      maxResponsePeers: options.maxResponsePeers ?? 255,
      maxResponseBytes: options.maxResponseBytes ?? ANSWER_BYTES,
      announceInterval: options.announceInterval ?? 900,
      intervalJitter: options.intervalJitter ?? 0,
      answerInvalidId: options.answerInvalidId ?? false,
      pause: options.pause ?? NO_PAUSE,
    }
    const counts = new Int32Array(COUNTER_WORDS)
    const { swarm } = this
    const requestWorkers = options.requestWorkers ?? currentRequestWorkers()
    const interval = settings.announceInterval
    const clients = options.clients === undefined ? null : new ClientSample(options.clients)
    this.stages =
      requestWorkers === 0
        ? null
        : new PipelineStages(swarm, requestWorkers, interval, counts, 1, clients)
    this.stages?.setAddresses(options.addresses ?? null)
    const responder = new Responder(swarm.swarms, counts)
    responder.setInterval(interval, 0)
    responder.clients = clients
    responder.addresses = options.addresses ?? null
    const requests = this.stages?.forwarder ?? responder
    const sources = options.rates === undefined ? null : sourceLimits(options.rates, counts)
    swarm.swarms.admission.gate = sources
    this.handler = new Handler(requests, this.ids, swarm.buffers, settings, counts, sources)
    this.handler.clients = options.gate ?? null
    if (options.keys !== undefined) this.handler.keys = new AnnounceKey(options.keys)
    this.now = options.now ?? START
    this.setTime(this.now)
  }

  setTime(now: number): void {
    this.now = now
    this.handler.setTime(now)
    this.stages?.setTime(now)
  }

  /** The answer to a packet from an address; null for none. */
  send(packet: Uint8Array, from: string | Uint8Array): Buffer | null {
    const length = Math.min(packet.length, SLOT_BYTES)
    this.receivedBytes.set(packet.subarray(0, length))
    const size = this.handle(length, typeof from === 'string' ? addressBytes(from) : from)
    return size === 0 ? null : Buffer.from(this.answer(size))
  }

  /** The last answer, until the next is written. */
  answer(size: number): Buffer {
    const at = GUARD_WORDS * 4
    return this.answerBytes.subarray(at, at + size)
  }

  /** Handles what is in `received`; returns the size of the answer. */
  handle(length: number, from: Uint8Array): number {
    const size = this.takeIn(length, from) || this.answerOfStages()
    this.checkGuards()
    return size
  }

  /** Handles what is in `received`; with request workers it is passed on, and nobody serves it yet. */
  takeIn(length: number, from: Uint8Array): number {
    const { request } = this
    request.words = this.received
    request.bytes = length
    setSource(request.peer, from)
    request.out = this.answers
    request.to = GUARD_WORDS
    this.stages?.setSource(from)
    return this.handler.handle(request)
  }

  /** Has what was passed on served and delivered; returns the size of the answer. */
  private answerOfStages(): number {
    const [sent] = this.stages?.run() ?? []
    if (sent === undefined) return 0
    this.answer(sent.packet.length).set(sent.packet)
    return sent.packet.length
  }

  connect(from: string | Uint8Array): Buffer {
    return readConnect(present(this.send(connectRequest(), from))).connectionId
  }

  /** Connects and announces. */
  announce(from: string | Uint8Array, fields: AnnounceFields = {}): AnnounceAnswer {
    const address = typeof from === 'string' ? addressBytes(from) : from
    const answer = this.send(announceRequest(this.connect(address), fields), address)
    return readAnnounce(present(answer), address.length === 4 ? 4 : 6)
  }

  /** Connects and scrapes. */
  scrape(from: string | Uint8Array, ...infoHashes: Uint8Array[]): readonly ScrapeEntry[] {
    const answer = this.send(scrapeRequest(this.connect(from), infoHashes), from)
    return readScrape(present(answer)).entries
  }

  /** The counts that are not 0, of both address families together. */
  get counts(): Partial<Record<FamilyCounter, number>> {
    const { counts } = this.handler
    const counted = FAMILY_COUNTERS.map((name, i) => {
      const count = counts[FAMILY_IPV4 + i] + counts[FAMILY_IPV6 + i]
      return [name, count + (this.stages?.joined(name) ?? 0)] as const
    })
    return Object.fromEntries(counted.filter(([, count]) => count !== 0))
  }

  forgetCounts(): void {
    this.handler.counts.fill(0)
    this.stages?.counts.fill(0)
  }

  private checkGuards(): void {
    const { answers } = this
    for (let i = 0; i < GUARD_WORDS; i++) {
      if (answers[i] !== GUARD || answers[answers.length - 1 - i] !== GUARD) {
        throw new Error('an answer was written outside of its place')
      }
    }
  }
}

function sourceLimits(rates: SourceRates, counts: Int32Array): SourceLimits {
  const words = new SharedArrayBuffer(SOURCE_LIMIT_BYTES)
  return new SourceLimits({ words, key0: 0x1234567, key1: 0x89abcde }, rates, {
    counts,
    place: BANS,
    writer: null,
  })
}

export function setSource(peer: Peer, address: Uint8Array): void {
  if (address.length === 4) peer.setIPv4(wordOf(address, 0))
  else
    peer.setWords(
      Int32Array.from([0, 4, 8, 12], (at) => wordOf(address, at)),
      0,
    )
}

/** Four bytes of an address as a word in memory. */
export function wordOf(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
}

export function present(answer: Buffer | null): Buffer {
  if (answer === null) throw new Error('no answer')
  return answer
}
