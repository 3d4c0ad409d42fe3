// A load worker: opens its connections and lets their clients ask. Runs in a thread of its own with
// the runtime's event loop, started by main.ts, until the flag says stop.
//
// Closed loop: each client has some requests under way, and each response makes room for the next.
// Open loop: requests leave on a schedule (schedule.ts). Mix: announces, answers and scrapes have one
// each (mix.ts).
import { publish, slotWords } from '../../src/metrics/counters.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import type { Step } from '../due-times.ts'
import { HISTOGRAM_BUCKETS, recordMs } from '../histogram.ts'
import { Random } from '../random.ts'
import { finishWorker, isStopped, startWorker, type WorkerStart } from '../threads.ts'
import { Client, type RequestSettings, type Shared } from './client.ts'
import type { Target } from './connection.ts'
import { COUNTS, type CountName, LATENCIES, PLACE, type Tally } from './counts.ts'
import { Outgoing } from './frames.ts'
import { type CheckSettings, Judge } from './judge.ts'
import { Messages } from './messages.ts'
import { Mix, type MixRates } from './mix.ts'
import { type OfferBuffers, Offers } from './offers.ts'
import { Payload } from './payload.ts'
import { Population, type PopulationBuffers } from './population.ts'
import { clientPace, Schedule } from './schedule.ts'

const TICK_MS = 10
const PUBLISH_MS = 50
/** Without a connection rate: more at once would only wait in the tracker's queue. */
const HANDSHAKES_MAX = 64
/** A connection that failed or was lost is opened again after this long. */
const AGAIN_MS = 1000
/** Timers come up to a millisecond late: what is due sooner is waited for in the event loop. */
const SPIN_BELOW_MS = 2
/** At the end: when nothing has come for this long, nothing is under way any more. */
const QUIET_MS = 200
const CLOSE_MS = 500
const STREAM_MIX = 0x10000

/** What main.ts tells each worker. */
export interface WorkerSettings {
  readonly targets: readonly Target[]
  /** Its connections have the numbers from `firstConnection` on. */
  readonly firstConnection: number
  readonly connections: number
  /** New connections per second of this worker, 0 = as fast as they open. */
  readonly connectionRate: number
  readonly population: PopulationBuffers
  readonly offers: OfferBuffers
  readonly sdpCharacters: number
  readonly requests: RequestSettings
  readonly checks: CheckSettings
  readonly mode: 'closed' | 'open' | 'mix'
  /** Requests under way per connection; closed loop. */
  readonly inFlight: number
  /** Requests per second of this worker; open loop. */
  readonly rate: number
  readonly step: Step
  readonly mix: MixRates
  readonly timeoutMs: number
  readonly outgoingBytes: number
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
}

export function runLoadWorker(data: WorkerSettings & WorkerStart): void {
  const worker = new LoadWorker(data)
  startWorker(data.state)
  worker.run()
}

class LoadWorker implements Tally {
  private readonly data: WorkerSettings & WorkerStart
  private readonly state: Int32Array
  private readonly counts = new Int32Array(COUNTS.length)
  private readonly shared: Int32Array
  private readonly latencies: Float64Array
  private readonly common: Omit<Shared, 'target'>
  private readonly mix: Mix<Client> | null
  private readonly clients = new Set<Client>()
  /** Numbers of the connections to open, and when the first may be opened. */
  private readonly closed: { index: number; atMs: number }[] = []
  private readonly open: Client[] = []
  private startMs = 0
  private handshakes = 0
  private started = 0
  private turn = 0
  private nextPublishMs = 0
  private asking = false
  private stopping = false

  constructor(data: WorkerSettings & WorkerStart) {
    this.data = data
    this.state = new Int32Array(data.state)
    this.shared = new Int32Array(data.counters)
    this.latencies = new Float64Array(data.histograms)
    const population = new Population(data.population)
    const payload = new Payload(data.sdpCharacters, data.population.seed)
    const offers = new Offers(data.offers)
    this.mix = data.mode === 'mix' ? new Mix(data.mix, this, this.nextClient) : null
    this.common = {
      outgoing: new Outgoing(data.outgoingBytes),
      population,
      messages: new Messages(population, payload, offers),
      offers,
      judge: new Judge(data.checks, population, payload, this),
      random: new Random(data.population.seed, STREAM_MIX + data.index),
      requests: data.requests,
      checks: data.checks,
      tally: this,
      mix: this.mix,
    }
    for (let i = 0; i < data.connections; i++) {
      this.closed.push({ index: data.firstConnection + i, atMs: 0 })
    }
  }

  run(): void {
    this.startMs = nowMilliseconds()
    const ticks = setInterval(() => {
      if (!isStopped(this.state)) return this.tick(nowMilliseconds())
      clearInterval(ticks)
      this.stop()
    }, TICK_MS)
    this.tick(this.startMs)
  }

  count(name: CountName, by = 1): void {
    this.counts[PLACE[name]] += by
  }

  latency(kind: number, milliseconds: number): void {
    const at = (this.data.index * LATENCIES.length + kind) * HISTOGRAM_BUCKETS
    recordMs(this.latencies, at, milliseconds)
  }

  private tick(nowMs: number): void {
    this.openSome(nowMs)
    this.startAsking(nowMs)
    const { timeoutMs } = this.data
    for (const client of this.open) {
      const expired = client.expire(nowMs - timeoutMs)
      if (expired === 0) continue
      this.count('lost', expired)
      for (let i = 0; i < expired; i++) this.onResponse(client)
      client.flush()
    }
    if (nowMs < this.nextPublishMs) return
    this.nextPublishMs = nowMs + PUBLISH_MS
    this.publishCounts()
  }

  private openSome(nowMs: number): void {
    const { connectionRate, targets } = this.data
    if (this.stopping) return
    const due = ((nowMs - this.startMs) / 1000) * connectionRate - this.started
    let room = connectionRate === 0 ? HANDSHAKES_MAX - this.handshakes : Math.floor(due + 1)
    while (room > 0 && this.closed.length > 0 && this.closed[0].atMs <= nowMs) {
      const { index } = this.closed.shift() as { index: number }
      const target = targets[index % targets.length]
      this.handshakes++
      this.started++
      room--
      const events = { open: this.onOpen, response: this.onResponse, gone: this.onGone }
      this.clients.add(new Client(index, { ...this.common, target }, events))
    }
  }

  private readonly onOpen = (client: Client): void => {
    this.handshakes--
    this.open.push(client)
    if (this.asking || this.mix !== null) this.beginToAsk(client)
    if (this.data.connectionRate === 0) this.openSome(nowMilliseconds())
  }

  /**
   * The closed loop begins once every connection has been tried: under its load the last ones would
   * take long to open. At a given rate of connections it begins with the first. The mix begins once all
   * have joined.
   */
  private startAsking(nowMs: number): void {
    if (this.asking) return
    const { connectionRate, connections, mode, rate, step } = this.data
    const allTried = this.started >= connections && this.handshakes === 0
    if (mode === 'open') {
      const ask = (client: Client, timeMs: number) => client.ask(timeMs)
      this.begin(new Schedule([clientPace(rate, this.nextClient, this, ask)], nowMs, step))
    } else if (mode === 'closed') {
      if (connectionRate === 0 && !allTried) return
      this.asking = true
      for (const client of this.open) {
        this.beginToAsk(client)
        client.flush()
      }
    } else if (allTried && this.mix !== null) {
      if (!this.open.every((client) => client.hasJoined && client.underWay === 0)) return
      this.mix.start(nowMs)
      this.begin(new Schedule(this.mix.paces, nowMs))
    }
  }

  private begin(schedule: Schedule): void {
    this.asking = true
    this.keepSchedule(schedule)
  }

  private beginToAsk(client: Client): void {
    for (let i = 0; i < this.data.inFlight; i++) this.onResponse(client)
  }

  /** A client that cannot ask now is asked again when something of its has come or been given up. */
  private readonly onResponse = (client: Client): void => {
    if (this.stopping || !client.isOpen) return
    if (!client.hasJoined) client.join(nowMilliseconds())
    else if (this.data.mode === 'closed') client.ask(nowMilliseconds())
  }

  private readonly onGone = (client: Client, why: string | null): void => {
    const at = this.open.indexOf(client)
    if (at === -1) this.handshakes--
    else this.open.splice(at, 1)
    this.clients.delete(client)
    if (why === null || this.stopping) return
    this.closed.push({ index: client.index, atMs: nowMilliseconds() + AGAIN_MS })
  }

  private keepSchedule(schedule: Schedule): void {
    if (this.stopping) return
    schedule.run(nowMilliseconds())
    const dueInMs = schedule.nextMs() - nowMilliseconds()
    if (dueInMs > SPIN_BELOW_MS) {
      setTimeout(() => this.keepSchedule(schedule), dueInMs - SPIN_BELOW_MS)
    } else setImmediate(() => this.keepSchedule(schedule))
  }

  private readonly nextClient = (): Client | null => {
    for (let i = 0; i < this.open.length; i++) {
      this.turn = (this.turn + 1) % this.open.length
      const client = this.open[this.turn]
      if (client.canAsk && client.hasJoined) return client
    }
    return null
  }

  private publishCounts(): void {
    if (!this.stopping) this.mix?.countDue(nowMilliseconds())
    publish(this.counts, this.shared, this.data.index * slotWords(COUNTS.length))
  }

  /**
   * Waits for what is under way, then closes all connections, then is done. An offer may come late, and
   * its answer goes to a client of another worker: so nobody closes before nobody answers any more and
   * all answers have arrived.
   */
  private async stop(): Promise<void> {
    this.mix?.countDue(nowMilliseconds())
    this.stopping = true
    const { offers } = this.common
    const giveUpMs = nowMilliseconds() + this.data.timeoutMs
    let received = this.receivedBytes()
    let quietSinceMs = nowMilliseconds()
    await waitFor(giveUpMs, (nowMs) => {
      const isHeard = received !== this.receivedBytes()
      received = this.receivedBytes()
      if (isHeard || this.open.some(({ underWay }) => underWay > 0)) quietSinceMs = nowMs
      return nowMs >= quietSinceMs + QUIET_MS
    })
    offers.stopAnswering()
    await waitFor(giveUpMs, () => !offers.answersToCome)
    await this.closeAll()
  }

  private receivedBytes(): number {
    return this.counts[PLACE.received_bytes]
  }

  private async closeAll(): Promise<void> {
    for (const client of this.open) this.count('lost', client.expire(Number.POSITIVE_INFINITY))
    this.publishCounts()
    for (const client of [...this.clients]) client.leave()
    await waitFor(nowMilliseconds() + CLOSE_MS, () => this.clients.size === 0)
    finishWorker()
  }
}

/** Until it is done, or the moment to give up has come. */
function waitFor(giveUpMs: number, isDone: (nowMs: number) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const looks = setInterval(() => {
      const nowMs = nowMilliseconds()
      if (!isDone(nowMs) && nowMs < giveUpMs) return
      clearInterval(looks)
      resolve()
    }, TICK_MS)
  })
}
