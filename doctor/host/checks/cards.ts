// Network cards: what they drop, how much they can hold, and on which processors their packets are handled.
import { grouped, rateText } from '../../../src/metrics/text-table.ts'
import { type Change, remedyOf } from '../changes.ts'
import { cpuCount, interrupts } from '../parse.ts'
import { type Counter, counter, type HostFinding, type HostView, type Subject } from '../view.ts'
import { lossSeverity, lostText, percent } from '../words.ts'
import { softInterruptShares } from './processor.ts'

/** What an operator with 46,000 packets per second has. */
const RING_WANTED = 4096
/** Below this rate one core handles packets in its sleep: 46,000 per second once filled one. */
const BUSY_PACKETS = 10_000
const BUSY_SHARE = 0.25
/** Nearly all interrupts of several queues on one processor. */
const ONE_SIDED_SHARE = 0.9
const INTERRUPTS_MIN = 1000
const CARDS_MAX = 32
/** Others would have to be quoted in files and commands. */
const PLAIN_NAME = /^[\w.@:-]+$/

interface Card {
  readonly name: string
  readonly folder: string
}

/** Those with hardware of their own, real or virtual: not bridges, tunnels and loopback. */
export function cardsOf(host: HostView): Card[] {
  return host
    .list('/sys/class/net')
    .filter((name) => PLAIN_NAME.test(name))
    .map((name) => ({ name, folder: `/sys/class/net/${name}` }))
    .filter(
      ({ folder }) =>
        host.link(`${folder}/device`) !== null || host.list(`${folder}/device`).length > 0,
    )
    .slice(0, CARDS_MAX)
}

function statistic(host: HostView, card: Card, name: string): Counter | null {
  return counter(host, `${card.folder}/statistics/${name}`, (text) => Number(text.trim()))
}

export function cards(subject: Subject): HostFinding[] {
  const found = cardsOf(subject.host)
  if (found.length === 0) {
    const text =
      'No network card with hardware of its own can be seen here: a container or a network namespace.'
    return [{ name: 'cards', severity: 'note', text }]
  }
  return found.flatMap((card) => [
    ...cardDrops(subject, card),
    ...cardRing(subject, card),
    ...unusedQueues(subject, card),
    ...steering(subject, card),
    ...placement(subject, card),
  ])
}

function cardDrops({ host }: Subject, card: Card): HostFinding[] {
  const name = 'card_drops'
  const parts = ['rx_missed_errors', 'rx_fifo_errors', 'rx_over_errors', 'rx_dropped'].flatMap(
    (key) => {
      const found = statistic(host, card, key)
      return found === null ? [] : [{ key, ...found }]
    },
  )
  if (parts.length === 0) return []
  const lost = {
    total: parts.reduce((sum, { total }) => sum + total, 0),
    grown: parts.reduce((sum, { grown }) => sum + grown, 0),
    perSecond: parts.reduce((sum, { perSecond }) => sum + perSecond, 0),
  }
  const severity = lossSeverity(lost, statistic(host, card, 'rx_packets'))
  if (severity === 'good') return [{ name, severity, text: `${card.name} has dropped no packet.` }]
  const which = parts
    .filter(({ total }) => total > 0)
    .map(({ key, total }) => `${key} ${grouped(total)}`)
  return [
    {
      name,
      severity,
      text: `${card.name} dropped ${lostText(lost, statistic(host, card, 'rx_packets'), 'packets')} (${which.join(', ')}).`,
      cost: 'These packets never reach the tracker. A few dropped ones may be of protocols that nobody here speaks.',
      remedy:
        'A larger ring (card_ring) takes longer bursts; more cores for its packets (receive_steering) keep it empty.',
    },
  ]
}

function cardRing({ host }: Subject, card: Card): HostFinding[] {
  const name = 'card_ring'
  const ring = host.receiveRing(card.name)
  if (ring === null || ring.sizeMax === 0) return []
  const wanted = Math.min(RING_WANTED, ring.sizeMax)
  const text = `${card.name} holds ${grouped(ring.size)} packets that wait to be taken in, of at most ${grouped(ring.sizeMax)}.`
  if (ring.size >= wanted) return [{ name, severity: 'good', text }]
  const missed = ['rx_missed_errors', 'rx_fifo_errors', 'rx_over_errors'].some(
    (key) => (statistic(host, card, key)?.total ?? 0) > 0,
  )
  const changes: Change[] = [{ kind: 'ring', card: card.name, size: wanted }]
  return [
    {
      name,
      severity: missed ? 'warning' : 'note',
      text,
      cost: 'A burst that does not fit is lost in the card, where no program sees it.',
      remedy: remedyOf('Enlarge it (some cards lose their link for a second):', changes),
      changes,
    },
  ]
}

/** Packets per second now, or on average since the system started, whichever is more. */
function packetRate({ host }: Subject, card: Card): number {
  const packets = statistic(host, card, 'rx_packets')
  const uptime = Number((host.read('/proc/uptime') ?? '').split(' ')[0])
  return Math.max(packets?.perSecond ?? 0, uptime > 0 ? (packets?.total ?? 0) / uptime : 0)
}

/** A queue of its own for each processor is better than steering, where the card has them. */
function unusedQueues({ host }: Subject, card: Card): HostFinding[] {
  const name = 'card_queues'
  const queues = host.receiveQueues(card.name)
  if (queues === null || queues.countMax === 0) return []
  const wanted = Math.min(queues.countMax, cpuCount(host.read('/proc/stat')))
  const text = `${card.name} receives with ${queues.count} of the ${queues.countMax} queues that it has.`
  if (queues.count >= wanted) return [{ name, severity: 'good', text }]
  return [
    {
      name,
      severity: 'warning',
      text,
      cost: 'Fewer processors than there are share the kernel’s part of all packets.',
      remedy: `Use one for each processor (some cards lose their link for a second):\nethtool -L ${card.name} ${queues.kind} ${wanted}`,
    },
  ]
}

function steering(subject: Subject, card: Card): HostFinding[] {
  const { host } = subject
  const name = 'receive_steering'
  const queues = host.list(`${card.folder}/queues`).filter((queue) => queue.startsWith('rx-'))
  const cpus = cpuCount(host.read('/proc/stat'))
  if (queues.length === 0 || cpus === 1) return []
  const plain = queues.filter((queue) => {
    return /^[0,]*$/.test((host.read(`${card.folder}/queues/${queue}/rps_cpus`) ?? 'x').trim())
  })
  const shape = `${card.name} has ${queues.length === 1 ? 'one receive queue' : `${queues.length} receive queues`} for ${cpus} processors`
  if (queues.length >= cpus || plain.length === 0) {
    const how = queues.length >= cpus ? '' : ', and its packets are steered to others'
    return [{ name, severity: 'good', text: `${shape}${how}.` }]
  }
  const rate = packetRate(subject, card)
  const share = Math.max(0, ...softInterruptShares(host).map((each) => each.share))
  const isBusy = rate >= BUSY_PACKETS || share >= BUSY_SHARE
  const changes = plain.map(
    (queue): Change => ({
      kind: 'card',
      card: card.name,
      attribute: `queues/${queue}/rps_cpus`,
      value: maskOf(cpus),
    }),
  )
  return [
    {
      name,
      severity: isBusy ? 'warning' : 'note',
      text: `${shape}, and steers no packets to the others (${rateText(rate)} packets per second, soft interrupts ${percent(share)} of a core).`,
      cost: 'One core does the kernel’s part for all packets. One site’s was 100 % full of it, and 48 % with steering.',
      remedy: remedyOf(
        isBusy
          ? 'Steer packets to all processors:'
          : 'Once there are some 10,000 packets per second, steer them to all processors:',
        changes,
      ),
      // On a quiet host steering only costs interrupts between processors.
      changes: isBusy ? changes : [],
    },
  ]
}

/** All processors, as 32-bit groups of a hexadecimal mask. */
export function maskOf(cpus: number): string {
  const digits = ((1n << BigInt(cpus)) - 1n).toString(16)
  const groups: string[] = []
  for (let end = digits.length; end > 0; end -= 8)
    groups.unshift(digits.slice(Math.max(0, end - 8), end))
  return groups.join(',')
}

function placement({ host }: Subject, card: Card): HostFinding[] {
  const name = 'interrupts'
  const numbers = interruptNumbers(host, card)
  const lines = interrupts(host.read('/proc/interrupts') ?? '').filter(
    ({ number, name: text, counts }) => {
      const isOfCard =
        numbers.includes(number) || new RegExp(`(^|[ -])${escaped(card.name)}([-@. ]|$)`).test(text)
      return isOfCard && !/config|output|tx\b/i.test(text) && counts.some((count) => count > 0)
    },
  )
  const cpus = cpuCount(host.read('/proc/stat'))
  if (lines.length < 2 || cpus < 2) return []
  const perCpu = Array.from({ length: cpus }, (_, cpu) => {
    return lines.reduce((sum, { counts }) => sum + (counts[cpu] ?? 0), 0)
  })
  const all = perCpu.reduce((sum, count) => sum + count, 0)
  const most = Math.max(...perCpu)
  const cpu = perCpu.indexOf(most)
  const allowed = host.read(`/proc/irq/${lines[0].number}/smp_affinity_list`)?.trim()
  const pinned = allowed === undefined ? '' : ` (the first may go to processors ${allowed})`
  const text = `Of ${grouped(all)} interrupts of ${card.name}'s ${lines.length} queues, processor ${cpu} took ${percent(most / Math.max(1, all))}${pinned}.`
  if (all < INTERRUPTS_MIN || most / all < ONE_SIDED_SHARE)
    return [{ name, severity: 'good', text }]
  const commands = lines.map(
    ({ number }, i) => `echo ${i % cpus} > /proc/irq/${number}/smp_affinity_list`,
  )
  return [
    {
      name,
      severity: 'warning',
      text,
      cost: 'One core does the kernel’s part for all packets, although the card could spread them.',
      remedy: ['Install irqbalance, or spread them by hand:', ...commands].join('\n'),
    },
  ]
}

/** Of virtio cards they lie one folder up, and have other names than the card. */
function interruptNumbers(host: HostView, { folder }: Card): string[] {
  return [...host.list(`${folder}/device/msi_irqs`), ...host.list(`${folder}/device/../msi_irqs`)]
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
