// The kernel's message headers as words in memory, for the batch calls, and the reply address: what an answer
// needs of the received packet, as words that can be passed between threads. Used by packet-batch.ts and
// send-batch.ts, by the batches of the load generators, and by those who read whose an address is. Owns no memory.
import { AF_INET } from './kernel.ts'

// struct mmsghdr in words: 0–1 name │ 2 name length │ 4–5 iovec │ 6 iovec count │ 8–9 control
// │ 10 control length │ 12 flags │ 14 message length
export const HEADER_WORDS = 16
export const HEADER_BYTES = HEADER_WORDS * 4
export const HEADER_NAME = 0
export const HEADER_NAME_LENGTH = 2
export const HEADER_IOVEC = 4
export const HEADER_IOVECS = 6
export const HEADER_CONTROL = 8
export const HEADER_CONTROL_LENGTH = 10
export const HEADER_LENGTH = 14

// struct iovec in words: 0–1 base │ 2–3 length
export const IOVEC_WORDS = 4
export const IOVEC_LENGTH = 2

/** A socket address in words: 0 family, port │ IPv4: 1 address │ IPv6: 1 flow, 2…5 address, 6 scope. */
export const NAME_WORDS = 8
export const NAME_BYTES_IPV4 = 16
export const NAME_BYTES = 28
/** The words that are used. */
export const NAME_USED_IPV4 = 2
export const NAME_USED_IPV6 = 7
export const FAMILY_MASK = 0xffff

// Packet info in words: 0–1 length │ 2 level │ 3 type │ IPv4: 4 interface, 5 local address, 6 destination
//                                                     │ IPv6: 4…7 destination, 8 interface
export const CONTROL_WORDS = 16
export const CONTROL_LEVEL = 2
export const CONTROL_TYPE = 3
export const CONTROL_IPV4_INTERFACE = 4
export const CONTROL_IPV4_LOCAL = 5
export const CONTROL_IPV6_FIRST = 4
export const CONTROL_IPV6_INTERFACE = 8

// ── Reply address ──────────────────────────────────────────────────────────────────────────────
//  0: length in words (8 bits) │ packet info 8: 0 none, 1 IPv4, 2 IPv6
//  1… source       IPv4: port and family, address │ IPv6: port and family, flow, 4 address, scope
//  …  packet info  IPv4: local address │ IPv6: 4 destination, interface
export const REPLY_LENGTH_MASK = 0xff
export const REPLY_INFO_SHIFT = 8
export const REPLY_INFO_IPV4 = 1
export const REPLY_INFO_IPV6 = 2
/** Where the source's words start. */
export const REPLY_NAME = 1
export const REPLY_WORDS_MAX = 1 + NAME_USED_IPV6 + 5

/** ::ffff:0:0/96, IPv4 addresses written as IPv6: the first two words are 0, the third is this. */
const MAPPED_WORD = 0xffff0000 | 0

/** Receives an address, as a peer does. */
export interface AddressTarget {
  setIPv4(address: number): void
  /** The four words at `words[at]`. */
  setWords(words: Int32Array, at: number): void
}

// HOT: no allocation below this line.

/** Whether the IPv6 address of the socket address at `names[name]` stands for an IPv4 one, which is word 5. */
export function isMapped(names: Int32Array, name: number): boolean {
  return isMappedAddress(names, name + 2)
}

function isMappedAddress(words: Int32Array, at: number): boolean {
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === MAPPED_WORD
}

/** Whether the socket address at `names[name]` is an IPv4 one, also in the form of an IPv6 one. */
export function isNamedIPv4(names: Int32Array, name: number): boolean {
  return (names[name] & FAMILY_MASK) === AF_INET || isMapped(names, name)
}

/** Reads the address from the socket address at `names[name]`. */
export function readName(target: AddressTarget, names: Int32Array, name: number): void {
  if ((names[name] & FAMILY_MASK) === AF_INET) target.setIPv4(names[name + 1])
  else readIPv6(target, names, name + 2)
}

/** Reads the IPv6 address of four words at `words[at]`, or the IPv4 address that it stands for. */
export function readIPv6(target: AddressTarget, words: Int32Array, at: number): void {
  if (isMappedAddress(words, at)) target.setIPv4(words[at + 3])
  else target.setWords(words, at)
}
