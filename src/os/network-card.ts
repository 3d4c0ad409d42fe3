// The rings and queues of network cards, as ethtool reads and sets them. Used by the doctor.
import { addressHigh, addressLow, addressOf, libc, nativeWords } from './ffi.ts'
import {
  AF_INET,
  ETHTOOL_GCHANNELS,
  ETHTOOL_GRINGPARAM,
  ETHTOOL_SRINGPARAM,
  SIOCETHTOOL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from './kernel.ts'

/** struct ifreq: 0 name, 16 bytes │ 16 pointer │ …, 40 bytes. */
const REQUEST_WORDS = 10
const REQUEST_POINTER = 4
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

function ask(card: string, command: Int32Array<ArrayBuffer>): boolean {
  const name = new TextEncoder().encode(card)
  if (name.length > NAME_BYTES_MAX) return false
  const request = nativeWords(REQUEST_WORDS)
  new Uint8Array(request.buffer).set(name)
  request[REQUEST_POINTER] = addressLow(command)
  request[REQUEST_POINTER + 1] = addressHigh(command)
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) return false
  const result = libc.ioctl(fd, SIOCETHTOOL as never, addressOf(request) as never)
  libc.close(fd)
  // Mentioned after the call, so that the engine keeps it until then.
  return result === 0 && command.length > 0
}
