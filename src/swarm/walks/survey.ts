// Goes through all torrents now and then: how many have how many peers, and which are the largest. Runs in
// the main thread while announces go on, a slice at a time under the table's lock (export.ts). Made by
// the trackers' mains when a setting asks for it. Owns the last result.
import { RepeatedWork } from '../../process/repeated-work.ts'
import type { PeerKindName } from '../layout.ts'
import type { Swarms } from '../swarm.ts'
import { INFO_HASH_WORDS } from '../table/torrents.ts'
import { COUNTS_LEECHERS, COUNTS_SEEDERS, COUNTS_WORDS, PIECE_COMPLETED, Walk } from './export.ts'
import { walkThrough } from './pace.ts'

/** A slice holds a lock for some tens of microseconds. */
const SLICE_TORRENTS = 500

/** Torrents with 1, 2–3, 4–7, … peers; the last class has no upper end. */
export const SIZE_CLASSES = 18
const LARGEST_MAX = 20

export interface LargeTorrent {
  readonly kind: PeerKindName
  readonly infoHash: string
  readonly seeders: number
  readonly leechers: number
  readonly completed: number
}

export interface SurveyResult {
  /** Per class of size, the torrents in it. */
  readonly sizes: Readonly<Record<PeerKindName, readonly number[]>>
  /** Largest first. */
  readonly largest: readonly LargeTorrent[]
}

export class Survey {
  result: SurveyResult = { sizes: { ipv4: [], ipv6: [], websocket: [] }, largest: [] }
  private readonly swarms: Swarms
  private readonly walk = new Walk(true)
  private readonly repetition = new RepeatedWork(() => this.run())

  constructor(swarms: Swarms) {
    this.swarms = swarms
  }

  start(): void {
    this.repetition.start()
  }

  stop(): void {
    this.repetition.stop()
  }

  /** Goes through all torrents once. */
  async run(): Promise<void> {
    const sizes = { ipv4: newSizes(), ipv6: newSizes(), websocket: newSizes() }
    const largest: LargeTorrent[] = []
    for (const kind of ['ipv4', 'ipv6', 'websocket'] as const) {
      const finished = await walkThrough(this.walk, this.swarms[kind], {
        budget: SLICE_TORRENTS,
        gently: true,
        take: () => {
          this.take(kind, sizes[kind], largest)
          return this.repetition.stopped
        },
        afterTurn: () => !this.repetition.stopped,
      })
      if (!finished) return
    }
    this.result = { sizes, largest }
  }

  private take(kind: PeerKindName, sizes: number[], largest: LargeTorrent[]): void {
    const { words, used } = this.walk
    for (let at = 0; at < used; at += COUNTS_WORDS) {
      const seeders = words[at + COUNTS_SEEDERS]
      const leechers = words[at + COUNTS_LEECHERS]
      const peers = seeders + leechers
      if (peers === 0) continue
      sizes[Math.min(SIZE_CLASSES - 1, 31 - Math.clz32(peers))]++
      if (largest.length === LARGEST_MAX && peers <= sizeOf(largest[LARGEST_MAX - 1])) continue
      const infoHash = hexOf(words, at)
      largest.push({ kind, infoHash, seeders, leechers, completed: words[at + PIECE_COMPLETED] })
      largest.sort((a, b) => sizeOf(b) - sizeOf(a))
      largest.length = Math.min(largest.length, LARGEST_MAX)
    }
  }
}

/** `1`, `2-3`, `4-7`, … */
export function sizeClassText(index: number): string {
  const from = 2 ** index
  if (index === SIZE_CLASSES - 1) return `${from}+`
  return index === 0 ? '1' : `${from}-${from * 2 - 1}`
}

function newSizes(): number[] {
  return Array<number>(SIZE_CLASSES).fill(0)
}

function sizeOf({ seeders, leechers }: LargeTorrent): number {
  return seeders + leechers
}

function hexOf(words: Int32Array, at: number): string {
  return Buffer.from(words.slice(at, at + INFO_HASH_WORDS).buffer).toString('hex')
}
