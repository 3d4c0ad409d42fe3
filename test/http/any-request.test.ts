// Whatever arrives, the parser reads it as a naive one does, and the handler neither fails nor writes where it must
// not, and answers in strict HTTP and strict bencode; the swarms are in order afterwards.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { parse } from '../../src/http/wire/parse.ts'
import {
  ANNOUNCE,
  HEALTH,
  HttpRequest,
  PAGE,
  SCRAPE,
  STATUS,
  UNKNOWN_METHOD,
  UNKNOWN_PATH,
} from '../../src/http/wire/request.ts'
import {
  BAD_FRAMING,
  BAD_HEADER,
  BAD_LINE,
  BAD_VERSION,
  HEAD_TOO_LARGE,
  LINE_TOO_LONG,
} from '../../src/http-head/read-head.ts'
import type { Peer } from '../../src/swarm/peers/peer.ts'
import { readDictionary } from '../support/bencode.ts'
import { readAnswer } from '../support/http-answer.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { HttpHarness } from './harness.ts'
import { type NaiveRequest, parseNaively, type Rejection } from './naive-parser.ts'
import { RequestMaker } from './request-maker.ts'

setDefaultTimeout(600_000)

/** TEST_SEED repeats a run that failed; TEST_REQUESTS=1000000 is for a long one. */
const SEED = Number(process.env.TEST_SEED ?? 1)
const REQUESTS = Number(process.env.TEST_REQUESTS ?? 40_000)

const SETTINGS = { proxyHeader: 'x-forwarded-for', scrapeMax: 100 }

const KINDS: Readonly<Record<number, NaiveRequest['kind']>> = {
  [ANNOUNCE]: 'announce',
  [SCRAPE]: 'scrape',
  [PAGE]: 'page',
  [HEALTH]: 'health',
  [STATUS]: 'status',
  [UNKNOWN_PATH]: 'unknown path',
  [UNKNOWN_METHOD]: 'unknown method',
}

const REJECTIONS: Readonly<Record<number, Rejection>> = {
  [BAD_LINE]: 'line',
  [LINE_TOO_LONG]: 'line too long',
  [HEAD_TOO_LARGE]: 'too large',
  [BAD_HEADER]: 'header',
  [BAD_FRAMING]: 'framing',
  [BAD_VERSION]: 'version',
}

const NO_PEER_ID = '\0'.repeat(20)

const request = new HttpRequest()
request.proxyHeader = new TextEncoder().encode(SETTINGS.proxyHeader)
request.scrapeMax = SETTINGS.scrapeMax
request.readsAddresses = true

/** What the parser under test makes of it, in the terms of the model. */
function parsed(bytes: Uint8Array, from = 0): NaiveRequest | Rejection | null {
  const used = parse(request, bytes, from, bytes.length)
  if (used === 0) return null
  if (used < 0) return REJECTIONS[used]
  const { announce, infoHashCount, keyFrom, keyTo, proxyValues } = request
  const kind = KINDS[request.kind]
  const latin1 = (first: number, end: number, of = bytes) =>
    Buffer.from(of.subarray(first, end)).toString('latin1')
  const { port } = announce.peer
  // Of an announce that has an info hash; all others are refused.
  const asks = kind === 'announce' && infoHashCount === 1
  return {
    kind,
    bytes: used,
    headOnly: request.headOnly,
    close: request.close,
    key: latin1(keyFrom, keyTo),
    proxyValues: Array.from({ length: request.proxyValueCount }, (_, i) =>
      latin1(proxyValues[i * 2], proxyValues[i * 2 + 1]),
    ),
    infoHashes:
      infoHashCount < 0
        ? null
        : Array.from({ length: infoHashCount }, (_, i) =>
            latin1(i * 20, i * 20 + 20, request.bytes),
          ),
    peerId: asks ? latin1(20, 40, request.bytes) : NO_PEER_ID,
    port: ((port & 255) << 8) | (port >> 8),
    seeder: announce.seeder,
    event: announce.completed ? 'completed' : announce.stopped ? 'stopped' : '',
    compact: request.compact,
    wanted: request.wanted,
    ip: request.hasClaimed ? hex(request.claimed) : null,
    ipv4: request.hasClaimedIPv4 ? hex(request.claimedIPv4) : null,
    ipv6: request.hasClaimedIPv6 ? hex(request.claimedIPv6) : null,
  }
}

function hex({ ipv4, a0, a1, a2, a3 }: Peer): string {
  const words = Int32Array.from(ipv4 ? [a0] : [a0, a1, a2, a3])
  return Buffer.from(words.buffer).toString('hex')
}

function expected(text: string): NaiveRequest | Rejection | null {
  const model = parseNaively(text, SETTINGS)
  if (model === null || typeof model === 'string') return model
  const event = /^(completed|stopped)$/.test(model.event) ? model.event : ''
  return { ...model, event, peerId: model.infoHashes?.length === 1 ? model.peerId : NO_PEER_ID }
}

describe(`${REQUESTS} generated and mutated requests (TEST_SEED=${SEED})`, () => {
  test('are read as a naive parser reads them', () => {
    const maker = new RequestMaker(SEED)
    const seen = new Map<string, number>()
    for (let i = 0; i < REQUESTS; i++) {
      const text = maker.make()
      const model = expected(text)
      const result = parsed(Buffer.from(text, 'latin1'))
      const name = model === null ? 'incomplete' : typeof model === 'string' ? model : model.kind
      seen.set(name, (seen.get(name) ?? 0) + 1)
      // What can be refused before it is all there may be.
      if (model === null && typeof result === 'string') continue
      if (!Bun.deepEquals(result, model)) {
        console.error(`request ${i} of seed ${SEED}: ${JSON.stringify(text)}`)
        expect(result).toEqual(model)
      }
    }
    const everything = [...Object.values(KINDS), ...Object.values(REJECTIONS), 'incomplete']
    expect([...seen.keys()].sort()).toEqual(everything.sort())
  })

  test('get answers in strict HTTP and strict bencode, and leave the swarms in order', () => {
    const harness = new HttpHarness({ maxTorrents: 60, maxPeers: 1500, believesAddresses: true })
    const maker = new RequestMaker(SEED + 1)
    let answered = 0
    for (let i = 0; i < REQUESTS; i++) {
      const text = maker.make()
      const bytes = Buffer.from(text, 'latin1')
      const used = harness.serve(bytes, i % 2 === 0 ? `192.0.2.${i % 250}` : `2001:db8::${i % 999}`)
      const { answer } = harness
      if (used === 0 ? answer.length !== 0 : answer.length === 0) {
        throw new Error(`request ${i} of seed ${SEED}: ${answer.length} bytes for ${used}`)
      }
      if (used === 0) continue
      answered++
      const { headOnly } = harness.request
      const { status, fields, body } = readAnswer(answer, headOnly)
      const asks = harness.request.kind <= SCRAPE && status === 200 && !headOnly
      if (asks) readDictionary(body)
      if (harness.request.close !== (fields.connection === 'close')) {
        throw new Error(`request ${i} of seed ${SEED}: ${fields.connection}`)
      }
    }
    expect(answered).toBeGreaterThan(REQUESTS / 2)
    expect(checkInvariants(harness.swarm).torrents).toBeGreaterThan(10)
    const { counts } = harness
    const total = (kind: string) =>
      Object.entries(counts).reduce((sum, [name, n]) => (name.startsWith(kind) ? sum + n : sum), 0)
    expect(total('responses')).toBe(answered)
  })
})

describe('a request that arrives in pieces', () => {
  const maker = new RequestMaker(SEED + 2)
  const requests = Array.from({ length: 200 }, () => maker.makeValid())

  test('is incomplete at every length but the last, whatever stands behind it in memory', () => {
    for (const text of requests) {
      const whole = Buffer.from(text, 'latin1')
      for (let length = 0; length < whole.length; length++) {
        const cut = parse(request, whole, 0, length)
        if (cut !== 0) throw new Error(`${cut} at ${length}: ${JSON.stringify(text)}`)
      }
      expect(parse(request, whole, 0, whole.length)).toBe(whole.length)
    }
  })

  test('is the same one when it is told how much was searched, at every length', () => {
    for (const text of requests) {
      const whole = Buffer.from(text, 'latin1')
      const model = expected(text)
      for (let searched = 1; searched < whole.length; searched++) {
        if (parse(request, whole, 0, whole.length, searched) !== whole.length) {
          throw new Error(`searched ${searched}: ${JSON.stringify(text)}`)
        }
        const one = parse(request, whole, 0, searched + 1, searched)
        if (one !== (searched + 1 === whole.length ? whole.length : 0)) {
          throw new Error(`${one} of ${searched} and one more: ${JSON.stringify(text)}`)
        }
      }
      expect(parsed(whole)).toEqual(model)
    }
  })

  test('may begin anywhere, and others may follow', () => {
    for (const text of requests) {
      const before = 7
      const bytes = Buffer.from(`${'x'.repeat(before)}${text}GET / HTTP/1.1\r\n\r\n`, 'latin1')
      expect(parse(request, bytes, before, bytes.length)).toBe(text.length)
    }
  })
})
