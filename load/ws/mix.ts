// Mode 'mix': announces, offers, answers and scrapes at fixed rates, so that every tracker has the same
// work to do. Used by worker.ts, in each load worker for itself. Owns the offers that wait for an answer.
//
// Clients first join all of their torrents, without offers. Then the schedule begins: from its first
// second on there is somebody for each offer.
import type { Tally } from './counts.ts'
import { clientPace, type Pace } from './schedule.ts'

/** An offer that is answered later than this may have been forgotten by the tracker. */
const OFFER_AGE_MS = 5000
/** An answer that is due waits so long for an offer to arrive. */
const ANSWER_WAIT_MS = 1000
/** More offers than this wait only where far fewer answers are due than offers arrive. */
const OFFERS_MAX = 65_536

/** Per second, of one worker. */
export interface MixRates {
  readonly announces: number
  readonly offersPerAnnounce: number
  readonly answers: number
  readonly scrapes: number
}

/** What the mix wants of a client. */
export interface MixClient {
  readonly isOpen: boolean
  announce(timeMs: number, offers: number): void
  scrape(timeMs: number): void
  answer(offer: OfferRef, timeMs: number): void
  flush(): void
}

/** An offer that a client got. */
export interface OfferRef {
  readonly torrent: number
  readonly offerer: number
  readonly number: number
}

interface Waiting<C> extends OfferRef {
  readonly client: C
  readonly atMs: number
}

export class Mix<C extends MixClient> {
  readonly paces: readonly Pace[]
  private readonly rates: MixRates
  private readonly tally: Tally
  private startMs = 0
  private readonly counted = { announces: 0, answers: 0, scrapes: 0 }
  private waiting: Waiting<C>[] = []
  /** Of `waiting`, those that are gone. */
  private first = 0

  /** `nextClient`: one that can be asked now. */
  constructor(rates: MixRates, tally: Tally, nextClient: () => C | null) {
    this.rates = rates
    this.tally = tally
    const { offersPerAnnounce } = rates
    this.paces = [
      clientPace(rates.announces, nextClient, tally, (client, timeMs) =>
        client.announce(timeMs, offersPerAnnounce),
      ),
      clientPace(rates.scrapes, nextClient, tally, (client, timeMs) => client.scrape(timeMs)),
      { rate: rates.answers, take: (timeMs, nowMs) => this.answer(timeMs, nowMs) },
    ]
  }

  start(nowMs: number): void {
    this.startMs = nowMs
  }

  /** Counts what has become due, whether it was sent or not. */
  countDue(nowMs: number): void {
    if (this.startMs === 0) return
    const { announces, answers, scrapes, offersPerAnnounce } = this.rates
    const seconds = (nowMs - this.startMs) / 1000
    const become = (name: 'announces' | 'answers' | 'scrapes', rate: number) => {
      const due = Math.floor(seconds * rate) - this.counted[name]
      this.counted[name] += due
      return due
    }
    const announcesDue = become('announces', announces)
    this.tally.count('due_announce', announcesDue)
    this.tally.count('due_offer', announcesDue * offersPerAnnounce)
    this.tally.count('due_answer', become('answers', answers))
    this.tally.count('due_scrape', become('scrapes', scrapes))
  }

  /** An offer that `client` got and may answer. */
  add(client: C, offer: OfferRef, nowMs: number): void {
    if (this.waiting.length - this.first >= OFFERS_MAX) this.first++
    this.waiting.push({ ...offer, client, atMs: nowMs })
    if (this.first <= OFFERS_MAX) return
    this.waiting = this.waiting.slice(this.first)
    this.first = 0
  }

  /** Its latency counts from when it was due and there was an offer to answer. */
  private answer(timeMs: number, nowMs: number): boolean {
    while (this.first < this.waiting.length) {
      const offer = this.waiting[this.first++]
      if (!offer.client.isOpen || nowMs - offer.atMs > OFFER_AGE_MS) continue
      offer.client.answer(offer, Math.max(timeMs, offer.atMs))
      offer.client.flush()
      return true
    }
    return nowMs - timeMs > ANSWER_WAIT_MS
  }
}
