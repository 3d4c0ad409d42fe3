// Which clients the peers are of, counted now and then in the main thread. Made by tracker/tracker.ts with
// [statistics] peer_clients; what it has counted last is part of what tracker/statistics-reader.ts reads.
// Owns the last result.
import { randomFillSync } from 'node:crypto'
import { clockSeconds, readClock } from '../os/clock.ts'
import { RepeatedWork } from '../process/repeated-work.ts'
import { STRIDE_WEBSOCKET } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../swarm/walks/export.ts'
import { walkThrough } from '../swarm/walks/pace.ts'
import { type ClientSampleData, ClientSampleReader, createClientSample } from './sample.ts'
import { type ClientCount, Tally } from './tally.ts'

/** Peers and torrents per slice: it holds a lock for some tens of microseconds. */
const SLICE_PEERS = 1000

/** Adds all peers to a tally, for as long as `goOn` returns true. */
export type CountPeers = (tally: Tally, goOn: () => boolean) => void | Promise<void>

export class Census {
  result: readonly ClientCount[] = []
  private readonly counts: readonly CountPeers[]
  private readonly repetition = new RepeatedWork(() => this.run())

  /** `counts`: one for each way in which peers are kept. */
  constructor(...counts: CountPeers[]) {
    this.counts = counts
  }

  start(): void {
    this.repetition.start()
  }

  stop(): void {
    this.repetition.stop()
  }

  /** Counts once. */
  async run(): Promise<void> {
    const tally = new Tally()
    for (const count of this.counts) await count(tally, () => !this.repetition.stopped)
    if (!this.repetition.stopped) this.result = tally.result()
  }
}

/** For peers that are kept without their peer ids. */
export interface SampledClients {
  /** Workers note in it who announces. */
  readonly sample: ClientSampleData
  readonly reader: ClientSampleReader
}

/** `maxPeerAge` in seconds. */
export function sampleClients(maxPeerAge: number): SampledClients {
  const sample = createClientSample(randomFillSync(new Int32Array(2)), maxPeerAge)
  const reader = new ClientSampleReader(sample)
  return { sample, reader }
}

export function fromSample(reader: ClientSampleReader): CountPeers {
  return (tally) => {
    readClock()
    reader.read(tally, clockSeconds())
  }
}

/** WebSocket peers are kept with their peer ids: it goes through all of them, a slice at a time. */
export function fromSwarms(swarms: Swarms): CountPeers {
  const walk = new Walk(false)
  return async (tally, goOn) => {
    await walkThrough(walk, swarms.websocket, {
      budget: SLICE_PEERS,
      gently: true,
      take: () => {
        addPieces(tally, walk)
        return !goOn()
      },
      afterTurn: goOn,
    })
  }
}

function addPieces(tally: Tally, { words, used }: Walk): void {
  for (let piece = 0; piece < used; ) {
    const end = piece + PIECE_HEAD_WORDS + words[piece + PIECE_PEERS] * STRIDE_WEBSOCKET
    for (let at = piece + PIECE_HEAD_WORDS; at < end; at += STRIDE_WEBSOCKET) {
      tally.add(words[at], words[at + 1], 1)
    }
    piece = end
  }
}
