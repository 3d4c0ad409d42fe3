// One thread of stress.test.ts: a worker of HTTP or of UDP, in bytes, on the swarms of all threads, with clients of its
// own: all threads have the same addresses, each ports of its own. Counts its connections with the others.
import { parentPort, workerData } from 'node:worker_threads'
import type { SwarmBuffers } from '../../src/swarm/memory.ts'
import { cleanSlice, startCleaning } from '../../src/swarm/walks/clean.ts'
import { ADMITTED, ConnectionLimits } from '../../src/tcp/connection-limits.ts'
import { randomWords } from '../support/random.ts'
import { UdpHarness } from '../udp/harness.ts'
import { announceTarget, compactPeers, HttpHarness } from './harness.ts'

export interface StressTask {
  readonly protocol: 'http' | 'udp'
  readonly thread: number
  readonly threads: number
  readonly operations: number
  readonly buffers: SwarmBuffers
  readonly connections: SharedArrayBuffer
  /** One word: threads that are ready. None starts before all are. */
  readonly gate: SharedArrayBuffer
}

export interface StressReport {
  /** «torrent address port» of its peers that are in the swarms, with the role. */
  readonly members: ReadonlyMap<string, boolean>
  readonly refusedConnections: number
}

export const TORRENTS = 12
const ADDRESSES = 40
const PORTS = 25
export const MAX_CONNECTIONS = 60
export const MAX_PER_ADDRESS = 3

export const NOW = 100_000
export const MAX_AGE = 1200

/** 20 bytes, in ASCII. */
export function infoHash(torrent: number): string {
  return `stress~${String(torrent).padStart(13, '0')}`
}

export function addressOf(number: number, ipv4: boolean): string {
  return ipv4 ? `192.0.2.${number + 1}` : `2001:db8:0:${number + 1}::1`
}

interface Asked {
  readonly torrent: number
  readonly address: string
  readonly ipv4: boolean
  readonly port: number
  readonly seeder: boolean
  readonly stops: boolean
  readonly wanted: number
}

/** Ports of the peers that it is answered. */
type Announcer = (asked: Asked) => readonly number[]

function portOf(peer: string): number {
  return Number(peer.split(':').at(-1))
}

function overHttp(harness: HttpHarness): Announcer {
  return ({ torrent, address, ipv4, port, seeder, stops, wanted }) => {
    const more = `&numwant=${wanted}${stops ? '&event=stopped' : ''}`
    const left = seeder ? 0 : 1
    const answer = harness.ask(
      announceTarget({ infoHash: infoHash(torrent), port, left, more }),
      address,
    )
    const peers = ipv4 ? answer.peers : (answer.peers6 ?? '')
    return compactPeers(peers, ipv4 ? 4 : 16).map(portOf)
  }
}

function overUdp(harness: UdpHarness): Announcer {
  return ({ torrent, address, port, seeder, stops, wanted }) =>
    harness
      .announce(address, {
        infoHash: Buffer.from(infoHash(torrent)),
        port,
        left: seeder ? 0n : 1n,
        event: stops ? 3 : 0,
        numWant: wanted,
      })
      .peers.map(portOf)
}

function run(task: StressTask): StressReport {
  const { protocol, thread, threads, buffers } = task
  const options = { buffers, seed: thread + 1, now: NOW }
  const harness = protocol === 'http' ? new HttpHarness(options) : new UdpHarness(options)
  harness.setTime(NOW)
  const announce = harness instanceof HttpHarness ? overHttp(harness) : overUdp(harness)
  const limits = new ConnectionLimits(task.connections, MAX_CONNECTIONS, MAX_PER_ADDRESS)
  const random = randomWords(thread + 10)
  const members = new Map<string, boolean>()
  const entered: number[] = []
  let refusedConnections = 0
  const { swarms, tables } = harness.swarm
  let cleaned = thread
  startCleaning(tables[cleaned])
  waitForAll(task)
  for (let i = 0; i < task.operations; i++) {
    const number = random() % ADDRESSES
    const ipv4 = random() % 2 === 0
    const address = addressOf(number, ipv4)
    const port = 1000 + (random() % PORTS) * threads + thread
    const torrent = random() % TORRENTS
    const seeder = random() % 2 === 0
    const stops = random() % 4 === 0
    const ports = announce({ torrent, address, ipv4, port, seeder, stops, wanted: random() % 60 })
    for (const each of ports) {
      if (each < 1000 || each >= 1000 + PORTS * threads) throw new Error(`port ${each}`)
    }
    const name = `${torrent} ${address} ${port}`
    if (stops) members.delete(name)
    else members.set(name, seeder)
    if (random() % 2 === 0) {
      if (limits.enter(number, ~number) === ADMITTED) entered.push(number)
      else refusedConnections++
    } else if (entered.length > 0) {
      const [left] = entered.splice(random() % entered.length, 1)
      limits.leave(left, ~left)
    }
    if (cleanSlice(swarms, tables[cleaned], NOW, MAX_AGE, 1 + (random() % 200))) {
      // Each table is cleaned by one thread.
      cleaned += threads
      if (cleaned >= tables.length) cleaned = thread
      startCleaning(tables[cleaned])
    }
  }
  for (const number of entered) limits.leave(number, ~number)
  return { members, refusedConnections }
}

function waitForAll(task: StressTask): void {
  const gate = new Int32Array(task.gate)
  Atomics.add(gate, 0, 1)
  Atomics.notify(gate, 0)
  for (;;) {
    const ready = Atomics.load(gate, 0)
    if (ready >= task.threads) return
    Atomics.wait(gate, 0, ready)
  }
}

// Imported for its types and constants by the test, which has a parent thread for no message.
if (parentPort !== null && workerData?.httpStress !== undefined) {
  parentPort.postMessage(run(workerData.httpStress as StressTask))
}
