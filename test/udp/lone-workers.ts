// Workers of a UDP tracker in threads of their own, without the tracker: what they serve and count is then
// known to the packet. Used by the tests of socket workers and request workers.

import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { KEYS_OFF } from '../../src/access-keys/gate.ts'
import { createGuessLimits } from '../../src/access-keys/guess-limits.ts'
import { newHashKey } from '../../src/access-keys/key-hash.ts'
import { ListBuilder } from '../../src/access-list/build.ts'
import { MODE_OFF } from '../../src/access-list/list.ts'
import { ALL_CLIENTS, ALL_NETWORKS } from '../../src/client-lists/gate.ts'
import { logFor } from '../../src/log/log.ts'
import { CounterReader, counterSlots } from '../../src/metrics/counters.ts'
import type { Distribution } from '../../src/metrics/histogram.ts'
import { clockData, clockSeconds, readClock } from '../../src/os/clock.ts'
import { createPublicPeers } from '../../src/peer-addresses/peer-addresses.ts'
import { createSourceRows } from '../../src/peer-addresses/source-watch.ts'
import { FirstValue } from '../../src/process/first-value.ts'
import { UpdateSender } from '../../src/process/updates.ts'
import { NO_PAUSE } from '../../src/requests/pause.ts'
import { BanLog } from '../../src/source-limits/ban-log.ts'
import { createSourceLimits } from '../../src/source-limits/source-limits.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import type { Links } from '../../src/udp/pipeline/links.ts'
import type { RequestWorkerData } from '../../src/udp/pipeline/request-worker.ts'
import { ConnectionIds } from '../../src/udp/wire/connection-id.ts'
import { COUNTER_WORDS, COUNTERS, HISTOGRAMS } from '../../src/udp/worker/counters.ts'
import type { SocketWorkerData } from '../../src/udp/worker/socket-worker.ts'
import { type End, openEnd, pretendFrom, queueBytes } from '../os/batch-pair.ts'
import { DEFAULT_RULES } from '../peer-addresses/rules-for.ts'
import { OFF } from '../source-limits/limits-for.ts'
import { addressBytes } from '../support/packets.ts'
import { testBuffers } from '../swarm/harness.ts'
import { SECRET, setSource } from './harness.ts'

export const HOST = '127.0.0.1'
/** Places for the counters of so many workers. */
export const SLOTS = 3

/** Puts packets into a socket's receive buffer; returns the client they came from. */
export function send(to: End, packets: readonly Buffer[]): End {
  const client = openEnd(HOST)
  pretendFrom(client, 0, HOST, to.port)
  for (const packet of packets) queueBytes(client, 0, packet)
  if (client.batch.flush() !== 0) throw new Error('packets were not sent')
  return client
}

/** A connection id that is valid now. */
export function connectionId(): Buffer {
  const ids = new ConnectionIds(SECRET, 300)
  readClock()
  ids.setTime(clockSeconds())
  const peer = new Peer()
  setSource(peer, addressBytes(HOST))
  ids.issue(peer)
  return Buffer.from(Int32Array.of(ids.id0, ids.id1).buffer)
}

interface Counted {
  /** Those that are not 0. */
  readonly counts: Readonly<Record<string, number>>
  readonly beats: number
}

export interface Started {
  /** Resolves when the worker has. */
  readonly ended: Promise<void>
}

/** Workers that share swarms, counters, and the word that stops them. */
export class LoneWorkers {
  private readonly state = new SharedArrayBuffer(64)
  private readonly slots = counterSlots(SLOTS, COUNTER_WORDS)
  private readonly heartbeats = Array.from({ length: SLOTS }, () => new SharedArrayBuffer(64))
  private readonly swarms = testBuffers({ maxTorrents: 1000, maxPeers: 1000, workers: SLOTS })
  private readonly limits = createSourceLimits()
  private readonly banLog = new BanLog(logFor('test'))
  private readonly reader = new CounterReader(this.slots, COUNTERS, HISTOGRAMS)

  /** From now on; one that starts later serves what waits in its sockets, and ends. */
  stop(): void {
    Atomics.store(new Int32Array(this.state), 0, 1)
  }

  startSocketWorker(
    slot: number,
    sockets: readonly End[],
    batchPackets = 64,
    links: Links | null = null,
  ): Promise<Started> {
    const data: Omit<SocketWorkerData, 'updates'> = {
      ...this.common(slot),
      role: 'socket',
      protocol: 'udp',
      title: 'socket',
      index: slot,
      workers: SLOTS,
      sockets: sockets.map(({ fd }) => ({ fd, packetInfo: false })),
      queues: [],
      ownAddresses: new Int32Array(0),
      batchPackets,
      requests: {
        maxScrapeTorrents: 70,
        maxResponsePeers: 50,
        maxResponseBytes: 1472,
        pause: NO_PAUSE,
        announceInterval: 900,
        intervalJitter: 0,
        answerInvalidId: false,
      },
      secret: SECRET,
      isSecretShared: false,
      maxConnectionAge: 300,
      links: links === null ? null : links.socketWorkers[0],
      keyGate: { hashKey: newHashKey(), guesses: createGuessLimits() },
      accessKeys: new FirstValue(KEYS_OFF),
      networkList: new FirstValue(ALL_NETWORKS),
      clientList: new FirstValue(ALL_CLIENTS),
    }
    return start(data)
  }

  /** `index`: among the request workers. */
  startRequestWorker(slot: number, index: number, links: Links): Promise<Started> {
    const data: Omit<RequestWorkerData, 'updates'> = {
      ...this.common(slot),
      role: 'request',
      protocol: 'udp',
      title: 'request',
      index,
      workers: links.requestWorkers.length,
      links: links.requestWorkers[index],
      maxRequests: 100,
      waitMicroseconds: 200,
      alone: false,
      requests: { announceInterval: 900, intervalJitter: 0 },
      countersSlot: slot,
    }
    return start(data)
  }

  private common(slot: number) {
    return {
      state: this.state,
      heartbeat: this.heartbeats[slot],
      clock: clockData(),
      swarms: this.swarms,
      tendsSwarms: true,
      sharesSwarms: false,
      countDownloads: true,
      limits: this.limits,
      rates: OFF,
      peerAddresses: { ...DEFAULT_RULES, storesReserved: true },
      publicPeers: createPublicPeers(),
      sources: createSourceRows(),
      notes: null,
      bans: this.banLog.newWriter(),
      clients: null,
      cleaningInterval: 30,
      maxPeerAge: 1200,
      accessList: new FirstValue(new ListBuilder(0, { key0: 1, key1: 2 }).finish(MODE_OFF)),
      counters: this.slots,
      fault: false,
    }
  }

  /** Of the worker in a slot, since the start. */
  of(slot: number): Counted {
    this.reader.read()
    const counts = [...this.reader.ofWorker(slot)].filter(([, count]) => count !== 0)
    return { counts: Object.fromEntries(counts), beats: new Int32Array(this.heartbeats[slot])[0] }
  }

  /** What all have measured. */
  measured(name: keyof typeof HISTOGRAMS): Distribution {
    this.reader.read()
    return this.reader.histogram(name)
  }
}

/** Resolves once the worker serves. */
async function start(data: object): Promise<Started> {
  const updates = new UpdateSender<never>()
  const failure = { program: 'test', format: 'text' }
  const thread = new Worker(join(import.meta.dir, 'worker-thread.ts'), {
    workerData: { ...data, updates: updates.source, failure },
    transferList: [updates.source.port],
  })
  const ended = new Promise<void>((resolve, reject) => {
    thread.on('error', reject)
    thread.on('exit', () => resolve())
  })
  await Promise.race([new Promise((resolve) => thread.once('message', resolve)), ended])
  return { ended }
}
