// A process of heap.test.ts: serves announces and scrapes with keys of all kinds over UDP and HTTP, and marks on
// standard error where that begins and ends, between the engine's own lines about garbage collections.
// Usage: bun heap-loop.ts REQUESTS [one needless object every N requests]
import { writeSync } from 'node:fs'
import { Request } from '../../src/udp/wire/request.ts'
import { announceTarget, get, HttpHarness, START } from '../http/harness.ts'
import { addressBytes, announceRequest, infoHash, scrapeRequest } from '../support/packets.ts'
import { UdpHarness, wordOf } from '../udp/harness.ts'
import { gateOf, readKeys } from './support.ts'

const KINDS = 1024
const SLOT_WORDS = 64
const REQUESTS_PER_SECOND = 100_000

const valid = Array.from({ length: 200 }, (_, n) => `valid-key-${n}`)
const { table } = await readKeys([...valid, 'old 2001-01-01'].join('\n'))
const udp = new UdpHarness({ keys: gateOf({ table, guessesPerMinute: 60 }), requestWorkers: 0 })
const http = new HttpHarness({ keys: gateOf({ table, guessesPerMinute: 60 }) })

const request = new Request()
request.words = new Int32Array(new ArrayBuffer(KINDS * SLOT_WORDS * 4))
request.out = new Int32Array(512)
const lengths = new Int32Array(KINDS)
const addresses = new Int32Array(KINDS)
const texts: Uint8Array[] = []
const garbage: object[] = []
let now = START

function keyFor(kind: number): string {
  if (kind % 8 === 0) return ''
  if (kind % 8 === 1) return `/unknown-${kind}`
  return kind % 8 === 2 ? '/old' : `/${valid[kind % valid.length]}`
}

function prepare(): void {
  for (let kind = 0; kind < KINDS; kind++) {
    // Few addresses, so that some guess too often.
    const from = `10.0.0.${kind % 50}`
    const path = `${keyFor(kind)}/announce`
    const trailing = Buffer.from([1, 2, path.length, ...Buffer.from(path), 0])
    const id = udp.connect(from)
    const packet =
      kind % 16 === 15
        ? scrapeRequest(id, [infoHash(kind)])
        : announceRequest(id, { infoHash: infoHash(kind % 100), port: 1 + kind, trailing })
    Buffer.from(request.words.buffer).set(packet, kind * SLOT_WORDS * 4)
    lengths[kind] = packet.length
    addresses[kind] = wordOf(addressBytes(from), 0)
    const target = announceTarget({ port: 1 + kind }).replace('/announce', path)
    texts.push(new Uint8Array(Buffer.from(get(target), 'latin1')))
  }
}

function serveMany(count: number, garbageEvery: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (i % REQUESTS_PER_SECOND === 0) {
      udp.handler.setTime(++now)
      http.handler.setTime(now)
    }
    const kind = (Math.imul(i, 0x9e3779b1) >>> 0) % KINDS
    request.at = kind * SLOT_WORDS
    request.bytes = lengths[kind]
    request.peer.setIPv4(addresses[kind])
    sum += udp.handler.handle(request)
    http.request.source.setIPv4(addresses[kind])
    sum += http.handler.serve(http.request, texts[kind], 0, texts[kind].length)
    if (garbageEvery > 0 && i % garbageEvery === 0) garbage[(i / garbageEvery) & 7] = { i, sum }
  }
  return sum
}

const [count, garbageEvery] = process.argv.slice(2).map(Number)
prepare()
serveMany(300_000, 0)
Bun.gc(true)
writeSync(2, 'begin\n')
const sum = serveMany(count, garbageEvery ?? 0)
writeSync(2, `end after ${sum} bytes\n`)
