// Limits connections without a handshake, which the runtime's server cannot: they count, per address and in
// total, from when they are accepted. Made by main.ts, started once the workers serve; runs in the main thread,
// at each check of the descriptor guard (tracker/descriptor-guard.ts), which it owns.
//
// An address with more sockets than it may have connections, plus an allowance for those on their way, loses
// those that make no handshake within a second. The workers are asked which ones have made one.
import { counted } from '../../config/quantities.ts'
import type { OpenDescriptors } from '../../os/descriptors.ts'
import { endConnection, forEachPeer } from '../../os/peers.ts'
import { Growth } from '../../process/losses.ts'
import type { Trouble, TroubleSource } from '../../process/troubles.ts'
import { type AddressKey, ProxyList } from '../../tcp/client-address.ts'
import { DescriptorGuard } from '../../tracker/descriptor-guard.ts'
import { type PortAnswer, type PortQuestion, portKey } from '../worker/worker-updates.ts'

/** Sockets that an address may have besides its connections: handshakes and plain HTTP, which end soon. */
const OTHER_SOCKETS_MIN = 64
const SURVEY_MILLISECONDS = 1000
/** Asking each socket for its peer takes at most this share of the main thread's time. */
const SURVEY_SHARE = 0.05

export interface GuardOptions {
  readonly ports: readonly number[]
  readonly descriptors: OpenDescriptors
  readonly limit: number
  readonly workers: number
  /** Current number of sockets with a handshake. */
  readonly connections: () => number
  readonly ask: (question: PortQuestion) => void
}

export interface GuardRules {
  /** 0 = no limit. */
  readonly maxConnectionsPerAddress: number
  /** Addresses that each stand for many clients. */
  readonly trustedProxies: readonly string[]
}

export class ListenerGuard {
  private readonly options: GuardOptions
  private perAddress = 0
  private proxies = new ProxyList([])
  private readonly descriptorGuard: DescriptorGuard
  /** Descriptors not used by clients. */
  private base = 0
  private nextSurvey = 0
  private survey = 0
  /** Sockets of addresses with too many, from the last survey. */
  private suspects = new Set<string>()
  /** Those that the survey before also found. */
  private overdue = new Set<string>()
  private answers: PortAnswer[] = []
  private closedCount = 0
  private readonly growth = new Growth()

  constructor(options: GuardOptions, rules: GuardRules) {
    this.options = options
    this.descriptorGuard = new DescriptorGuard({
      ...options,
      onCheck: (now) => {
        if (now >= this.nextSurvey) this.takeSurvey(now)
      },
    })
    this.configure(rules)
  }

  /** Also at runtime. */
  configure({ maxConnectionsPerAddress, trustedProxies }: GuardRules): void {
    this.perAddress = maxConnectionsPerAddress
    this.proxies = new ProxyList(trustedProxies)
  }

  get isPaused(): boolean {
    return this.descriptorGuard.isPaused
  }

  /** How often the sockets have paused since startup. */
  get pauses(): number {
    return this.descriptorGuard.pauses
  }

  /** How many connections without a handshake it has closed. */
  get closed(): number {
    return this.closedCount
  }

  troubles(): TroubleSource[] {
    return [
      { name: 'descriptors', find: () => this.descriptorGuard.trouble() },
      { name: 'idle_connections', find: () => this.idleTrouble() },
    ]
  }

  start(): void {
    this.descriptorGuard.start()
    this.base = this.options.descriptors.count()
  }

  stop(): void {
    this.descriptorGuard.stop()
  }

  /** Workers are replacing their listening sockets, which must not be touched until they are done. */
  suspend(): void {
    this.descriptorGuard.suspend()
  }

  listenersChanged(): void {
    this.descriptorGuard.listenersChanged()
  }

  /** Looks for addresses with too many sockets, if enough sockets are not connections. */
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
    // Those that were here a second ago have had time to make a handshake.
    this.overdue = this.suspects.intersection(before)
    this.answers = []
    this.survey++
    if (found.length > 0)
      ask({ survey: this.survey, addresses: found.map(({ address }) => address) })
  }

  /** Closes overdue sockets, once all workers have said which have made a handshake. */
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

  private idleTrouble(): Trouble | null {
    const count = this.growth.since(this.closedCount)
    if (count === 0) return null
    return {
      severity: 'attention',
      text:
        `Closed ${counted(count, 'connection')} in the last minute that made no handshake, from addresses with ` +
        `more of them than [limits] max_connections_per_ip (${this.perAddress}).`,
      remedy:
        'If this passes, do nothing. If it is your own proxy, name it in [network] trusted_proxies.',
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
