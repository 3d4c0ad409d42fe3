// Judges what a tracker sends: whether responses are plausible, and whether offers and answers are
// unchanged and at the right peer. Called by client.ts; counts what is wrong by kind.
//
// A tracker is free in the order of keys, in spaces, escapes and further keys, so messages are parsed
// as JSON, not compared with texts.
import { nowMilliseconds } from '../../src/os/clock.ts'
import { ANSWER, type CountName, type Tally } from './counts.ts'
import { offerId } from './messages.ts'
import { KIND_ANSWER, KIND_OFFER, type Payload, type Read } from './payload.ts'
import type { Numbers, Population } from './population.ts'

export interface CheckSettings {
  /** The tracker responds to answers as it does to announces. */
  readonly answersAnswered: boolean
  /** A peer stays the seeder or leecher that it said it is. */
  readonly rolesKept: boolean
  /** The tracker holds no peers of others. */
  readonly freshTracker: boolean
  /** Up to this moment the tracker has forgotten none of the announced peers. */
  readonly peersKeptUntilMs: number
}

/** A request that waits for its response. */
export interface Pending {
  /** ANNOUNCE, SCRAPE, or ANSWER: some trackers respond to answers as well. */
  readonly kind: number
  readonly torrent: number
  readonly timeMs: number
  readonly known: Numbers
  /** Of a scrape; and those of them that had peers, which the tracker must list. */
  readonly torrents: readonly number[]
  readonly populated: readonly number[]
}

interface Description {
  readonly type?: unknown
  readonly sdp?: unknown
}

export interface Message {
  readonly action?: unknown
  readonly info_hash?: unknown
  readonly peer_id?: unknown
  readonly offer_id?: unknown
  readonly offer?: Description | null
  readonly answer?: Description | null
  readonly complete?: unknown
  readonly incomplete?: unknown
  readonly interval?: unknown
  readonly files?: unknown
}

export class Judge {
  private readonly settings: CheckSettings
  private readonly population: Population
  private readonly payload: Payload
  private readonly tally: Tally

  constructor(settings: CheckSettings, population: Population, payload: Payload, tally: Tally) {
    this.settings = settings
    this.population = population
    this.payload = payload
    this.tally = tally
  }

  /** The message, or null when it is none that a client could read. */
  parse(text: string): Message | null {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return this.wrong('wrong_json')
    }
    if (typeof message !== 'object' || message === null) return this.wrong('wrong_json')
    const found = message as Message
    if (found.action === 'announce' || found.action === 'scrape') return found
    // Some trackers' failures carry no action.
    return 'failure reason' in found ? found : this.wrong('wrong_kind')
  }

  torrentOf({ info_hash }: Message): number {
    return typeof info_hash === 'string' ? this.population.torrentOf(info_hash) : -1
  }

  /** False when it is no response that a client could use. */
  announceResponse(message: Message, request: Pending): boolean {
    const { complete, incomplete, interval } = message
    if (!isCount(complete) || !isCount(incomplete) || !isCount(interval) || interval === 0) {
      this.wrong('wrong_fields')
      return false
    }
    const counts = { seeders: complete, leechers: incomplete }
    if (request.kind !== ANSWER) this.counts(request.torrent, counts, request.known)
    return true
  }

  scrapeResponse({ files }: Message, request: Pending): void {
    if (typeof files !== 'object' || files === null) {
      this.wrong('wrong_fields')
      return
    }
    if (!this.hasTorrentsOf(files, request)) {
      this.wrong('wrong_scrape_torrents')
      return
    }
    for (const [hash, entry] of Object.entries(files)) {
      // Null has no fields, and must not make us throw.
      const { complete, incomplete, downloaded } = Object(entry)
      if (!isCount(complete) || !isCount(incomplete) || !isCount(downloaded)) {
        this.wrong('wrong_fields')
        return
      }
      const counts = { seeders: complete, leechers: incomplete }
      this.counts(this.population.torrentOf(hash), counts, request.known)
    }
  }

  /** Whether it can be the response to this scrape. */
  listsTorrentsOf({ files }: Message, request: Pending): boolean {
    return typeof files === 'object' && files !== null && this.hasTorrentsOf(files, request)
  }

  private hasTorrentsOf(files: object, request: Pending): boolean {
    const torrents = new Set(Object.keys(files).map((hash) => this.population.torrentOf(hash)))
    const hasOthers = [...torrents].some((torrent) => !request.torrents.includes(torrent))
    // Some trackers leave out torrents without peers.
    const lacks = request.populated.some(
      (torrent) => !torrents.has(torrent) && this.population.isPopulated(torrent),
    )
    return !hasOthers && !lacks
  }

  /** `known`: what the tracker had to know of when the request was sent. */
  private counts(torrent: number, counts: Numbers, known: Numbers): void {
    const { population, settings } = this
    const most = population.sent(torrent)
    if (settings.freshTracker && this.exceeds(counts, most)) this.wrong('wrong_count_high')
    if (nowMilliseconds() > settings.peersKeptUntilMs) return
    // Peers that have left meanwhile may be missing, those that came meanwhile too.
    const now = population.known(torrent)
    const least = {
      seeders: Math.min(known.seeders, now.seeders),
      leechers: Math.min(known.leechers, now.leechers),
    }
    if (this.exceeds(least, counts)) this.wrong('wrong_count_low')
  }

  private exceeds(a: Numbers, b: Numbers): boolean {
    if (!this.settings.rolesKept) return a.seeders + a.leechers > b.seeders + b.leechers
    return a.seeders > b.seeders || a.leechers > b.leechers
  }

  /** Whose it is, or null when it is wrong. */
  offer(message: Message, torrent: number, isMember: boolean, receiver: number): Read | null {
    const { offer } = message
    const read = this.description(offer, 'offer', KIND_OFFER)
    if (read === null) return this.wrong('wrong_offer_changed')
    const { connection, number } = read
    if (read.torrent !== torrent || !isMember) return this.wrong('wrong_torrent')
    if (connection === receiver) return this.wrong('wrong_own_offer')
    if (message.offer_id !== offerId(this.population, connection, number)) {
      return this.wrong('wrong_offer_changed')
    }
    if (message.peer_id !== this.population.peerId(connection)) {
      return this.wrong('wrong_offer_sender')
    }
    return read
  }

  /** From whom it is, or null when it is wrong. */
  answer(message: Message, torrent: number, isMember: boolean, offerer: number): Read | null {
    const { answer } = message
    const read = this.description(answer, 'answer', KIND_ANSWER)
    if (read === null) return this.wrong('wrong_answer_changed')
    const { connection, number } = read
    if (read.torrent !== torrent || !isMember) return this.wrong('wrong_torrent')
    if (message.peer_id !== this.population.peerId(connection)) {
      return this.wrong('wrong_answer_sender')
    }
    // The id names the offerer: with the id of another's offer the answer went to the wrong one.
    if (message.offer_id === offerId(this.population, offerer, number)) return read
    return this.wrong('wrong_answer_receiver')
  }

  private description(
    description: Description | null | undefined,
    type: string,
    kind: number,
  ): Read | null {
    if (description?.type !== type || typeof description.sdp !== 'string') return null
    const read = this.payload.read(kind, description.sdp)
    return read.isWhole && read.connection < this.population.connections ? read : null
  }

  private wrong(name: CountName): null {
    this.tally.count(name)
    return null
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}
