// The handler of one worker, spoken to in bytes: requests in, answers out, without any socket. Used by the
// tests of http/. Owns swarms of its own, and watches over the memory around an answer.

import type { KeyGate } from '../../src/access-keys/gate.ts'
import { ClientSample, type ClientSampleData } from '../../src/census/sample.ts'
import type { ClientGate } from '../../src/client-lists/gate.ts'
import { ANSWER_BYTES_MAX } from '../../src/http/wire/layout.ts'
import { HttpRequest } from '../../src/http/wire/request.ts'
import {
  BANS,
  COUNTER_WORDS,
  FAMILY_COUNTERS,
  FAMILY_IPV4,
  FAMILY_IPV6,
  type FamilyCounter,
} from '../../src/http/worker/counters.ts'
import { Handler } from '../../src/http/worker/handle.ts'
import { Responder } from '../../src/http/worker/respond.ts'
import type { HttpSettings } from '../../src/http/worker/worker-updates.ts'
import type { PeerAddresses } from '../../src/peer-addresses/peer-addresses.ts'
import { NO_PAUSE } from '../../src/requests/pause.ts'
import {
  createSourceLimits,
  SourceLimits,
  type SourceRates,
} from '../../src/source-limits/source-limits.ts'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import type { Dictionary } from '../support/bencode.ts'
import { type HttpAnswer, readAnswer, readTracker } from '../support/http-answer.ts'
import { addressBytes } from '../support/packets.ts'
import { Harness as SwarmHarness, testBuffers } from '../swarm/harness.ts'
import { setSource } from '../udp/harness.ts'

export interface HarnessOptions extends Partial<HttpSettings> {
  /** Shared with others, in place of memory of its own; `seed` is then another for each. */
  readonly buffers?: SwarmBuffers
  readonly seed?: number
  readonly maxTorrents?: number
  readonly maxPeers?: number
  readonly countDownloads?: boolean
  /** What a source may ask for; nothing is limited without. */
  readonly rates?: SourceRates
  /** Where clients are noted; they are not without. */
  readonly clients?: ClientSampleData
  /** Which peers are stored; all without. */
  readonly addresses?: PeerAddresses
  /** Whom requests are served to, by network and client; to all without. */
  readonly gate?: ClientGate
  /** The same by their keys. */
  readonly keys?: KeyGate
}

export const START = 100_000
export const CLIENT = '192.0.2.7'

const GUARD_BYTES = 256
const GUARD = 0xa5

export class HttpHarness {
  readonly swarm: SwarmHarness
  readonly handler: Handler
  readonly request = new HttpRequest()
  readonly responder: Responder
  now = START
  private readonly out = new Uint8Array(ANSWER_BYTES_MAX + GUARD_BYTES * 2).fill(GUARD)

  constructor(options: HarnessOptions = {}) {
    const limits = {
      maxTorrents: options.maxTorrents ?? 10_000,
      maxPeers: options.maxPeers ?? 100_000,
      workers: 1,
    }
    const { buffers = testBuffers(limits), seed = 1, countDownloads = true } = options
    this.swarm = new SwarmHarness(buffers, seed, countDownloads)
    const { swarms } = this.swarm
    const counts = new Int32Array(COUNTER_WORDS)
    const sources =
      options.rates === undefined
        ? null
        : new SourceLimits(createSourceLimits(), options.rates, {
            counts,
            place: BANS,
            writer: null,
          })
    swarms.admission.gate = sources
    this.responder = new Responder(swarms, counts)
    this.responder.addresses = options.addresses ?? null
    this.responder.clients =
      options.clients === undefined ? null : new ClientSample(options.clients)
    const settings: HttpSettings = {
      announceInterval: options.announceInterval ?? 900,
      minAnnounceInterval: options.minAnnounceInterval ?? 300,
      intervalJitter: options.intervalJitter ?? 0,
      maxResponsePeers: options.maxResponsePeers ?? 255,
      maxScrapeTorrents: options.maxScrapeTorrents ?? 255,
      believesAddresses: options.believesAddresses ?? false,
      pauseHttp: options.pauseHttp ?? NO_PAUSE,
      pauseHttps: options.pauseHttps ?? NO_PAUSE,
    }
    this.handler = new Handler(this.responder, settings, counts, sources)
    this.handler.keys = options.keys ?? null
    this.handler.clients = options.gate ?? null
    this.request.out = this.out
    this.request.to = GUARD_BYTES
    this.setTime(START)
  }

  setTime(now: number): void {
    this.now = now
    this.handler.setTime(now)
  }

  setSource(from: string | Uint8Array): void {
    setSource(this.request.source, typeof from === 'string' ? addressBytes(from) : from)
  }

  /** Serves what begins at `bytes[at]`; returns how many bytes it took. Its answer is in `answer`. */
  serve(bytes: Uint8Array, from: string | Uint8Array = CLIENT, at = 0, searched = 0): number {
    this.setSource(from)
    const used = this.handler.serve(this.request, bytes, at, bytes.length, searched)
    this.checkGuards()
    return used
  }

  /** The bytes of the last answer. */
  get answer(): Buffer {
    return Buffer.from(this.out.slice(GUARD_BYTES, this.request.end))
  }

  /** The answer to exactly one request, of one character per byte. */
  send(text: string, from: string | Uint8Array = CLIENT): HttpAnswer {
    const bytes = Buffer.from(text, 'latin1')
    const used = this.serve(bytes, from)
    if (used !== bytes.length) throw new Error(`${used} of ${bytes.length} bytes were taken`)
    return readAnswer(this.answer, text.startsWith('HEAD '))
  }

  /** What the tracker says to a GET of this target. */
  ask(target: string, from: string | Uint8Array = CLIENT): Dictionary {
    this.send(get(target), from)
    return readTracker(this.answer)
  }

  /** The counts that are not 0, of both address families together, without those of bytes. */
  get counts(): Partial<Record<FamilyCounter, number>> {
    const { counts } = this.handler
    const counted = FAMILY_COUNTERS.map(
      (name, i) => [name, counts[FAMILY_IPV4 + i] + counts[FAMILY_IPV6 + i]] as const,
    )
    return Object.fromEntries(counted.filter(([name, n]) => n !== 0 && !name.endsWith('_bytes')))
  }

  forgetCounts(): void {
    this.handler.counts.fill(0)
  }

  private checkGuards(): void {
    const { out } = this
    for (let i = 0; i < GUARD_BYTES; i++) {
      if (out[i] !== GUARD || out[out.length - 1 - i] !== GUARD) {
        throw new Error('an answer was written outside of its place')
      }
    }
  }
}

export function get(target: string, version = 'HTTP/1.1', fields = ''): string {
  return `GET ${target} ${version}\r\n${fields}\r\n`
}

export interface AnnounceParameters {
  readonly infoHash?: string
  readonly port?: number | string
  readonly left?: number | string
  readonly more?: string
}

/** The target of an announce. */
export function announceTarget(parameters: AnnounceParameters = {}): string {
  const { infoHash = 'a'.repeat(20), port = 6881, left = 1, more = '' } = parameters
  return `/announce?info_hash=${infoHash}&peer_id=-TR2940-abcdefghijkl&port=${port}&uploaded=0&downloaded=0&left=${left}${more}`
}

/** Peers of a compact string: address and port. */
export function compactPeers(text: unknown, addressBytesCount: 4 | 16): string[] {
  if (typeof text !== 'string') throw new Error('no compact peers')
  const size = addressBytesCount + 2
  if (text.length % size !== 0) throw new Error(`${text.length} bytes are no peers`)
  const bytes = Buffer.from(text, 'latin1')
  return Array.from({ length: text.length / size }, (_, i) => {
    const at = i * size
    const address = bytes.subarray(at, at + addressBytesCount)
    const name = addressBytesCount === 4 ? address.join('.') : address.toString('hex')
    return `${name}:${bytes.readUInt16BE(at + addressBytesCount)}`
  }).sort()
}
