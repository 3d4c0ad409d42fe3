// The other way for packets, [network] packet_path = 'xdp': opens the queues of network cards for the socket workers,
// attaches the program, keeps to what is ours as addresses change, and lets go at the end. Made by main.ts. Owns
// the cards; the ordinary sockets stay open beside them, and serve whatever the program leaves to the kernel.
import { StartError } from '../../config/cli.ts'
import type { ListenAddress } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { logFor } from '../../log/log.ts'
import { WrappingTotal } from '../../metrics/counters.ts'
import { SystemError } from '../../os/error.ts'
import { cardOf, queueCount } from '../../os/network-card.ts'
import type { Trouble } from '../../process/troubles.ts'
import type { Notices } from '../../tracker/protocol.ts'
import { XdpCard } from '../../xdp/card.ts'
import {
  type LocalAddress,
  localAddresses,
  unsendableAddresses,
} from '../../xdp/local-addresses.ts'
import type { QueueData } from '../../xdp/queue.ts'
import { isBusy, refusalText } from '../../xdp/refusal.ts'
import type { UdpConfig } from '../settings/config.ts'
import {
  type ChosenCard,
  cardDestinations,
  chooseCards,
  mtuFault,
  mtuNeeded,
  sharedQueues,
} from './xdp-cards.ts'

const log = logFor('udp')

/** Addresses come and go while the tracker runs. */
const LOOK_MILLISECONDS = 2000
/** In a take-over, between two attempts to follow the process that still has the card. */
const RETRY_MILLISECONDS = 50

/** What it counts; since the start. */
export interface XdpTotals {
  readonly xdpRingFull: number
  readonly xdpFillEmpty: number
  readonly xdpDropped: number
  readonly xdpPassedOthers: number
  readonly xdpPassedForms: number
}

export const NO_XDP_TOTALS: XdpTotals = {
  xdpRingFull: 0,
  xdpFillEmpty: 0,
  xdpDropped: 0,
  xdpPassedOthers: 0,
  xdpPassedForms: 0,
}

export interface XdpStart {
  readonly config: UdpConfig
  /** The addresses served, with their ports. */
  readonly addresses: readonly (Pick<ListenAddress, 'dualStack'> & ListenAddress)[]
  readonly workers: number
  /** Another tracker of ours still has the cards. */
  readonly isBeside: boolean
  readonly tell: Notices
  /** The machine's addresses, as workers get them. */
  readonly ownChanged: (own: Int32Array) => void
}

/** Null where packets come by sockets alone. Throws StartError if the settings do not allow that. */
export function openXdp(start: XdpStart): XdpPath | null {
  const { packet_path } = start.config.network
  if (packet_path === 'sockets') return null
  const choice = chooseCards(start.config)
  const path = 'reason' in choice ? choice.reason : openPath(start, choice.cards)
  if (typeof path !== 'string') return path
  if (packet_path === 'xdp') throw new StartError(`[network] packet_path = 'xdp': ${path}`)
  start.tell.info(`packets come by sockets ([network] packet_path = 'auto'): ${path}`)
  return null
}

/** Or why not. */
function openPath(start: XdpStart, chosen: readonly ChosenCard[]): XdpPath | string {
  const { config, tell, workers } = start
  const opened: ServedCard[] = []
  for (const card of chosen) {
    const served = openCard(card, start)
    if (typeof served === 'string') {
      for (const { xdp } of opened) xdp.close()
      return served
    }
    opened.push(served)
  }
  const shared = sharedQueues(chosen, workers, config.socket_workers !== 0)
  if (shared !== null) tell.info(shared)
  return new XdpPath(start, opened)
}

interface ServedCard extends ChosenCard {
  readonly xdp: XdpCard
}

function openCard(chosen: ChosenCard, start: XdpStart): ServedCard | string {
  const { name, card, queues } = chosen
  const ports = [...new Set(start.addresses.map(({ port }) => port))]
  let xdp: XdpCard | null = null
  try {
    const { xdp_mode: mode } = start.config.network
    xdp = new XdpCard({
      card,
      queues,
      mode,
      ports: ports.map((port) => ({ from: port, to: port })),
    })
    xdp.setDestinations(cardDestinations(name, start.addresses))
    if (!start.isBeside) xdp.attachSoon()
    return { ...chosen, xdp }
  } catch (error) {
    xdp?.close()
    return refusalText(error, name)
  }
}

interface CardState {
  /** Why the card does not serve now; '' if it does. */
  why: string
  /** At the last look. */
  queuesNow: number
}

export class XdpPath {
  /** Addresses from which no packet can come. */
  own = unsendableAddresses()
  private readonly start: XdpStart
  private readonly cards: readonly (ServedCard & CardState)[]
  private readonly totals = {
    xdpRingFull: new WrappingTotal(),
    xdpFillEmpty: new WrappingTotal(),
    xdpDropped: new WrappingTotal(),
    xdpPassedOthers: new WrappingTotal(),
    xdpPassedForms: new WrappingTotal(),
  }
  private config: UdpConfig
  private mayUpdate = true
  private saidTooMany = false
  private timer: ReturnType<typeof setInterval> | undefined
  private retry: ReturnType<typeof setInterval> | undefined
  private latest = NO_XDP_TOTALS

  constructor(start: XdpStart, cards: readonly ServedCard[]) {
    this.start = start
    this.config = start.config
    this.cards = cards.map((card) => ({ ...card, why: '', queuesNow: card.queues }))
  }

  /** For the line that reports the start. */
  get summary(): string {
    return this.cards.map(({ name, xdp }) => `${name} ${modeText(xdp)}`).join(' and ')
  }

  /** One of `workers`: those of queue `index`, and of every so many queues after it. */
  queuesOf(index: number): QueueData[] {
    return this.cards.flatMap(({ xdp }) =>
      xdp.queues.filter((_, queue) => queue % this.start.workers === index),
    )
  }

  /** Once the workers serve. */
  begin(): void {
    this.timer = setInterval(() => this.look(), LOOK_MILLISECONDS).unref()
    if (this.start.isBeside) {
      this.retry = setInterval(() => this.follow(), RETRY_MILLISECONDS).unref()
      this.follow()
    }
  }

  /** From now on packets go to the sockets, of this process or of the one that follows. */
  end(): void {
    clearInterval(this.timer)
    clearInterval(this.retry)
    this.latest = this.read()
    for (const { xdp } of this.cards) xdp.detach()
  }

  /** A worker uses its queues no more. */
  close(worker: number): void {
    this.latest = this.read()
    for (const { xdp } of this.cards) {
      for (let queue = worker; queue < xdp.queues.length; queue += this.start.workers) {
        xdp.closeQueue(queue)
      }
    }
  }

  configure(config: UdpConfig): void {
    this.config = config
    this.look()
  }

  read(): XdpTotals {
    const losses = this.cards.map(({ xdp }) => xdp.losses())
    // With a queue its counts are gone: the totals stay.
    if (losses.some((list, i) => list.length < this.cards[i].queues)) return this.latest
    const all = losses.flat()
    const passed = this.cards.map(({ xdp }) => xdp.passed())
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
    this.latest = {
      xdpRingFull: this.totals.xdpRingFull.take(sum(all.map(({ ringFull }) => ringFull))),
      xdpFillEmpty: this.totals.xdpFillEmpty.take(sum(all.map(({ fillEmpty }) => fillEmpty))),
      xdpDropped: this.totals.xdpDropped.take(sum(all.map(({ dropped }) => dropped))),
      xdpPassedOthers: this.totals.xdpPassedOthers.take(sum(passed.map(({ others }) => others))),
      xdpPassedForms: this.totals.xdpPassedForms.take(sum(passed.map(({ forms }) => forms))),
    }
    return this.latest
  }

  trouble(): Trouble | null {
    const reasons = this.cards.map(({ why }) => why).filter((why) => why !== '')
    const changed = this.cards.filter(({ queues, queuesNow }) => queuesNow > queues)
    reasons.push(...changed.map(queuesText))
    if (reasons.length === 0) return null
    return {
      severity: 'attention',
      text: `Packets come by sockets, which costs more: ${reasons.join('; ')}.`,
      remedy: 'Mend that; if it does not end by itself then, restart the tracker.',
    }
  }

  /** In a take-over: the cards that the other process has let go of. */
  private follow(): void {
    let isLeft = false
    for (const card of this.cards) {
      if (card.xdp.mode !== 'detached' || card.why !== '') continue
      if (!this.attach(card)) isLeft ||= card.why === ''
    }
    if (!isLeft) clearInterval(this.retry)
  }

  /** Addresses, and cards, as they are now. */
  private look(): void {
    const needed = mtuNeeded(this.config)
    for (const card of this.cards) {
      const { name, xdp } = card
      const now = cardOf(name)
      if (now === null || now.index !== card.card.index) {
        this.leave(card, `${name} was removed`)
        continue
      }
      this.lookAtQueues(card)
      if (now.mac?.join() !== card.card.mac?.join())
        this.leave(card, `${name} has another Ethernet address than at the start`)
      else if (now.mtu < needed) this.leave(card, mtuFault(name, now.mtu, needed))
      else if (xdp.isTaken())
        this.leave(card, `somebody else has detached our program from ${name}`)
      else if (card.why !== '' && xdp.mode === 'detached') this.attach(card)
    }
    const local = localAddresses()
    const own = unsendableAddresses(local)
    if (own.join() !== this.own.join()) this.start.ownChanged(own)
    this.own = own
    if (this.mayUpdate) this.updateDestinations(local)
  }

  /** The kernel refuses fewer: there are sockets of ours. */
  private lookAtQueues(card: ServedCard & CardState): void {
    const { name, queues } = card
    const now = queueCount(name)
    if (now === card.queuesNow) return
    card.queuesNow = now
    if (now !== queues) log.always('warn', queuesText(card))
  }

  private updateDestinations(local: readonly LocalAddress[]): void {
    try {
      for (const { name, xdp } of this.cards) {
        const left = xdp.setDestinations(cardDestinations(name, this.start.addresses, local))
        if (left > 0 && !this.saidTooMany) {
          this.saidTooMany = true
          log.warn(`${name}: the sockets serve ${left} addresses, which are more than XDP does`)
        }
      }
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      // Before Linux 5.19, once rights were dropped.
      this.mayUpdate = false
      log.warn(`addresses that are new from now on are served by sockets: ${error.message}`)
    }
  }

  private leave(card: ServedCard & CardState, why: string): void {
    if (card.why === why) return
    card.why = why
    card.xdp.detach()
    log.always('warn', `packets of ${card.name} come by sockets from now on: ${why}`)
  }

  private attach(card: ServedCard & CardState): boolean {
    try {
      card.xdp.attach()
      card.why = ''
      log.always('info', `packets of ${card.name} come ${modeText(card.xdp)} from now on`)
      return true
    } catch (error) {
      if (isBusy(error)) return false
      this.leave(card, refusalText(error, card.name))
      return false
    }
  }
}

function queuesText({ name, queues, queuesNow }: ServedCard & CardState): string {
  const had = `${name} has ${counted(queuesNow, 'receive queue')} now, and had ${queues} at the start`
  return queuesNow > queues
    ? `${had}: what comes to the others is served by sockets until a restart`
    : `${had}: restart the tracker for as many workers`
}

function modeText({ mode, zeroCopyQueues, queues }: XdpCard): string {
  if (mode === 'detached') return 'by XDP soon'
  const copies = zeroCopyQueues === queues.length ? ', zero copy' : ''
  return `by XDP (${mode}${copies})`
}
