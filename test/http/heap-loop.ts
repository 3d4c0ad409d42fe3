// A process of heap.test.ts: serves a mix of requests, and marks on standard error where that begins and
// ends, between the engine's own lines about garbage collections.
// Usage: bun heap-loop.ts REQUESTS [one needless object every N requests]
import { writeSync } from 'node:fs'
import { randomWords } from '../support/random.ts'
import { announceTarget, get, HttpHarness, START } from './harness.ts'
import { RequestMaker } from './request-maker.ts'

const REQUESTS = 1000
const REQUESTS_PER_SECOND = 50_000

const harness = new HttpHarness({
  maxTorrents: 500,
  maxPeers: 20_000,
  believesAddresses: true,
  rates: { connects: 0, requests: 200, sustainedRequests: 0, newTorrents: 50, banSeconds: 1 },
})
const { handler, request } = harness
const maker = new RequestMaker(3)
const random = randomWords(9)
const texts = Array.from({ length: REQUESTS }, (_, i) => {
  if (i % 3 === 0) return maker.make()
  const more = `&event=${['started', 'stopped', ''][i % 3]}&numwant=${i % 90}&compact=${i % 5 === 0 ? 0 : 1}`
  const hash = `%${(i % 200).toString(16).padStart(2, '0')}${'h'.repeat(19)}`
  return get(announceTarget({ infoHash: hash, port: 1 + (i % 999), left: i % 4, more }))
})
const bytes = texts.map((text) => new Uint8Array(Buffer.from(text, 'latin1')))
const addresses = Int32Array.from({ length: REQUESTS * 4 }, () => random())
const garbage: object[] = []
let now = START

function serveMany(count: number, garbageEvery: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (i % REQUESTS_PER_SECOND === 0) harness.setTime(now++)
    const which = Math.imul(i, 0x9e3779b1) >>> 0
    const kind = which % REQUESTS
    if ((which & 1) === 0) request.source.setIPv4(addresses[kind])
    else request.source.setWords(addresses, kind * 4)
    sum += handler.serve(request, bytes[kind], 0, bytes[kind].length) + request.end
    if (garbageEvery > 0 && i % garbageEvery === 0) garbage[(i / garbageEvery) & 7] = { i, sum }
  }
  return sum
}

const [count, garbageEvery] = process.argv.slice(2).map(Number)
serveMany(300_000, 0)
Bun.gc(true)
writeSync(2, 'begin\n')
const sum = serveMany(count, garbageEvery ?? 0)
writeSync(2, `end after ${sum} bytes\n`)
