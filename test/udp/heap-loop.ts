// A process of heap.test.ts: handles a mix of packets, and marks on standard error where that begins
// and ends, between the engine's own lines about garbage collections.
// Usage: bun heap-loop.ts PACKETS [one needless object every N packets]

import { writeSync } from 'node:fs'
import { Cleaner } from '../../src/swarm/walks/cleaner.ts'
import { Request } from '../../src/udp/wire/request.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  infoHash,
  STOPPED,
  scrapeRequest,
} from '../support/packets.ts'
import { START, UdpHarness, wordOf } from './harness.ts'

const KIND_SHIFT = 20
const KINDS = 2 ** (32 - KIND_SHIFT)
const SLOT_WORDS = 128
const BATCH = 64
const PACKETS_PER_SECOND = 200_000

const harness = new UdpHarness({ maxConnectionAge: 4000 })
const { handler } = harness
const { swarms } = harness.swarm
const packets = new Int32Array(new ArrayBuffer(KINDS * SLOT_WORDS * 4))
const lengths = new Int32Array(KINDS)
const ipv4 = new Uint8Array(KINDS)
const addresses = new Int32Array(KINDS * 4)
const request = new Request()
request.words = packets
request.out = new Int32Array(512)
const cleaner = new Cleaner(swarms, [...swarms.ipv4, ...swarms.ipv6], 2, 15, false, START)
const garbage: object[] = []
let now = START

/** Connects, announces of all kinds, scrapes, and packets that are refused; in both families. */
function packetFor(kind: number, from: Buffer): Buffer {
  const id = harness.connect(from)
  const hash = infoHash(kind % 7 === 0 ? 1 : kind % 1000)
  const port = 1 + (kind % 65535)
  switch (kind % 16) {
    case 0:
    case 1:
      return connectRequest(kind)
    case 2:
      return scrapeRequest(id, [hash, infoHash(kind), infoHash(1)])
    case 3:
      return scrapeRequest(
        id,
        Array.from({ length: 24 }, (_, i) => infoHash(i)),
      )
    case 4:
      return announceRequest(Buffer.alloc(8), { infoHash: hash })
    case 5:
      return announceRequest(id, { infoHash: hash, port, event: STOPPED })
    case 6:
      return announceRequest(id, { infoHash: hash, port: 0 })
    case 7:
      return announceRequest(id).subarray(0, 40)
    default:
      return announceRequest(id, {
        infoHash: hash,
        port,
        left: BigInt(kind % 3),
        numWant: kind % 90,
      })
  }
}

function prepare(): void {
  for (let kind = 0; kind < KINDS; kind++) {
    const even = (kind >> 4) % 2 === 0
    const from = addressBytes(even ? `10.0.${kind >> 8}.${kind & 255}` : `2001:db8::${kind}`)
    const packet = packetFor(kind, from)
    Buffer.from(packets.buffer).set(packet, kind * SLOT_WORDS * 4)
    lengths[kind] = packet.length
    ipv4[kind] = even ? 1 : 0
    for (let i = 0; i < from.length / 4; i++) addresses[kind * 4 + i] = wordOf(from, i * 4)
  }
}

function handleMany(count: number, garbageEvery: number): number {
  let bytes = 0
  for (let i = 0; i < count; i++) {
    if (i % BATCH === 0) {
      if (i % PACKETS_PER_SECOND === 0) now++
      handler.setTime(now)
      cleaner.step(now)
    }
    const kind = Math.imul(i, 0x9e3779b1) >>> KIND_SHIFT
    request.at = kind * SLOT_WORDS
    request.bytes = lengths[kind]
    if (ipv4[kind] === 1) request.peer.setIPv4(addresses[kind * 4])
    else request.peer.setWords(addresses, kind * 4)
    bytes += handler.handle(request)
    if (garbageEvery > 0 && i % garbageEvery === 0) garbage[(i / garbageEvery) & 7] = { i, bytes }
  }
  return bytes
}

const [count, garbageEvery] = process.argv.slice(2).map(Number)
prepare()
handleMany(1_000_000, 0)
Bun.gc(true)
writeSync(2, 'begin\n')
const bytes = handleMany(count, garbageEvery ?? 0)
writeSync(2, `end after ${bytes} bytes\n`)
