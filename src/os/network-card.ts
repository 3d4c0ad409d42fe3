// What network cards are and have: addresses, queues, rings, as ioctl and ethtool read and set them. Used by the doctor
// and by src/xdp. Reading needs no rights.
import { readdirSync } from 'node:fs'
import { addressHigh, addressLow, addressOf, cString, libc, nativeWords } from './ffi.ts'
import {
  AF_INET,
  ETHTOOL_GCHANNELS,
  ETHTOOL_GRINGPARAM,
  ETHTOOL_SRINGPARAM,
  GET_VLAN_REALDEV_NAME_CMD,
  IFF_UP,
  SIOCETHTOOL,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFMTU,
  SIOCGIFVLAN,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from './kernel.ts'

/** struct ifreq: 0 name, 16 bytes │ 16 a pointer, or the answer: a number, or a family u16 and an address │ …, 40 bytes. */
const REQUEST_WORDS = 10
const REQUEST_ANSWER = 4
const MAC_AT = 18
const ARPHRD_ETHER = 1
const NAME_BYTES_MAX = 15
/** struct ethtool_ringparam in words: 0 command │ 1 most received … 4 most sent │ 5 received … 8 sent. */
const RING_WORDS = 9
const RING_RECEIVE_MAX = 1
const RING_RECEIVE = 5
/** struct ethtool_channels in words: 0 command │ 1 most receive … 4 most combined │ 5 receive … 8 combined. */
const CHANNELS_WORDS = 9
const CHANNELS_RECEIVE_MAX = 1
const CHANNELS_COMBINED_MAX = 4
const CHANNELS_RECEIVE = 5
const CHANNELS_COMBINED = 8
/** struct vlan_ioctl_args: 0 command s32 │ 4 name, 24 bytes │ 28 the answer: a name, 24 bytes │ 52 … */
const VLAN_WORDS = 14
const VLAN_NAME_AT = 4
const VLAN_ANSWER_AT = 28
const VLAN_NAME_BYTES = 24

/** In packets; null if the card has no ring, or it may not be read. */
export function receiveRing(card: string): { size: number; sizeMax: number } | null {
  const ring = nativeWords(RING_WORDS)
  ring[0] = ETHTOOL_GRINGPARAM
  if (!ask(card, ring)) return null
  return { size: ring[RING_RECEIVE], sizeMax: ring[RING_RECEIVE_MAX] }
}

export interface ReceiveQueues {
  readonly count: number
  readonly countMax: number
  /** What ethtool calls them: those that send too, or not. */
  readonly kind: 'combined' | 'rx'
}

/** Queues that receive: in use, and at most. Null if the card does not tell. */
export function receiveQueues(card: string): ReceiveQueues | null {
  const channels = nativeWords(CHANNELS_WORDS)
  channels[0] = ETHTOOL_GCHANNELS
  if (!ask(card, channels)) return null
  return {
    count: channels[CHANNELS_RECEIVE] + channels[CHANNELS_COMBINED],
    countMax: channels[CHANNELS_RECEIVE_MAX] + channels[CHANNELS_COMBINED_MAX],
    kind: channels[CHANNELS_COMBINED_MAX] > 0 ? 'combined' : 'rx',
  }
}

/** Returns whether the card has taken it. The card may be without link for some seconds. */
export function setReceiveRing(card: string, size: number): boolean {
  const ring = nativeWords(RING_WORDS)
  ring[0] = ETHTOOL_GRINGPARAM
  if (!ask(card, ring)) return false
  ring[0] = ETHTOOL_SRINGPARAM
  ring[RING_RECEIVE] = size
  return ask(card, ring)
}

export interface Card {
  /** The system's number for it: another one when it is removed and comes back. */
  readonly index: number
  /** Six bytes; null if it is no Ethernet card. */
  readonly mac: Uint8Array | null
  /** Bytes of a packet, without its Ethernet header. */
  readonly mtu: number
  readonly isUp: boolean
}

/** Null if there is none of this name. */
export function cardOf(name: string): Card | null {
  const index = libc.if_nametoindex(addressOf(cString(name)) as never)
  const address = answer(name, SIOCGIFHWADDR)
  const mtu = answer(name, SIOCGIFMTU)
  const flags = answer(name, SIOCGIFFLAGS)
  if (index === 0 || address === null || mtu === null || flags === null) return null
  const isEthernet = (address[REQUEST_ANSWER] & 0xffff) === ARPHRD_ETHER
  return {
    index,
    mac: isEthernet ? new Uint8Array(address.buffer).slice(MAC_AT, MAC_AT + 6) : null,
    mtu: mtu[REQUEST_ANSWER],
    isUp: (flags[REQUEST_ANSWER] & IFF_UP) !== 0,
  }
}

/** The card that a VLAN's packets come by; null if it is no VLAN. */
export function cardOfVlan(name: string): string | null {
  const encoded = new TextEncoder().encode(name)
  if (encoded.length > NAME_BYTES_MAX) return null
  const request = nativeWords(VLAN_WORDS)
  const bytes = new Uint8Array(request.buffer)
  request[0] = GET_VLAN_REALDEV_NAME_CMD
  bytes.set(encoded, VLAN_NAME_AT)
  if (!control(SIOCGIFVLAN, request)) return null
  const answer = bytes.subarray(VLAN_ANSWER_AT, VLAN_ANSWER_AT + VLAN_NAME_BYTES)
  return new TextDecoder().decode(answer.subarray(0, answer.indexOf(0)))
}

/** Queues on which a card receives now, at least 1. Not after a chroot. */
export function queueCount(name: string): number {
  const told = receiveQueues(name)?.count ?? 0
  if (told > 0) return told
  try {
    const queues = readdirSync(`/sys/class/net/${name}/queues`)
    return Math.max(1, queues.filter((queue) => queue.startsWith('rx-')).length)
  } catch {
    return 1
  }
}

/** What the system answers about a card, as a struct ifreq. */
function answer(card: string, command: number): Int32Array<ArrayBuffer> | null {
  const request = requestFor(card)
  return request !== null && control(command, request) ? request : null
}

function ask(card: string, command: Int32Array<ArrayBuffer>): boolean {
  const request = requestFor(card)
  if (request === null) return false
  request[REQUEST_ANSWER] = addressLow(command)
  request[REQUEST_ANSWER + 1] = addressHigh(command)
  // Mentioned after the call, so that the engine keeps it until then.
  return control(SIOCETHTOOL, request) && command.length > 0
}

function requestFor(card: string): Int32Array<ArrayBuffer> | null {
  const name = new TextEncoder().encode(card)
  if (name.length > NAME_BYTES_MAX) return null
  const request = nativeWords(REQUEST_WORDS)
  new Uint8Array(request.buffer).set(name)
  return request
}

function control(command: number, request: Int32Array<ArrayBuffer>): boolean {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return false
  const result = libc.ioctl(fd, command as never, addressOf(request) as never)
  libc.close(fd)
  return result === 0
}
