// What the runtime's server cannot do for connections that have shown no handshake yet: they count, per
// address and in all, from when they are accepted. Made by main.ts, started once the workers serve; runs
// in the main thread. Owns its timer and a reserve of descriptors.
//
//  - When nearly no descriptor is left, the listening sockets rest: newcomers wait outside until some are
//    free again. What was accepted and makes no handshake ends by its time limit.
//  - Who has more sockets than an address may have connections, and some more for those on their way,
//    loses those that have made no handshake within a second. The workers are asked which have made one.
import { counted } from '../../config/quantities.ts'
import {
  closeSpares,
  descriptorsLeft,
  type OpenDescriptors,
  openSpares,
} from '../../os/descriptors.ts'
import { EventLoops } from '../../os/event-loops.ts'
import { endConnection, forEachPeer } from '../../os/peers.ts'
import { Growth } from '../../process/losses.ts'
import type { Trouble, TroubleSource } from '../../process/troubles.ts'
import { type AddressKey, ProxyList } from '../../tcp/client-address.ts'
import { type PortAnswer, type PortQuestion, portKey } from '../worker/worker-updates.ts'

/** How soon after the last descriptor the sockets rest. Until then the workers ask in vain. */
const CHECK_MILLISECONDS = 250
/** Held back until the sockets rest, and then for the operator's connections, and files. */
const RESERVE = 16
/** With fewer left the sockets rest, */
const PAUSE_BELOW = 16
/** and with so many they take connections again. */
const RESUME_FROM = 32
/** What it keeps from connections. */
export const GUARD_DESCRIPTORS = RESERVE + PAUSE_BELOW

/** Sockets that an address may have beside its connections: handshakes and plain HTTP, which end soon. */
const OTHER_SOCKETS_MIN = 64
const SURVEY_MILLISECONDS = 1000
/** Asking each socket where it comes from takes at most this share of the main thread's time. */
const SURVEY_SHARE = 0.05

/** With a larger share in use the operator is told. */
const CROWDED_SHARE = 0.9
const TROUBLE_MILLISECONDS = 60_000

export interface GuardOptions {
  readonly ports: readonly number[]
  readonly descriptors: OpenDescriptors
  readonly limit: number
  readonly workers: number
  /** Sockets with a handshake, now. */
  readonly connections: () => number
  readonly ask: (question: PortQuestion) => void
}

export interface GuardRules {
  /** 0 = no limit. */
  readonly maxConnectionsPerAddress: number
  /** Each stands for many clients. */
  readonly trustedProxies: readonly string[]
}

export class ListenerGuard {
  private readonly options: GuardOptions
  private perAddress = 0
  private proxies = new ProxyList([])
  private timer: ReturnType<typeof setInterval> | undefined
  private loops: EventLoops | null = null
  private suspended = false
  /** Descriptors that are no client's. */
  private base = 0
  private spares: number[] = []
  private paused = false
  private pauseCount = 0
  private pausedAt = Number.NEGATIVE_INFINITY
  private nextSurvey = 0
  private survey = 0
  /** Found by the survey: sockets of addresses with too many. */
  private suspects = new Set<string>()
  /** Those that the survey before has found as well. */
  private overdue = new Set<string>()
  private answers: PortAnswer[] = []
  private closedCount = 0
  private readonly growth = new Growth()

  constructor(options: GuardOptions, rules: GuardRules) {
    this.options = options
    this.configure(rules)
  }

  /** Also while it is at work. */
  configure({ maxConnectionsPerAddress, trustedProxies }: GuardRules): void {
    this.perAddress = maxConnectionsPerAddress
    this.proxies = new ProxyList(trustedProxies)
  }

  get isPaused(): boolean {
    return this.paused
  }

  /** How often they have rested since the start. */
  get pauses(): number {
    return this.pauseCount
  }

  /** Connections without a handshake that it has closed. */
  get closed(): number {
    return this.closedCount
  }

  troubles(): TroubleSource[] {
    return [
      { name: 'descriptors', find: () => this.descriptorTrouble() },
      { name: 'idle_connections', find: () => this.idleTrouble() },
    ]
  }

  start(): void {
    this.loops = new EventLoops(this.options.ports)
    this.spares = openSpares(RESERVE)
    this.base = this.options.descriptors.count()
    this.timer = setInterval(() => this.check(performance.now()), CHECK_MILLISECONDS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Workers replace their listening sockets: nothing may be done to those until they have. */
  suspend(): void {
    this.suspended = true
  }

  listenersChanged(): void {
    this.suspended = false
    this.loops?.findListeners()
    if (this.paused) this.loops?.setListening(false)
  }

  private check(now: number): void {
    if (this.suspended) return
    const before = this.paused
    this.paused = !descriptorsLeft(before ? RESUME_FROM + RESERVE : PAUSE_BELOW)
    if (this.paused) this.pausedAt = now
    if (this.paused && before) this.useReserve()
    else if (this.paused) this.pause()
    else if (before) this.resume()
    if (now >= this.nextSurvey) this.takeSurvey(now)
  }

  private pause(): void {
    this.pauseCount++
    this.loops?.setListening(false)
  }

  /** One look later: a worker that was accepting at that moment would have taken it. */
  private useReserve(): void {
    closeSpares(this.spares)
    this.spares = []
  }

  /** In this order, for the same reason. */
  private resume(): void {
    this.spares.push(...openSpares(RESERVE - this.spares.length))
    this.loops?.setListening(true)
  }

  /** Looks for addresses with too many sockets, if there are enough that are no connections. */
  private takeSurvey(now: number): void {
    this.nextSurvey = now + SURVEY_MILLISECONDS
    const { descriptors, connections, limit, ask } = this.options
    const { perAddress, proxies } = this
    const others = Math.max(OTHER_SOCKETS_MIN, perAddress >> 2)
    const open = descriptors.count()
    if (perAddress === 0 || open - this.base - connections() <= others) return
    const found = [...socketsByAddress(open, limit).values()].filter(
      ({ address, ports }) => ports.length > perAddress + others && !proxies.trustsKey(address),
    )
    const took = performance.now() - now
    this.nextSurvey = Math.max(this.nextSurvey, now + took / SURVEY_SHARE)
    const before = this.suspects
    this.suspects = new Set(
      found.flatMap(({ address: { high, low }, ports }) => {
        return ports.map((port) => portKey(high, low, port))
      }),
    )
    // Who was here a second ago has had the time to make a handshake.
    this.overdue = this.suspects.intersection(before)
    this.answers = []
    this.survey++
    if (found.length > 0)
      ask({ survey: this.survey, addresses: found.map(({ address }) => address) })
  }

  /** Closes what is overdue, once all workers have told which have made a handshake. */
  answered(answer: PortAnswer): void {
    if (answer.survey !== this.survey) return
    this.answers.push(answer)
    if (this.answers.length < this.options.workers) return
    for (const { ports } of this.answers) for (const port of ports) this.overdue.delete(port)
    if (this.overdue.size === 0) return
    const { descriptors, limit } = this.options
    forEachPeer(descriptors.count(), limit, ({ high, low, port }, fd) => {
      if (!this.overdue.has(portKey(high, low, port))) return
      endConnection(fd)
      this.closedCount++
    })
    this.overdue.clear()
  }

  /** Also for a minute after the sockets have rested: they may do so in turns with being full. */
  private descriptorTrouble(): Trouble | null {
    const { descriptors, limit } = this.options
    const open = descriptors.count()
    const pausedLately = performance.now() - this.pausedAt < TROUBLE_MILLISECONDS
    if (!pausedLately && open < limit * CROWDED_SHARE) return null
    return {
      severity: pausedLately ? 'bad' : 'attention',
      text: pausedLately
        ? `New connections have to wait at times: no more than ${limit} descriptors may be open.`
        : `${open} of ${limit} descriptors are in use.`,
      remedy:
        'Raise the limit on open files (ulimit -n, LimitNOFILE) or lower [limits] max_connections.',
    }
  }

  private idleTrouble(): Trouble | null {
    const count = this.growth.since(this.closedCount)
    if (count === 0) return null
    return {
      severity: 'attention',
      text:
        `Closed ${counted(count, 'connection')} in the last minute that made no handshake, of addresses with ` +
        `more of them than [limits] max_connections_per_ip (${this.perAddress}).`,
      remedy:
        'Nothing, if it passes. If it is a proxy of yours, name it in [network] trusted_proxies.',
    }
  }
}

interface SocketsOfAddress {
  readonly address: AddressKey
  readonly ports: number[]
}

function socketsByAddress(open: number, limit: number): Map<string, SocketsOfAddress> {
  const found = new Map<string, SocketsOfAddress>()
  forEachPeer(open, limit, ({ high, low, port }) => {
    const key = `${high} ${low}`
    const entry = found.get(key)
    if (entry === undefined) found.set(key, { address: { high, low }, ports: [port] })
    else entry.ports.push(port)
  })
  return found
}
