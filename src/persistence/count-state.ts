// What survives a restart of peers that are known by their connections, which end with the process: how often
// each torrent was completed. Made by tracker/persistence.ts for persistence.ts. Owns the counts from before
// the restart.
//
// They wait beside the swarms (swarm/prior-downloads.ts) until the torrent's peers are back, which takes
// seconds to an hour depending on the clients' back-off. A torrent to which no peer returns loses its count, as
// does one whose last peer leaves.
import { bytesText, counted } from '../config/quantities.ts'
import {
  mergeDownloads,
  NO_PRIOR_DOWNLOADS,
  type PriorDownloadsData,
  priorDownloadsOf,
} from '../swarm/prior-downloads.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { hashInfoHash } from '../swarm/table/torrents.ts'
import { restoreCompleted } from '../swarm/walks/restore.ts'
import { COUNT_SECOND, COUNT_WORDS, readCounts, writeCounts } from './counts.ts'
import type { PersistedState, WriteRequest } from './persistence.ts'

/** How long a count waits for its torrent's peers: longer than any known client waits to reconnect. */
export const KEEP_SECONDS = 7200

export class CountState implements PersistedState {
  readonly suffix = 'counts'
  readonly otherSuffixes = []
  prior: PriorDownloadsData = NO_PRIOR_DOWNLOADS
  private readonly swarms: Swarms
  private readonly countDownloads: boolean
  private readonly max: number
  private entries = new Int32Array(0)
  private readonly listeners: ((prior: PriorDownloadsData) => void)[] = []
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `max`: the most counts that may wait, `[limits] max_torrents`. */
  constructor(swarms: Swarms, countDownloads: boolean, max: number) {
    this.swarms = swarms
    this.countDownloads = countDownloads
    this.max = max
  }

  /** Calls `listener` whenever the waiting counts change. */
  onChange(listener: (prior: PriorDownloadsData) => void): void {
    this.listeners.push(listener)
  }

  open(): void {}

  async begin(pathOf: (suffix: string) => string, bootId: Uint8Array): Promise<void> {
    const path = pathOf(this.suffix)
    await this.write({ path, bootId, gently: false, mustStop: () => false })
  }

  load(path: string): string | null {
    const before = this.young()
    const read = readCounts(path, oldestSecond(), this.max)
    if (read === null) return null
    if (!this.countDownloads) return 'no counts, because [protocol] count_downloads = false'
    this.raise(read)
    // Newer counts first: if there are too many, the oldest are dropped.
    const entries = new Int32Array(read.length + before.length)
    entries.set(read)
    entries.set(before, read.length)
    const table = this.swarms.websocket[0]
    const used = Math.min(this.max * COUNT_WORDS, mergeDownloads(table, entries, COUNT_WORDS))
    this.entries = entries.slice(0, used)
    this.setPrior(priorDownloadsOf(table, this.entries, COUNT_WORDS))
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.forget(), KEEP_SECONDS * 1000)
    this.timer.unref()
    return `the completed downloads of ${counted(used / COUNT_WORDS, 'torrent')}`
  }

  async write(request: WriteRequest): Promise<string> {
    this.entries = this.young()
    const { websocket } = this.swarms
    const { counts, bytes } = await writeCounts(request, websocket, this.entries)
    return `the completed downloads of ${counted(counts, 'torrent')}, ${bytesText(bytes)}`
  }

  /** For torrents that already have peers, after a take-over. */
  private raise(entries: Int32Array): void {
    const { swarms } = this
    let at = 0
    let hash = 0
    // One function for all entries: there may be millions (swarm/walks/restore.ts).
    const raiseOne = () => restoreCompleted(swarms.websocketTableOf(hash), entries, at, hash)
    for (; at < entries.length; at += COUNT_WORDS) {
      hash = hashInfoHash(swarms.websocket[0], entries, at)
      swarms.websocketTableOf(hash).locked(raiseOne)
    }
  }

  private forget(): void {
    this.entries = new Int32Array(0)
    this.setPrior(NO_PRIOR_DOWNLOADS)
  }

  private setPrior(prior: PriorDownloadsData): void {
    this.prior = prior
    for (const listener of this.listeners) listener(prior)
  }

  /** The waiting counts that are not too old by now. */
  private young(): Int32Array<ArrayBuffer> {
    const { entries } = this
    const since = oldestSecond()
    const young = new Int32Array(entries.length)
    let used = 0
    for (let at = 0; at < entries.length; at += COUNT_WORDS) {
      if (entries[at + COUNT_SECOND] >>> 0 < since) continue
      young.set(entries.subarray(at, at + COUNT_WORDS), used)
      used += COUNT_WORDS
    }
    return young.subarray(0, used)
  }
}

function oldestSecond(): number {
  return Math.floor(Date.now() / 1000) - KEEP_SECONDS
}
