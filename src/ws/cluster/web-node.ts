// Another node whose WebTorrent peers are in the swarms of this one: which run of it, what has come of what it says, whether it
// is there. Used by web-link.ts. What is missing of its log is not sent again: it tells all its peers instead, which belong to a
// new slot (node-slots.ts), and whoever is left with the old one goes.
import { randomFillSync } from 'node:crypto'
import { Rate } from '../../cluster/rate.ts'
import { MASK_WORDS } from '../worker/other-nodes.ts'
import type { ForeignPeers } from './foreign-peers.ts'
import {
  FLAG_LEAVING,
  LOG_FLAGS,
  LOG_SEQUENCE,
  PART_IS_LAST,
  PART_NUMBER,
  PART_SEQUENCE,
  PART_TICKET,
  recordsOf,
  START,
} from './messages.ts'
import type { NodeIdentity, NodeSlot, NodeSlots } from './node-slots.ts'

/** Nodes beat each second. One that is silent for longer gets no offers, */
export const SILENT_MILLISECONDS = 3500
/** and after this its peers are gone: their connections are with it, and it tells of all of them when it is back. */
export const DEAD_MILLISECONDS = 15_000
/** Sooner another start is not of the same node: one that starts listens for longer first (presence.ts). */
const NEW_START_MILLISECONDS = 1500

/** Between two parts of an answer. */
const PART_MILLISECONDS = 5000
/** Before it is asked again, at random from half of it on; doubles up to the longest. */
const ASK_MILLISECONDS = 1000
const ASK_MAX_MILLISECONDS = 30_000
/** Some peers were refused, and may have room, or be allowed, by now. */
const REFUSED_MILLISECONDS = 300_000

/** Of one node and second, with some seconds' worth at once. */
const RECORDS_PER_SECOND = 250_000
const RELAYS_PER_SECOND = 20_000
const BURST_MILLISECONDS = 5000

interface Sync {
  readonly ticket: number
  part: number
  slot: NodeSlot | null
  heardAt: number
}

export interface WebNodeParts {
  readonly slots: NodeSlots
  readonly peers: ForeignPeers
  /** From 0 to below 1. */
  readonly random: () => number
}

/** Of the same clock, in whole seconds, as rows of peers have it. */
function secondOf(now: number): number {
  return Math.floor(now / 1000)
}

export class WebNode implements NodeIdentity {
  readonly name: string
  readonly number: number
  readonly mask = randomFillSync(new Int32Array(MASK_WORDS))
  readonly address: readonly [number, number]
  /** 0: not heard yet. */
  start = 0
  heardAt = Number.NEGATIVE_INFINITY
  hasLeft = false
  /** The operator has been told that it is silent. */
  isMissed = false
  readonly counts = {
    batches: 0,
    records: 0,
    known: 0,
    otherStart: 0,
    overLimit: 0,
    gaps: 0,
    syncs: 0,
  }
  private readonly parts: WebNodeParts
  private sequence = 0
  private slot: NodeSlot | null = null
  /** The one before: offers to it may be on their way from a worker. */
  private former: NodeSlot | null = null
  private sync: Sync | null = null
  private needsSync = false
  private askAt = 0
  /** Some peers of it were not taken, and are asked for again; 0: none. */
  private againAt = 0
  private patience = ASK_MILLISECONDS
  private readonly records = new Rate(RECORDS_PER_SECOND, BURST_MILLISECONDS)
  private readonly relays = new Rate(RELAYS_PER_SECOND, BURST_MILLISECONDS)

  constructor(name: string, number: number, parts: WebNodeParts) {
    this.name = name
    this.number = number
    this.parts = parts
    const [high, low] = randomFillSync(new Int32Array(2))
    // Not like the address of a client, nor of this machine.
    this.address = [high | 1, low | 1]
  }

  /** It has told all its peers, and nothing is missing since. */
  get isWhole(): boolean {
    return this.start !== 0 && !this.needsSync
  }

  get isSyncing(): boolean {
    return this.sync !== null
  }

  isHeard(now: number): boolean {
    return !this.hasLeft && now - this.heardAt < SILENT_MILLISECONDS
  }

  hasSlot(slot: number, generation: number): boolean {
    const isOf = (own: NodeSlot | null) => own?.slot === slot && own.generation === generation
    return isOf(this.slot) || isOf(this.sync?.slot ?? null) || isOf(this.former)
  }

  /** This process stood still: nothing could be heard. */
  excuse(milliseconds: number): void {
    this.heardAt += milliseconds
    if (this.sync !== null) this.sync.heardAt += milliseconds
  }

  /** A log message or a beat. */
  heardLog(words: Int32Array, now: number): void {
    if (words[START] !== this.start && !this.begin(words, now)) {
      this.counts.otherStart++
      return
    }
    this.heardAt = now
    this.hasLeft = (words[LOG_FLAGS] & FLAG_LEAVING) !== 0
    const { at, count } = recordsOf(words)
    const ahead = (words[LOG_SEQUENCE] - this.sequence) | 0
    if (count > 0 && ahead <= 0) this.counts.known++
    else if (ahead > 0) {
      if (ahead > 1 || count === 0) this.missed(now)
      this.sequence = words[LOG_SEQUENCE]
      if (count > 0) this.apply(words, at, count, now)
    }
    if (this.hasLeft) this.drop()
  }

  /** A part of all its peers. */
  heardPart(words: Int32Array, now: number): void {
    const { sync } = this
    if (sync === null || words[START] !== this.start || words[PART_TICKET] !== sync.ticket) return
    // Parts are in order among the log's messages: another sequence tells of other times.
    if (words[PART_NUMBER] !== sync.part || words[PART_SEQUENCE] !== this.sequence) {
      this.giveUp(now)
      return
    }
    if (sync.part === 0) sync.slot = this.parts.slots.open(this, secondOf(now))
    if (sync.slot === null) {
      this.giveUp(now)
      return
    }
    sync.part++
    sync.heardAt = now
    const { at, count } = recordsOf(words)
    if (!this.applyTo(sync.slot, words, at, count, now, true)) this.giveUp(now)
    else if (words[PART_IS_LAST] !== 0) this.finish(sync.slot)
  }

  /** Whether one more offer or answer of it may be passed on. */
  mayRelay(now: number): boolean {
    return this.relays.take(1, now)
  }

  /** What is due. Returns the ticket, if it is to be asked for all its peers with that; 0: not now. `ticket`: 0 if nobody can be asked. */
  turn(now: number, ticket: number): number {
    const { sync } = this
    if (this.start === 0) return 0
    if (sync !== null && now - sync.heardAt > PART_MILLISECONDS) this.giveUp(now)
    if (now - this.heardAt > DEAD_MILLISECONDS) this.drop()
    const isHeard = this.isHeard(now)
    for (const slot of [this.slot, this.sync?.slot ?? null]) {
      if (slot === null) continue
      this.parts.slots.showLife(slot, secondOf(now))
      this.parts.slots.set(slot, isHeard)
    }
    const isDue = this.needsSync && this.sync === null && isHeard && now >= this.askAt
    if (isDue && ticket !== 0) {
      this.sync = { ticket, part: 0, slot: null, heardAt: now }
      this.counts.syncs++
      return ticket
    }
    if (!this.needsSync && this.againAt > 0 && now >= this.againAt) {
      this.againAt = 0
      this.needsSync = true
    }
    return 0
  }

  /** Lists have changed, so that peers may be wanted that were not. */
  askLater(now: number): void {
    if (this.againAt === 0) this.againAt = now + REFUSED_MILLISECONDS * (0.5 + this.parts.random())
  }

  /** All its peers are gone. */
  drop(): void {
    const { slots } = this.parts
    if (this.slot !== null) slots.close(this.slot)
    if (this.sync?.slot) slots.close(this.sync.slot)
    this.slot = null
    this.former = null
    this.sync = null
    this.needsSync = true
    this.againAt = 0
    this.patience = ASK_MILLISECONDS
  }

  private begin(words: Int32Array, now: number): boolean {
    const isLive = this.start !== 0 && !this.hasLeft
    if (isLive && now - this.heardAt < NEW_START_MILLISECONDS) return false
    this.drop()
    this.start = words[START]
    this.sequence = (words[LOG_SEQUENCE] - (recordsOf(words).count > 0 ? 1 : 0)) | 0
    this.askAt = now + ASK_MILLISECONDS * this.parts.random()
    return true
  }

  private missed(now: number): void {
    this.counts.gaps++
    this.needsSync = true
    if (this.sync !== null) this.giveUp(now)
    else this.askAt = now + this.patience * (0.5 + this.parts.random())
  }

  private giveUp(now: number): void {
    const slot = this.sync?.slot ?? null
    if (slot !== null) this.parts.slots.close(slot)
    this.sync = null
    this.patience = Math.min(this.patience * 2, ASK_MAX_MILLISECONDS)
    this.askAt = now + this.patience * (0.5 + this.parts.random())
  }

  private finish(slot: NodeSlot): void {
    if (this.slot !== null) this.parts.slots.close(this.slot)
    this.former = this.slot
    this.slot = slot
    this.sync = null
    this.needsSync = false
    this.patience = ASK_MILLISECONDS
  }

  private apply(words: Int32Array, at: number, count: number, now: number): void {
    this.slot ??= this.parts.slots.open(this, secondOf(now))
    const slot = this.sync?.slot ?? this.slot
    if (slot === null || !this.applyTo(slot, words, at, count, now, false)) this.missed(now)
  }

  /** False if it is more than a node may tell. */
  private applyTo(
    slot: NodeSlot,
    words: Int32Array,
    at: number,
    count: number,
    now: number,
    isPart: boolean,
  ): boolean {
    const { counts, mask } = this
    if (!this.records.take(count, now)) {
      counts.overLimit++
      return false
    }
    counts.batches++
    counts.records += count
    const second = secondOf(now)
    const refused = this.parts.peers.apply(words, at, count, slot, { mask, now: second, isPart })
    if (refused > 0) this.askLater(now)
    return true
  }
}
