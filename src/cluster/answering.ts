// Answers nodes that have missed something: batches once more, or a walk through all swarms. Called by link.ts, a little in
// each turn. Owns what it has been asked for, which is bounded: one request for batches and one for a walk per node.

import { Budgets } from './budgets.ts'
import {
  type ASK_WALK,
  BUSY,
  type Control,
  END_OF_SEGMENT,
  type Heard,
  NODES_MAX,
  writeControl,
} from './control.ts'
import type { Engine } from './engine.ts'
import { isAfter } from './holes.ts'
import {
  BATCH_HEAD_WORDS,
  BATCH_RECORDS_MAX,
  BATCH_TICKET,
  BATCH_WORDS_MAX,
  PURPOSE_CATCH_UP,
  SEGMENT_PARTS,
} from './layout.ts'
import type { Records, SwarmWalk } from './records.ts'
import type { Sender } from './sender.ts'
import { ALL_NODES, type Subjects } from './subjects.ts'

/** After an outage several nodes ask for the same batches: those that ask within this time share them. */
const GATHER_MILLISECONDS = 100
const AGAIN_PER_TURN = 32
/** Of one request. Who is answered asks for the next ones. */
const AGAIN_MAX = 2048

/** At the same time. Others are told to ask somebody else. */
const WALKS_MAX = 3
/** Nobody has asked for its next segment: whoever it was for has gone, or has it all. */
const WALK_IDLE_MILLISECONDS = 10_000
/** Of one turn. The rest of the thread's time is for what the nodes tell each other now. */
const WALK_MILLISECONDS = 5

interface Again {
  readonly ranges: { next: number; to: number }[]
  readyAt: number
}

/**
 * Of one node: so many walks at once, and then one in each so many milliseconds. A request costs its sender nothing, a walk is
 * through all swarms. A node that starts needs one, and after an outage one or two.
 */
const WALKS_AT_ONCE = 4
const WALKS_PER_SECOND = 0.1

/**
 * Bytes that are sent once more for one node: all that is kept, twice, and then more than the largest stream of this node loses of a
 * bad connection. A request has a hundred bytes, and what it asks for up to forty million.
 */
const AGAIN_BYTES_AT_ONCE = 128 * 2 ** 20
const AGAIN_BYTES_PER_SECOND = 4 * 2 ** 20

interface Answer {
  readonly number: number
  readonly walk: SwarmWalk
  readonly heard: readonly Heard[]
  segment: number
  ticket: number
  /** Of this segment, so far, and how many of them have been sent. */
  parts: Int32Array[]
  sent: number
  isDone: boolean
  askedAt: number
}

export interface AnsweringOptions {
  readonly engine: Engine
  readonly records: Records
  readonly sender: Sender
  readonly subjects: Subjects
  readonly start: number
  readonly clock: () => number
  /** How far this node has heard all others, and itself. */
  readonly heard: () => readonly Heard[]
}

export class Answering {
  /** `held`: how often a node had to wait because it had asked for more than its share. */
  readonly counts = { walks: 0, parts: 0, busy: 0, held: 0 }
  private readonly options: AnsweringOptions
  private readonly words = new Int32Array(BATCH_WORDS_MAX)
  private readonly again = new Map<string, Again>()
  private readonly answers = new Map<string, Answer>()
  private readonly walks = new Budgets(WALKS_PER_SECOND, WALKS_AT_ONCE)
  private readonly againBytes = new Budgets(AGAIN_BYTES_PER_SECOND, AGAIN_BYTES_AT_ONCE)

  constructor(options: AnsweringOptions) {
    this.options = options
  }

  askForBatches(node: string, ranges: readonly { from: number; to: number }[], now: number): void {
    if (this.again.size >= NODES_MAX && !this.again.has(node)) return
    let left = AGAIN_MAX
    const taken: Again['ranges'] = []
    for (const { from, to } of ranges) {
      const last = Math.min((to - from) >>> 0, left - 1)
      if (left > 0) taken.push({ next: from, to: (from + last) >>> 0 })
      left -= last + 1
    }
    const gathered = this.again.get(node)?.readyAt ?? now + GATHER_MILLISECONDS
    const readyAt = Math.max(gathered, this.againBytes.freeAt(node, 0, now))
    if (readyAt === Number.POSITIVE_INFINITY) return
    this.again.set(node, { ranges: taken, readyAt })
  }

  askForWalk(node: string, message: Control & { kind: typeof ASK_WALK }, now: number): void {
    const { ticket, segment, walk: number } = message
    const answer = this.answers.get(node)
    if (answer?.number !== number) {
      if (segment === 0) this.begin(node, message, now)
      return
    }
    if (segment < answer.segment || segment > answer.segment + 1) return
    if (segment === answer.segment && !this.mayHaveAgain(node, answer, now)) return
    // The next one is asked for when all of this one has come.
    if (segment > answer.segment) {
      if (answer.parts.length < SEGMENT_PARTS) {
        this.answers.delete(node)
        return
      }
      answer.segment = segment
      answer.parts = []
    }
    answer.ticket = ticket
    answer.sent = 0
    answer.isDone = false
    answer.askedAt = now
  }

  private begin(node: string, message: Control & { kind: typeof ASK_WALK }, now: number): void {
    const { records, start, heard } = this.options
    const { ticket, seconds, walk: number } = message
    this.answers.delete(node)
    const all = [...this.answers]
    const [finished] = all.filter(([, { isDone, walk }]) => isDone && walk.isDone)
    if (finished !== undefined) this.answers.delete(finished[0])
    if (this.answers.size >= WALKS_MAX || !this.mayWalk(node, now)) {
      this.counts.busy++
      this.reply(node, { kind: BUSY, ticket, start })
      return
    }
    this.counts.walks++
    // First: what is walked through from here on includes all of that.
    const answer = { number, heard: heard(), segment: 0, ticket, askedAt: now }
    const walk = records.openWalk(seconds, Math.floor(now / 1000))
    this.answers.set(node, { ...answer, walk, parts: [], sent: 0, isDone: false })
  }

  private mayWalk(node: string, now: number): boolean {
    if (this.walks.freeAt(node, 1, now) > now) return false
    this.walks.spend(node, 1, now)
    return true
  }

  /** The parts of a segment that have been sent already. */
  private mayHaveAgain(node: string, { parts, sent }: Answer, now: number): boolean {
    const bytes = parts.slice(0, sent).reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (this.againBytes.freeAt(node, bytes, now) > now) {
      this.counts.held++
      return false
    }
    this.againBytes.spend(node, bytes, now)
    return true
  }

  /** True if more waits. */
  turn(now: number): boolean {
    for (const [node, { askedAt }] of this.answers) {
      if (now - askedAt > WALK_IDLE_MILLISECONDS) this.answers.delete(node)
    }
    return this.sendAgain(now) || this.walk(now)
  }

  private sendAgain(now: number): boolean {
    const { sender } = this.options
    for (let count = 0; count < AGAIN_PER_TURN; count++) {
      const sequence = this.nextAgain(now)
      if (sequence === null) return false
      const asking = [...this.again].filter(([, { ranges }]) => ranges[0].next === sequence)
      const to = asking.length === 1 ? asking[0][0] : ALL_NODES
      if (!sender.sendAgain(sequence, this.options.subjects.answer(to), now)) return false
      const bytes = sender.sent.find(sequence) ? sender.sent.count * 4 : 0
      for (const [node, again] of asking) {
        this.spendAgain(node, again, bytes, now)
        const { ranges } = again
        const [range] = ranges
        if (range.next === range.to) ranges.shift()
        else range.next = (range.next + 1) >>> 0
        if (ranges.length === 0) this.again.delete(node)
      }
    }
    return true
  }

  /** Who has had more than its share waits for the rest. */
  private spendAgain(node: string, again: Again, bytes: number, now: number): void {
    const { againBytes, counts } = this
    againBytes.spend(node, bytes, now)
    const readyAt = againBytes.freeAt(node, 0, now)
    if (readyAt <= now) return
    again.readyAt = readyAt
    counts.held++
  }

  /** The earliest batch that somebody waits for. */
  private nextAgain(now: number): number | null {
    let first: number | null = null
    for (const { ranges, readyAt } of this.again.values()) {
      const [{ next }] = ranges
      if (readyAt <= now && (first === null || isAfter(first, next))) first = next
    }
    return first
  }

  private walk(now: number): boolean {
    const end = this.options.clock() + WALK_MILLISECONDS
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const [node, answer] of this.answers) {
        if (answer.isDone) continue
        if (!this.step(node, answer, now)) return false
        if (!answer.isDone) isBusy = true
        if (this.options.clock() >= end) return isBusy
      }
    }
    return false
  }

  /** Sends the next part of an answer, or its end; false if that is not possible now. */
  private step(node: string, answer: Answer, now: number): boolean {
    const { walk, ticket, parts, sent } = answer
    const { sender, subjects } = this.options
    if (sent === parts.length) {
      if (walk.isDone || sent === SEGMENT_PARTS) return this.finish(node, answer)
      const second = Math.floor(now / 1000)
      const records = walk.next(this.words, BATCH_HEAD_WORDS, BATCH_RECORDS_MAX, second)
      if (records === 0) return true
      const { ipv4, ageUnit } = walk
      const head = {
        ...{ purpose: PURPOSE_CATCH_UP, sequence: sent, ticket },
        ipv4,
        records,
        ageUnit,
      }
      parts.push(sender.finish(this.words, head, now).slice())
    }
    const words = parts[sent]
    words[BATCH_TICKET] = ticket
    if (!sender.publish(subjects.answer(node), words, now)) return false
    answer.sent++
    answer.askedAt = now
    this.counts.parts++
    return true
  }

  private finish(node: string, answer: Answer): boolean {
    const { walk, ticket, segment, parts, heard } = answer
    const { start } = this.options
    const isLast = walk.isDone
    answer.isDone = this.reply(node, {
      ...{ kind: END_OF_SEGMENT, ticket, start },
      ...{ segment, isLast, parts: parts.length, heard },
    })
    return answer.isDone
  }

  private reply(node: string, message: Control): boolean {
    return this.options.engine.publish(this.options.subjects.answer(node), writeControl(message))
  }
}
