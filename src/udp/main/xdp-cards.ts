// Which network cards serve with packet_path = 'xdp', with how many queues, and for which packets: from the settings and
// from what the machine has. Used by xdp.ts and main.ts, at startup; `destinationsOf` also later.
import { addressBytes, isWildcard, type SocketAddress } from '../../config/address.ts'
import type { CheckFindings } from '../../config/cli.ts'
import { type ListenAddress, listenAddresses } from '../../config/listen.ts'
import { counted } from '../../config/quantities.ts'
import { listOf } from '../../config/setting.ts'
import { type Card, cardOf, cardOfVlan, queueCount } from '../../os/network-card.ts'
import type { Destination } from '../../xdp/card.ts'
import { IPV4_BYTES, IPV6_BYTES, UDP_BYTES } from '../../xdp/layout.ts'
import { defaultRouteCards, type LocalAddress, localAddresses } from '../../xdp/local-addresses.ts'
import { PORT_RANGES_MAX } from '../../xdp/program.ts'
import type { UdpConfig } from '../settings/config.ts'
import { answerBytes } from '../wire/layout.ts'

/** Cards that were chosen, or why none can serve. */
export type CardChoice = { readonly cards: readonly ChosenCard[] } | { readonly reason: string }

export interface ChosenCard {
  readonly name: string
  readonly card: Card
  readonly queues: number
}

export function chooseCards(config: UdpConfig): CardChoice {
  const addresses = listenAddresses(config.network)
  const named = listOf(config.network.xdp_interfaces)
  const names = named.length > 0 ? named : cardsOf(addresses, localAddresses())
  if (names.length === 0) return { reason: noCard(addresses) }
  if (config.request_workers > 0) return { reason: REQUEST_WORKERS }
  if (new Set(addresses.map(({ port }) => port)).size > PORT_RANGES_MAX) {
    return { reason: `it serves at most ${PORT_RANGES_MAX} ports` }
  }
  const cards: ChosenCard[] = []
  for (const name of names) {
    const card = cardOf(name)
    const fault = cardFault(name, card, mtuNeeded(config))
    if (card === null || fault !== null) return { reason: fault ?? '' }
    cards.push({ name, card, queues: queueCount(name) })
  }
  return { cards }
}

/** Of the cards, with packet_path = 'xdp'; none otherwise. */
export function queueCounts(config: UdpConfig): number[] {
  if (config.network.packet_path !== 'xdp') return []
  const choice = chooseCards(config)
  return 'cards' in choice ? choice.cards.map(({ queues }) => queues) : []
}

/** For --check, without opening anything. */
export function checkPath(config: UdpConfig): CheckFindings {
  const { packet_path } = config.network
  const choice = packet_path === 'sockets' ? { cards: [] } : chooseCards(config)
  if ('cards' in choice) return { problems: [], warnings: [] }
  const text = `[network] packet_path = '${packet_path}': ${choice.reason}`
  return packet_path === 'xdp'
    ? { problems: [text], warnings: [] }
    : { problems: [], warnings: [text] }
}

export const REQUEST_WORKERS =
  'request_workers must be 0: the thread that takes a packet from a card also writes the answer to it'

/** What a card must carry at a time for the longest answer. */
export function mtuNeeded({ protocol }: Pick<UdpConfig, 'protocol'>): number {
  const ipv4 = answerBytes(true, protocol.max_response_bytes) + IPV4_BYTES + UDP_BYTES
  const ipv6 = answerBytes(false, protocol.max_response_bytes) + IPV6_BYTES + UDP_BYTES
  return Math.max(ipv4, ipv6)
}

export function mtuFault(name: string, mtu: number, needed: number): string {
  return (
    `${name} carries ${counted(mtu, 'byte')} at a time (MTU), and responses may have ${needed}: ` +
    `raise its MTU, or lower [protocol] max_response_bytes to ${mtu - IPV4_BYTES - UDP_BYTES}`
  )
}

function cardFault(name: string, card: Card | null, needed: number): string | null {
  if (card === null) return `there is no network interface ${name} (ip link lists them)`
  if (card.mac === null) return `${name} is no Ethernet interface`
  return card.mtu < needed ? mtuFault(name, card.mtu, needed) : null
}

/** Those with the addresses; for a wildcard, those with a default route. */
function cardsOf(addresses: readonly ListenAddress[], local: readonly LocalAddress[]): string[] {
  const names = addresses.flatMap((address) => {
    if (isWildcard(address)) return defaultRouteCards()
    return local.filter((own) => !own.isLoopback && isSame(own, address)).map(({ card }) => card)
  })
  return [...new Set(names)]
}

function noCard(addresses: readonly ListenAddress[]): string {
  return addresses.some(isWildcard)
    ? 'no network interface has a default route: name interfaces in [network] xdp_interfaces'
    : 'no network card has an address of [network] address: write one of this machine, not of its loopback interface'
}

/** Packets to these are the tracker's, as of now: a wildcard address stands for all addresses of the machine. */
export function destinationsOf(
  addresses: readonly (SocketAddress & Pick<ListenAddress, 'dualStack'>)[],
  local: readonly LocalAddress[] = localAddresses(),
): Destination[] {
  return addresses.flatMap((address) => {
    const { family, port, dualStack } = address
    if (!isWildcard(address)) return [{ address: addressBytes(address), firstPort: port }]
    return local
      .filter((own) => own.family === family || dualStack)
      .map(({ bytes }) => ({ address: bytes, firstPort: port }))
  })
}

/**
 * Those of them that may be for the tracker when they come by the card `name` without a tag: not those to its VLANs, whose
 * packets look the same once the card has removed the tag, and must be answered with one.
 */
export function cardDestinations(
  name: string,
  addresses: Parameters<typeof destinationsOf>[0],
  local: readonly LocalAddress[] = localAddresses(),
  vlanOn = cardOfVlan,
): Destination[] {
  const ofVlans = local.filter(({ card }) => isVlanOn(card, name, vlanOn))
  const hidden = new Set(ofVlans.map(({ bytes }) => bytes.join()))
  return destinationsOf(addresses, local).filter(({ address }) => !hidden.has(address.join()))
}

/** Also as a VLAN within a VLAN. */
function isVlanOn(name: string, card: string, vlanOn: typeof cardOfVlan): boolean {
  const below = vlanOn(name)
  return below !== null && (below === card || isVlanOn(below, card, vlanOn))
}

function isSame(own: LocalAddress, { family, host }: SocketAddress): boolean {
  return own.family === family && own.host === host
}

/** Says which workers have which queues, if that is not one each; null if it is. */
export function sharedQueues(
  cards: readonly ChosenCard[],
  workers: number,
  isChosen: boolean,
): string | null {
  const most = Math.max(...cards.map(({ queues }) => queues))
  const { name } = cards.find(({ queues }) => queues === most) ?? cards[0]
  const has = `${name} has ${counted(most, 'receive queue')}`
  if (most === workers || (most < workers && !isChosen)) return null
  if (most < workers) {
    return `${has} and there are ${counted(workers, 'socket worker')}: ${workers - most} of them serve only what comes by sockets. Set socket_workers = ${most}, or give the card more queues (ethtool -L ${name} combined ${workers}).`
  }
  return `${has} for ${counted(workers, 'socket worker')}, so some serve several. Set socket_workers = ${most}, or give the card fewer queues (ethtool -L ${name} combined ${workers}).`
}
