// One simulated client: a connection, its torrents, its requests under way, and what it does with
// what it is sent. Created by worker.ts, which says when to ask; called back by connection.ts.
//
// Responses are in the order of the requests, torrent by torrent: that is how clients match them, for
// messages carry no number. What comes is judged by judge.ts.
import { nowMilliseconds } from '../../src/os/clock.ts'
import type { Random } from '../random.ts'
import { Connection, type ConnectionEvents, type Target } from './connection.ts'
import { ANNOUNCE, ANSWER, HANDSHAKE, OFFER, SCRAPE, type Tally } from './counts.ts'
import type { Outgoing } from './frames.ts'
import type { CheckSettings, Judge, Message, Pending } from './judge.ts'
import type { Messages } from './messages.ts'
import type { Mix, OfferRef } from './mix.ts'
import { IS_FIRST, IS_LATE, type Offers } from './offers.ts'
import type { Numbers, Population } from './population.ts'

// The stages of a peer's torrent.
const UNKNOWN = 0
const SENT = 1
const ANSWERED = 2

/** Of requests given up; a response that comes later than after so many more is not expected. */
const GIVEN_UP_MAX = 64

/** A client that has so many requests under way is not asked for more: its tracker is far behind. */
export const UNDER_WAY_MAX = 64

export interface RequestSettings {
  readonly offers: number
  /** Of all requests, the share that are scrapes. */
  readonly scrapeShare: number
  readonly scrapeTorrents: number
  /** Of all offers that arrive, the share that is answered. */
  readonly answerShare: number
}

/** What the clients of a worker have in common. */
export interface Shared {
  readonly target: Target
  readonly outgoing: Outgoing
  readonly population: Population
  readonly messages: Messages
  readonly offers: Offers
  readonly judge: Judge
  readonly random: Random
  readonly requests: RequestSettings
  readonly checks: CheckSettings
  readonly tally: Tally
  /** Takes the offers that clients get, to have them answered; null: they are answered at once. */
  readonly mix: Mix<Client> | null
}

const NOBODY: Numbers = { seeders: 0, leechers: 0 }
const NO_TORRENTS = { torrents: [], populated: [] }

export class Client implements ConnectionEvents {
  readonly index: number
  isOpen = false
  private readonly shared: Shared
  private readonly connection: Connection
  private readonly torrents: readonly number[]
  private readonly states = new Map<number, number>()
  private readonly pending: Pending[] = []
  private readonly startMs: number
  private readonly onOpen: (client: Client) => void
  private readonly onResponse: (client: Client) => void
  private readonly onGone: (client: Client, why: string | null) => void
  private cursor = 0
  private joins = 0
  private nextOffer = 0
  /** Requests given up, the oldest first, whose responses may still come. */
  private readonly givenUp: Pending[] = []

  constructor(
    index: number,
    shared: Shared,
    events: Record<'open' | 'response', (client: Client) => void> & {
      gone: (client: Client, why: string | null) => void
    },
  ) {
    this.index = index
    this.shared = shared
    this.torrents = shared.population.torrentsOf(index)
    this.onOpen = events.open
    this.onResponse = events.response
    this.onGone = events.gone
    this.startMs = nowMilliseconds()
    this.connection = new Connection(shared.target, shared.outgoing, this)
    this.connection.connect()
  }

  get underWay(): number {
    return this.pending.length
  }

  /** Whether it has announced in all of its torrents; it need not unless there is a mix. */
  get hasJoined(): boolean {
    return this.shared.mix === null || this.joins === this.torrents.length
  }

  get canAsk(): boolean {
    return this.isOpen && this.pending.length < UNDER_WAY_MAX && !this.connection.isBacklogged
  }

  /** Sends the next request, whose latency counts from `timeMs`. Call `flush` after the last one. */
  ask(timeMs: number): void {
    const { random, requests } = this.shared
    if (requests.scrapeShare > 0 && random.unit() < requests.scrapeShare) this.scrape(timeMs)
    else this.announce(timeMs, requests.offers)
  }

  /** Announces in its next torrent without offers. */
  join(timeMs: number): void {
    this.joins++
    this.shared.tally.count('sent_join')
    this.announce(timeMs, 0)
  }

  announce(timeMs: number, count: number): void {
    const { messages, population, offers, tally } = this.shared
    const torrent = this.torrents[this.cursor]
    this.cursor = (this.cursor + 1) % this.torrents.length
    const seeder = population.isSeeder(this.index, torrent)
    const started = !this.states.has(torrent)
    if (started) {
      this.states.set(torrent, SENT)
      population.addSent(torrent, seeder)
    }
    const known = population.known(torrent)
    tally.count('expected_offer', Math.min(count, this.othersFor(torrent, known)))
    const what = { seeder, started, offers: count, firstOffer: this.nextOffer, timeMs }
    const text = messages.announce(this.index, torrent, what)
    for (let i = 0; i < count; i++) this.nextOffer = offers.next(this.nextOffer)
    this.pending.push({ ...NO_TORRENTS, kind: ANNOUNCE, torrent, timeMs, known })
    tally.count('sent_announce')
    tally.count('sent_offer', count)
    this.send(text)
  }

  scrape(timeMs: number): void {
    const { messages, random, requests, population, tally } = this.shared
    const wanted = 1 + random.below(requests.scrapeTorrents)
    const picked = new Set<number>()
    for (let i = 0; i < wanted; i++) picked.add(this.torrents[random.below(this.torrents.length)])
    const list = [...picked]
    const populated = list.filter((torrent) => population.isPopulated(torrent))
    const torrents = { torrents: list, populated }
    this.pending.push({ ...torrents, kind: SCRAPE, torrent: -1, timeMs, known: NOBODY })
    tally.count('sent_scrape')
    this.send(messages.scrape(list))
  }

  /** Answers an offer that it got; latency counts from `timeMs`. */
  answer({ torrent, offerer, number }: OfferRef, timeMs: number): void {
    const { offers, tally, messages, checks } = this.shared
    if (!offers.isAnswering) return
    offers.sendAnswer(offerer, number, timeMs)
    if (checks.answersAnswered) {
      this.pending.push({ ...NO_TORRENTS, kind: ANSWER, torrent, timeMs, known: NOBODY })
    }
    tally.count('sent_answer')
    this.send(messages.answer(this.index, torrent, offerer, number))
  }

  flush(): void {
    const { outgoing, tally } = this.shared
    tally.count('sent_bytes', outgoing.end)
    this.connection.flush()
  }

  /** Gives up what was asked before `timeMs`; returns how many requests. */
  expire(timeMs: number): number {
    let expired = 0
    while (this.pending.length > 0 && this.pending[0].timeMs < timeMs) {
      const request = this.pending.shift() as Pending
      if (request.kind !== ANSWER) expired++
      this.givenUp.push(request)
    }
    if (this.givenUp.length > GIVEN_UP_MAX) {
      this.givenUp.splice(0, this.givenUp.length - GIVEN_UP_MAX)
    }
    return expired
  }

  leave(): void {
    this.forget()
    this.connection.close()
  }

  opened(): void {
    const { tally } = this.shared
    this.isOpen = true
    tally.count('connections_opened')
    tally.latency(HANDSHAKE, nowMilliseconds() - this.startMs)
    this.onOpen(this)
  }

  closed(why: string | null): void {
    const { tally } = this.shared
    if (why !== null) tally.count(this.isOpen ? 'connections_lost' : 'connections_failed')
    this.forget()
    tally.count('lost', this.pending.filter(({ kind }) => kind !== ANSWER).length)
    this.pending.length = 0
    this.isOpen = false
    this.onGone(this, why)
  }

  settled(bytes: number): void {
    this.shared.tally.count('received_bytes', bytes)
    this.flush()
  }

  message(text: string): void {
    const message = this.shared.judge.parse(text)
    if (message === null) return
    if ('failure reason' in message) this.failure(message)
    else if (message.action === 'scrape') this.scrapeResponse(message)
    else if (message.offer !== undefined) this.offer(message)
    else if (message.answer !== undefined) this.answerArrived(message)
    else this.announceResponse(message)
  }

  /** Peers that are certainly there for this one's offers. Trackers may not bring two seeders together. */
  private othersFor(torrent: number, { seeders, leechers }: Numbers): number {
    if (this.shared.population.isSeeder(this.index, torrent)) return leechers
    return seeders + leechers - (this.states.get(torrent) === ANSWERED ? 1 : 0)
  }

  private send(text: string): void {
    const { outgoing } = this.shared
    if (!outgoing.hasRoom(text.length)) this.flush()
    outgoing.addText(text)
  }

  /** Failures come for requests only: the oldest one of the torrent, or of any if it names none. */
  private failure(message: Message): void {
    this.shared.tally.count('received_error')
    const torrent = this.shared.judge.torrentOf(message)
    const at = this.pending.findIndex((request) => torrent === -1 || request.torrent === torrent)
    if (at === -1) return
    const [request] = this.pending.splice(at, 1)
    if (request.kind !== ANSWER) this.onResponse(this)
  }

  private announceResponse(message: Message): void {
    const { judge, population, tally } = this.shared
    const torrent = judge.torrentOf(message)
    const at = this.pending.findIndex((request) => request.torrent === torrent)
    if (at === -1) {
      this.unasked()
      return
    }
    const [request] = this.pending.splice(at, 1)
    // It may be the late response to one given up, when fewer peers were known.
    const known = this.givenUp.reduce(
      (least, before) => (before.torrent === torrent ? fewest(least, before.known) : least),
      request.known,
    )
    if (!judge.announceResponse(message, { ...request, known }) || request.kind === ANSWER) return
    tally.count('received_announce')
    tally.latency(ANNOUNCE, nowMilliseconds() - request.timeMs)
    if (this.states.get(torrent) === SENT) {
      this.states.set(torrent, ANSWERED)
      population.addKnown(torrent, population.isSeeder(this.index, torrent), 1)
    }
    this.onResponse(this)
  }

  private scrapeResponse(message: Message): void {
    const { judge, tally } = this.shared
    const at = this.pending.findIndex((request) => request.kind === SCRAPE)
    if (at === -1) {
      this.unasked()
      return
    }
    if (!judge.listsTorrentsOf(message, this.pending[at])) {
      const late = this.givenUp.findIndex(
        (request) => request.kind === SCRAPE && judge.listsTorrentsOf(message, request),
      )
      if (late !== -1) {
        this.givenUp.splice(late, 1)
        tally.count('late')
        return
      }
    }
    const [request] = this.pending.splice(at, 1)
    judge.scrapeResponse(message, request)
    tally.count('received_scrape')
    tally.latency(SCRAPE, nowMilliseconds() - request.timeMs)
    this.onResponse(this)
  }

  private unasked(): void {
    const isLate = this.givenUp.shift() !== undefined
    this.shared.tally.count(isLate ? 'late' : 'wrong_unasked')
  }

  private offer(message: Message): void {
    const { judge, offers, tally, requests, random, mix } = this.shared
    const torrent = judge.torrentOf(message)
    const isMember = (this.states.get(torrent) ?? UNKNOWN) !== UNKNOWN
    const read = judge.offer(message, torrent, isMember, this.index)
    if (read === null) return
    const nowMs = nowMilliseconds()
    const { connection, number } = read
    const sentMs = offers.timeMs(connection, number)
    const outcome = offers.deliver(connection, number, this.index)
    tally.count('received_offer')
    if (outcome === IS_LATE) tally.count('late')
    else if (outcome !== IS_FIRST) tally.count('wrong_offer_repeated')
    if (outcome !== IS_FIRST) return
    tally.latency(OFFER, nowMs - sentMs)
    const { answerShare } = requests
    if (mix === null && answerShare < 1 && random.unit() >= answerShare) return
    const offer = { torrent, offerer: connection, number }
    if (mix === null) this.answer(offer, nowMs)
    else mix.add(this, offer, nowMs)
  }

  private answerArrived(message: Message): void {
    const { judge, offers, tally } = this.shared
    const torrent = judge.torrentOf(message)
    const isMember = (this.states.get(torrent) ?? UNKNOWN) !== UNKNOWN
    const read = judge.answer(message, torrent, isMember, this.index)
    if (read === null) return
    const { connection, number } = read
    const sentMs = offers.timeMs(this.index, number)
    const receiver = offers.receiver(this.index, number)
    const outcome = offers.answer(this.index, number)
    tally.count('received_answer')
    if (outcome === IS_LATE) tally.count('late')
    else if (outcome !== IS_FIRST) tally.count('wrong_answer_repeated')
    else if (receiver !== connection) tally.count('wrong_answer_receiver')
    else tally.latency(ANSWER, nowMilliseconds() - sentMs)
  }

  /** Before the tracker may forget them: nobody expects them to be counted any longer. */
  private forget(): void {
    const { population } = this.shared
    for (const [torrent, state] of this.states) {
      if (state !== ANSWERED) continue
      population.addKnown(torrent, population.isSeeder(this.index, torrent), -1)
    }
    this.states.clear()
  }
}

function fewest(a: Numbers, b: Numbers): Numbers {
  return {
    seeders: Math.min(a.seeders, b.seeders),
    leechers: Math.min(a.leechers, b.leechers),
  }
}
