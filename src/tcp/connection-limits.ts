// Counts and limits connections, in total and per client address, over all workers. Called by
// ws/worker/upgrade.ts for each handshake, by connections.ts for each connection that stays, and at the end of each.
// Owns a table in shared memory.
//
// An open-addressing hash table of addresses that have connections, exact, with a keyed hash so that clients
// cannot make addresses collide. It is touched only when a connection begins or ends, so one lock is enough.
import { randomFillSync } from 'node:crypto'
import { hashWords } from '../memory/half-sip-hash.ts'
import { lock, unlock } from '../memory/lock.ts'
import { type AddressWords, Networks } from './networks.ts'

//  0 lock │ 1 connections │ 2, 3 hash key │ 16… entries: 0, 1 address │ 2 connections, 0 = free
const LOCK = 0
const TOTAL = 1
const KEY = 2
const ENTRIES = 16
const ENTRY_WORDS = 3
const ENTRY_COUNT = 2

/** The key of connections that no limit per address applies to: an IPv4 address that no client has. */
const UNLIMITED = -1

export const ADMITTED = 0
export const FULL = 1
export const FULL_FOR_ADDRESS = 2

/** The part of a connection that matters for counting, with its key. */
export interface CountedConnection extends AddressWords {
  /** It came over a Unix socket, whose peer has no address. */
  readonly unix: boolean
  keyHigh: number
  keyLow: number
}

/** With room for twice as many addresses as connections, look-ups stay short. */
export function createConnectionLimits(maxConnections: number): SharedArrayBuffer {
  const entries = 2 ** Math.ceil(Math.log2(maxConnections * 2))
  const buffer = new SharedArrayBuffer((ENTRIES + entries * ENTRY_WORDS) * 4)
  new Int32Array(buffer).set(randomFillSync(new Int32Array(2)), KEY)
  return buffer
}

export class ConnectionLimits {
  private readonly words: Int32Array
  private readonly mask: number
  private max = 0
  private maxPerAddress = 0
  private readonly address = new Int32Array(2)
  private trusted = new Networks([])

  constructor(buffer: SharedArrayBuffer, max: number, maxPerAddress: number) {
    this.words = new Int32Array(buffer)
    this.mask = (this.words.length - ENTRIES) / ENTRY_WORDS - 1
    this.configure(max, maxPerAddress)
  }

  /** `max`: no more than the table was made for. Existing connections stay. `maxPerAddress`: 0 = no limit. */
  configure(max: number, maxPerAddress: number): void {
    this.max = max
    this.maxPerAddress = maxPerAddress === 0 ? Number.POSITIVE_INFINITY : maxPerAddress
  }

  /** Proxies have connections of many clients, so only the total limit applies to them. */
  setTrusted(trusted: Networks): void {
    this.trusted = trusted
  }

  /** The current total. */
  total(): number {
    return Atomics.load(this.words, TOTAL)
  }

  // HOT: no allocation below this line.

  /** Counts a connection, if the limits allow it. `always`: the limit per address applies to proxies too. */
  enterConnection(connection: CountedConnection, always = false): number {
    const { ipv4, a0, a1, unix } = connection
    const limited = !unix && (always || !this.trusted.has(connection))
    // What a proxy has open must not count against a connection that is its own.
    connection.keyHigh = ipv4 || !limited ? 0 : a0
    connection.keyLow = limited ? (ipv4 ? a0 : a1) : UNLIMITED
    return this.enter(connection.keyHigh, connection.keyLow, limited)
  }

  leaveConnection({ keyHigh, keyLow }: CountedConnection): void {
    this.leave(keyHigh, keyLow)
  }

  /** Counts a connection, if the limits allow it. `limited`: the limit per address applies. */
  enter(high: number, low: number, limited = true): number {
    lock(this.words, LOCK)
    const admission = this.admit(high, low, limited)
    unlock(this.words, LOCK)
    return admission
  }

  leave(high: number, low: number): void {
    const { words } = this
    lock(words, LOCK)
    const at = this.find(high, low)
    words[TOTAL]--
    words[at + ENTRY_COUNT]--
    if (words[at + ENTRY_COUNT] === 0) this.closeGap(at)
    unlock(words, LOCK)
  }

  private admit(high: number, low: number, limited: boolean): number {
    const { words } = this
    const at = this.find(high, low)
    // Checked first, so that an address at its limit does not take another's place.
    if (limited && words[at + ENTRY_COUNT] >= this.maxPerAddress) return FULL_FOR_ADDRESS
    if (words[TOTAL] >= this.max) return FULL
    words[TOTAL]++
    words[at] = high
    words[at + 1] = low
    words[at + ENTRY_COUNT]++
    return ADMITTED
  }

  /** The position of an address, or where it would be. */
  private find(high: number, low: number): number {
    const { words } = this
    let index = this.home(high, low)
    for (;;) {
      const at = ENTRIES + index * ENTRY_WORDS
      if (words[at + ENTRY_COUNT] === 0) return at
      if (words[at] === high && words[at + 1] === low) return at
      index = (index + 1) & this.mask
    }
  }

  /** Moves back entries that were displaced by the removed one. */
  private closeGap(gapAt: number): void {
    const { words, mask } = this
    let gap = (gapAt - ENTRIES) / ENTRY_WORDS
    let index = gap
    for (;;) {
      index = (index + 1) & mask
      const at = ENTRIES + index * ENTRY_WORDS
      if (words[at + ENTRY_COUNT] === 0) return
      const home = this.home(words[at], words[at + 1])
      // It can move if the gap is between its home and its position.
      if (((index - home) & mask) < ((index - gap) & mask)) continue
      words.copyWithin(ENTRIES + gap * ENTRY_WORDS, at, at + ENTRY_WORDS)
      words[at + ENTRY_COUNT] = 0
      gap = index
    }
  }

  private home(high: number, low: number): number {
    const { address, words } = this
    address[0] = high
    address[1] = low
    return hashWords(address, 0, 2, words[KEY], words[KEY + 1]) & this.mask
  }
}
