// Asks other nodes for what this one has missed. Called by link.ts. What a node can send again is asked for by its sequences;
// for the rest somebody has to walk through all swarms.
//
// One walk at a time. Whoever walks says how far it has heard each node, so its answer closes the holes of all those
// nodes: a new node needs one walk and not one for each node, and one of the nodes that were not cut off answers for all. A node
// that is new itself does not know what was before, so it answers only if there is no other. The
// walk comes in segments, each asked for when the last one has been taken over: so it is never faster than this node, and
// what gets lost of it is one segment.

import type { Batch } from './batch.ts'
import {
  ASK_BATCHES,
  ASK_WALK,
  BUSY,
  type Control,
  END_OF_SEGMENT,
  type Heard,
  RANGES_MAX,
  writeControl,
} from './control.ts'
import type { Engine } from './engine.ts'
import { isAfter } from './holes.ts'
import { SEGMENT_PARTS } from './layout.ts'
import type { Node, Nodes } from './nodes.ts'
import type { Subjects } from './subjects.ts'

/** What comes in another order than it was sent is not missing. */
const GRACE_MILLISECONDS = 300
const PATIENCE_MILLISECONDS = 1000
const PATIENCE_MAX_MILLISECONDS = 16_000
/** As many as the node that is asked sends for one request. */
const BATCHES_MAX = 2048

/** Nodes that missed the same ask at different times, and by then have heard of all the others. */
const WALK_AFTER_MILLISECONDS = 1500
const WALK_SPREAD_MILLISECONDS = 2000
const SEGMENT_MILLISECONDS = 3000
/** Of the same segment. */
const TRIES_MAX = 3
const AVOID_MILLISECONDS = 10_000
/** Who answers again and again that it has other walks is asked at longer intervals: up to half a minute. */
const BUSY_DOUBLINGS_MAX = 4
/** If all are new, as after all were off, each may have kept something else on disk. */
const NEW_SOURCES_MAX = 3
/** For records that had waited where they came from, and for the precision of ages. */
const MARGIN_SECONDS = 15

interface Walk {
  readonly source: Node
  /** That had missed nothing. */
  readonly isOfWhole: boolean
  readonly start: number
  /** What was missed after this is in it. */
  readonly since: number
  readonly begunAt: number
  /** Of the walk, for who walks. */
  readonly number: number
  ticket: number
  segment: number
  tries: number
  heardAt: number
  /** Numbers of the parts that have come. */
  readonly parts: Set<number>
  end: (Control & { kind: typeof END_OF_SEGMENT }) | null
  heard: readonly Heard[]
}

export interface AskingOptions {
  readonly engine: Engine
  readonly nodes: Nodes
  readonly subjects: Subjects
  readonly maxPeerAge: number
  /** Of this node. */
  readonly start: number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly tell: (text: string) => void
}

export class Asking {
  readonly counts = { requests: 0, walks: 0, parts: 0, failed: 0 }
  /** In seconds. */
  maxPeerAge: number
  private readonly options: AskingOptions
  /** It has nothing yet of what the others have heard, also of nodes that are gone. */
  isNew = true
  /** Of new nodes, the starts of those that it has asked. */
  private readonly askedNew = new Set<number>()
  private walk: Walk | null = null
  /** When the next walk may begin; 0 = none is needed. */
  private walkAt = 0
  private ticket = 0

  constructor(options: AskingOptions) {
    this.options = options
    this.maxPeerAge = options.maxPeerAge
  }

  get isWalking(): boolean {
    return this.walk !== null
  }

  turn(now: number): void {
    for (const node of this.options.nodes.all()) this.askForBatches(node, now)
    if (this.walk === null) this.beginWalk(now)
    else this.tendWalk(this.walk, now)
  }

  /** A batch that was missing has come. */
  filled(node: Node, sequence: number, now: number): void {
    node.patience = PATIENCE_MILLISECONDS
    node.askAt = sequence === node.askedTo ? now : now + PATIENCE_MILLISECONDS
  }

  /** A part of a walk; whether to apply it. */
  part(node: Node, { start, ticket, sequence }: Batch, now: number): boolean {
    const { walk } = this
    if (walk === null || node !== walk.source || sequence >= SEGMENT_PARTS) return false
    if (start !== walk.start || ticket !== walk.ticket || walk.parts.has(sequence)) return false
    walk.parts.add(sequence)
    walk.heardAt = now
    this.counts.parts++
    return true
  }

  /** After a part has been applied, or when a control message has come. */
  heardOf(node: Node, message: Control | null, now: number): void {
    const { walk } = this
    if (walk === null || node !== walk.source) return
    if (message !== null && (message.ticket !== walk.ticket || message.start !== walk.start)) return
    if (message?.kind === BUSY) {
      const spread =
        WALK_SPREAD_MILLISECONDS * 2 ** Math.min(node.busyAnswers++, BUSY_DOUBLINGS_MAX)
      node.avoidUntil = now + spread * this.options.random()
      this.endWalk(now)
      return
    }
    if (message?.kind === END_OF_SEGMENT && message.segment === walk.segment) {
      // Otherwise a walk of nothing could go on for ever.
      if (!message.isLast && message.parts !== SEGMENT_PARTS) return
      walk.end = message
      walk.heardAt = now
    }
    const { end } = walk
    if (end === null || walk.parts.size < end.parts) return
    if (end.segment === 0) walk.heard = end.heard
    walk.segment++
    walk.tries = 0
    if (end.isLast) this.finishWalk(walk, now)
    else this.askForSegment(walk, now)
  }

  private askForBatches(node: Node, now: number): void {
    const { holes, oldest, start } = node
    if (holes.isWhole() || !node.isHeard(now) || now < node.askAt) return
    const ranges: { from: number; to: number }[] = []
    let left = BATCHES_MAX
    for (const { from, to, noticed } of holes.list) {
      const first = isAfter(oldest, from) ? oldest : from
      if (isAfter(first, to) || now - noticed < GRACE_MILLISECONDS) continue
      if (left === 0 || ranges.length === RANGES_MAX) break
      const last = Math.min((to - first) >>> 0, left - 1)
      ranges.push({ from: first, to: (first + last) >>> 0 })
      left -= last + 1
    }
    const last = ranges.at(-1)
    if (last === undefined) return
    node.unanswered++
    node.askedTo = last.to
    node.patience = Math.min(node.patience * 2 || PATIENCE_MILLISECONDS, PATIENCE_MAX_MILLISECONDS)
    node.askAt = now + node.patience
    if (!node.answers) node.avoidUntil = node.askAt
    this.ask(node, { kind: ASK_BATCHES, ticket: ++this.ticket, start, ranges })
  }

  private beginWalk(now: number): void {
    const { nodes, random } = this.options
    const lacking = [...nodes.all(), ...nodes.ended].filter((node) => node.needsWalk(now))
    const isNew = this.isNew && nodes.heard(now).length > 0
    if (lacking.length === 0 && !isNew) {
      this.walkAt = 0
      return
    }
    if (this.walkAt === 0) {
      this.walkAt = now + WALK_AFTER_MILLISECONDS + WALK_SPREAD_MILLISECONDS * random()
    }
    if (now < this.walkAt) return
    const source = this.chooseSource(lacking, now)
    if (source === undefined) return
    const missing = lacking.map((node) => node.missedSince())
    const since = this.isNew ? Number.NEGATIVE_INFINITY : Math.min(...missing)
    this.counts.walks++
    for (const node of lacking) node.soughtByWalk(now)
    this.walk = {
      ...{ source, start: source.start, since, begunAt: now, number: this.ticket },
      isOfWhole: source.isWhole,
      ...{ ticket: 0, segment: 0, tries: 0, heardAt: now, parts: new Set(), end: null, heard: [] },
    }
    this.askForSegment(this.walk, now)
  }

  /** One that has missed nothing answers for all; if none has, each answers for itself. */
  private chooseSource(lacking: readonly Node[], now: number): Node | undefined {
    const all = this.options.nodes.heard(now)
    const heard = all.filter((node) => node.avoidUntil <= now)
    const whole = heard.filter((node) => node.isWhole)
    const alone = lacking.filter((node) => node.mustBeAskedItself && heard.includes(node))
    const told = heard.filter(({ name }) => lacking.some(({ heardMore }) => heardMore === name))
    const itself = lacking.filter((node) => heard.includes(node))
    const unasked = all.some((node) => node.isWhole)
      ? whole
      : heard.filter(({ start }) => !this.askedNew.has(start))
    const choices = this.isNew ? [unasked] : [alone, told, whole, itself, heard]
    const from = choices.find((some) => some.length > 0) ?? []
    return from[Math.floor(this.options.random() * from.length)]
  }

  private askForSegment(walk: Walk, now: number): void {
    walk.ticket = ++this.ticket
    walk.parts.clear()
    walk.end = null
    walk.heardAt = now
    const { ticket, start, segment, source, number } = walk
    // Back from now: it may be asked again much later, when whoever walks has to begin anew.
    const missed = Math.ceil((now - walk.since) / 1000) + MARGIN_SECONDS
    const seconds = Math.min(this.maxPeerAge, missed)
    this.ask(source, { kind: ASK_WALK, ticket, start, seconds, segment, walk: number })
  }

  private tendWalk(walk: Walk, now: number): void {
    const { source } = walk
    // The end has come before something that was sent before it, or without it.
    const patience = walk.end === null ? SEGMENT_MILLISECONDS : GRACE_MILLISECONDS
    if (source.start === walk.start && now - walk.heardAt < patience) return
    walk.tries++
    if (source.start === walk.start && source.isHeard(now) && walk.tries < TRIES_MAX) {
      this.askForSegment(walk, now)
      return
    }
    source.avoidUntil = now + AVOID_MILLISECONDS
    this.counts.failed++
    this.endWalk(now)
  }

  private endWalk(now: number): void {
    this.walk = null
    this.walkAt = now + WALK_SPREAD_MILLISECONDS * this.options.random()
  }

  private finishWalk(walk: Walk, now: number): void {
    const { nodes, tell } = this.options
    const { source, since, heard, begunAt } = walk
    source.busyAnswers = 0
    if (this.isNew) this.hasWalkedWhenNew(walk, now)
    for (const { name, start, ...extent } of heard) {
      if (start === this.options.start) continue
      const node = nodes.find(name, start) ?? nodes.hearsay(name, start, now)
      if (node.missedSince() >= since) node.take(source.name, extent)
    }
    for (const node of [...nodes.all(), ...nodes.ended]) {
      // Who had more is gone too.
      if (!nodes.get(node.heardMore)?.isHeard(now)) node.heardMore = ''
      if (!node.needsWalk(now)) node.mustBeAskedItself = false
      else if (node.isHeard(now)) node.mustBeAskedItself = true
      // Nobody else had it, so it is asked itself if it comes back.
      else node.wasSoughtElsewhere = true
    }
    const seconds = ((now - begunAt) / 1000).toFixed(1)
    tell(`took over from ${source.name} what was missed, in ${seconds} s`)
    this.endWalk(now)
  }

  private hasWalkedWhenNew({ isOfWhole, start }: Walk, now: number): void {
    const { askedNew } = this
    askedNew.add(start)
    const isRest = this.options.nodes.heard(now).some((node) => !askedNew.has(node.start))
    this.isNew = !isOfWhole && isRest && askedNew.size < NEW_SOURCES_MAX
  }

  private ask(node: Node, message: Control): void {
    this.counts.requests++
    this.options.engine.publish(this.options.subjects.request(node.name), writeControl(message))
  }
}
