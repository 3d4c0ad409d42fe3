// The other nodes, as far as they have been heard: which of their runs, which batches are missing, how late they are.
// Owned by link.ts, which decides what follows. Bounded in number.
import type { Batch } from './batch.ts'
import { ClockDifference } from './clock-difference.ts'
import { NODES_MAX } from './control.ts'
import { type Extent, Holes, isAfter } from './holes.ts'
import { BATCH_FLAGS, BATCH_OLDEST, BATCH_UPTIME, FLAG_LEAVING, FLAG_WHOLE } from './layout.ts'
import { Rate } from './rate.ts'

/** Nodes beat each second. */
export const SILENT_MILLISECONDS = 3500

/**
 * A node that starts listens for longer than this before it sends anything (presence.ts). So what comes of another start sooner
 * is of a second node with the same name, or has been delayed.
 */
const NEW_START_MILLISECONDS = 1500

/**
 * Of one node and second, with some seconds' worth at once: what it has kept of an outage. Peers that announce every quarter of an
 * hour and are so many fill a machine.
 */
const RECORDS_PER_SECOND = 300_000
const BURST_MILLISECONDS = 10_000
/**
 * Of this thread's time, one node's records may take so much while others are heard, whose messages wait behind its own. On a
 * machine that is slow or busy the limit above would be too much.
 */
const TIME_SHARE = 0.5
/**
 * Messages of any kind, of one node and second: the largest stream has 2000, and answers as many again. What is beyond is not
 * looked at.
 */
const MESSAGES_PER_SECOND = 10_000
const MESSAGES_BURST_MILLISECONDS = 5000

/** Who has never said what can be used is forgotten after so long. */
const UNHEARD_MILLISECONDS = 10_000

/**
 * What is missing of a node has others walk through all swarms, and only it decides how often something is missing. So many in
 * a row at once; then pauses of twice as long each time, until there was none for twice as long as the longest.
 */
const WALKS_AT_ONCE = 6
const WALK_PAUSE_MILLISECONDS = 4000
const WALK_PAUSE_MAX_MILLISECONDS = 60_000

/**
 * Asked so often in a row for batches without any answer, within some seconds: it may be heard and hear nothing. What others have
 * heard of it is learnt from them then, while it is asked again.
 */
const UNANSWERED_MAX = 3

/** Earlier sequences than this many cannot be told from later ones. */
const FIRST_HOLE_MAX = 2 ** 30

// What to do with a batch.
export const APPLY = 0
export const KNOWN = 1
export const OTHER_CLOCK = 2
export const OVER_LIMIT = 3

/** Of what others had heard of one run: more than nodes, as that changes. */
const TAKEN_MAX = 4 * NODES_MAX

function keyOf(name: string, { sequence, highest, missing }: Extent): string {
  return `${name} ${sequence} ${highest} ${missing}`
}

export type NodeCounts = ReturnType<typeof noCounts>

function noCounts() {
  return { batches: 0, records: 0, known: 0, otherStart: 0, overLimit: 0, gaps: 0 }
}

/** When there may be another walk for what is missing. */
class WalkPauses {
  /** In a row, and the last one. */
  private walks = 0
  private walkedAt = 0

  isOver(now: number): boolean {
    const over = this.walks - WALKS_AT_ONCE
    const pause =
      over < 0 ? 0 : Math.min(WALK_PAUSE_MILLISECONDS * 2 ** over, WALK_PAUSE_MAX_MILLISECONDS)
    return now >= this.walkedAt + pause
  }

  walked(now: number): void {
    if (now - this.walkedAt > 2 * WALK_PAUSE_MAX_MILLISECONDS) this.walks = 0
    // One may be for several runs.
    if (now !== this.walkedAt) this.walks++
    this.walkedAt = now
  }

  copy(): WalkPauses {
    return Object.assign(new WalkPauses(), this)
  }
}

export class Node {
  readonly name: string
  /** When something has come of it that had its name. */
  readonly metAt: number
  /** Of its run, as it chose it; 0 = nothing that can be used has come. */
  start = 0
  holes = new Holes(0)
  heardAt = Number.NEGATIVE_INFINITY
  /** Before that nobody could have been heard. */
  excusedAt = Number.NEGATIVE_INFINITY
  /** Milliseconds that its last batch or beat took longer than its fastest. */
  lag = 0
  /** The oldest batch that it can send again. */
  oldest = 1
  hasLeft = false
  /** It has missed nothing of the nodes that it hears. */
  isWhole = false
  /** Others are heard too. */
  isOneOfSeveral = false
  /** The operator has been told of its silence. */
  isMissed = false
  /** When it may be asked for batches again, and how long it then has. */
  askAt = 0
  patience = 0
  /** The last sequence that it has been asked for. */
  askedTo = 0
  /** How often it has been asked for batches since it last sent any again. */
  unanswered = 0
  /** Not to be asked for a walk before. */
  avoidUntil = 0
  /** How often in a row it has said that it has other walks. */
  busyAnswers = 0
  /** This run of the node has ended: another one has begun, or it is known from others only. */
  hasEnded = false
  /** Who has heard something else of this run, now that it is silent; '' if nobody is known. */
  heardMore = ''
  /** What others had heard of it that this node has taken over. */
  private readonly taken = new Set<string>()
  /** Another node's walk did not have what is missing. */
  mustBeAskedItself = false
  /** While it was silent. */
  wasSoughtElsewhere = false
  readonly counts: NodeCounts
  private readonly clock = new ClockDifference()
  private readonly records = new Rate(RECORDS_PER_SECOND, BURST_MILLISECONDS)
  private readonly time = new Rate(TIME_SHARE * 1000, BURST_MILLISECONDS)
  private readonly messages = new Rate(MESSAGES_PER_SECOND, MESSAGES_BURST_MILLISECONDS)
  pauses = new WalkPauses()

  constructor(name: string, now: number, counts: NodeCounts = noCounts()) {
    this.name = name
    this.metAt = now
    this.counts = counts
  }

  isHeard(now: number): boolean {
    return !this.hasEnded && !this.hasLeft && this.silence(now) < SILENT_MILLISECONDS
  }

  /** Whether what comes of another start can be of a new run. */
  mayEnd(now: number): boolean {
    return this.start === 0 || this.hasLeft || now - this.heardAt >= NEW_START_MILLISECONDS
  }

  /** For how long nothing has come although it could have, in milliseconds. */
  silence(now: number): number {
    return now - Math.max(this.heardAt, this.excusedAt)
  }

  /** Since when something is missing, or may be. */
  missedSince(): number {
    const holes = this.holes.list.map((hole) => hole.since)
    return Math.min(...holes, ...(this.heardMore === '' ? [] : [this.heardAt - this.lag]))
  }

  /** All that another node had heard of it has been taken over. */
  take(name: string, extent: Extent): void {
    this.holes.filledTo(extent.sequence)
    if (this.taken.size < TAKEN_MAX) this.taken.add(keyOf(name, extent))
    if (this.heardMore === name) this.heardMore = ''
  }

  /** Whether another node has something of it that this one may not have. */
  isMore(name: string, extent: Extent): boolean {
    if (!isAfter(extent.highest, this.holes.wholeTo())) return false
    const own = this.holes.extent()
    const isSame = own.sequence === extent.sequence && own.highest === extent.highest
    if (isSame && own.missing === extent.missing) return false
    return !this.taken.has(keyOf(name, extent)) && this.taken.size < TAKEN_MAX
  }

  /** Something has been missing of it for so long that it cannot send it again, or it does not answer. */
  needsWalk(now: number): boolean {
    if (!this.pauses.isOver(now)) return false
    if (!this.isHeard(now)) {
      return this.heardMore !== '' || !(this.holes.isWhole() || this.wasSoughtElsewhere)
    }
    if (this.holes.isWhole()) return false
    return !this.answers || isAfter(this.oldest, this.holes.list[0].from)
  }

  get answers(): boolean {
    return this.unanswered < UNANSWERED_MAX
  }

  /** Another node has been asked for a walk for what is missing of this one. */
  soughtByWalk(now: number): void {
    this.pauses.walked(now)
  }

  /** Whether a message, of whatever kind, is looked at. */
  mayTalk(now: number): boolean {
    const may = this.messages.take(1, now)
    if (!may) this.counts.overLimit++
    return may
  }

  /**
   * Takes note of a batch or a beat of this run; returns whether to apply it. `isAgain`: it was not sent to everybody, so it
   * tells nothing of how long messages take. `isReadable`: its seconds are those of this node's clock (cluster-clock.ts).
   */
  hear(batch: Batch, isAgain: boolean, isReadable: boolean, now: number): number {
    const { words, sequence, records, sent } = batch
    const uptime = (words[BATCH_UPTIME] >>> 0) * 1000
    if (this.start === 0) this.begin(batch, now - uptime, now)
    if (isAgain) this.unanswered = 0
    else this.lag = this.clock.heard(sent, now)
    const since = Math.max(this.heardAt, now - uptime) - this.lag
    const holes = this.holes.list.length
    const isNew = records > 0 && !this.holes.has(sequence)
    const result = isNew ? this.judge(records, isReadable, now) : KNOWN
    if (result === APPLY) this.holes.arrived(sequence, since, now)
    // What is not taken is asked for again.
    else this.holes.exists(sequence, since, now)
    if (this.holes.list.length > holes) this.counts.gaps++
    this.heardAt = now
    this.wasSoughtElsewhere = false
    this.heardMore = ''
    this.oldest = words[BATCH_OLDEST] >>> 0
    this.hasLeft = (words[BATCH_FLAGS] & FLAG_LEAVING) !== 0
    this.isWhole = (words[BATCH_FLAGS] & FLAG_WHOLE) !== 0
    if (!isNew && records > 0) this.counts.known++
    return result
  }

  /** Its records have taken so long to apply. */
  took(milliseconds: number, now: number): void {
    this.time.spend(milliseconds, now)
  }

  /** Another run of a node: what one node may say and ask for does not begin anew. */
  succeed(node: Node): void {
    this.records.succeed(node.records)
    this.time.succeed(node.time)
    this.messages.succeed(node.messages)
    this.pauses = node.pauses.copy()
    this.isOneOfSeveral = node.isOneOfSeveral
  }

  private isOverLimit(now: number): boolean {
    return this.records.isOverspent(now) || (this.isOneOfSeveral && this.time.isOverspent(now))
  }

  private begin({ start, records, sequence }: Batch, since: number, now: number): void {
    this.start = start
    const known = records > 0 ? (sequence - 1) >>> 0 : sequence
    this.holes = new Holes((known - Math.min(known, FIRST_HOLE_MAX)) >>> 0)
    this.holes.exists(known, since, now)
  }

  private judge(records: number, isReadable: boolean, now: number): number {
    if (!isReadable) return OTHER_CLOCK
    if (this.isOverLimit(now)) {
      this.counts.overLimit++
      return OVER_LIMIT
    }
    this.records.spend(records, now)
    this.counts.batches++
    this.counts.records += records
    return APPLY
  }
}

export class Nodes {
  /** Runs that have ended, of which somebody may have heard more than another: the oldest first. */
  readonly ended: Node[] = []
  private readonly byName = new Map<string, Node>()
  private readonly hearsayPauses = new WalkPauses()

  /** Null if there are too many. */
  meet(name: string, now: number): Node | null {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    if (this.byName.size >= NODES_MAX) return null
    const node = new Node(name, now)
    this.byName.set(name, node)
    return node
  }

  get(name: string): Node | undefined {
    return this.byName.get(name)
  }

  /** The run of a node that a batch is of; null if it cannot be of one that goes on. */
  runOf(node: Node, start: number, isAgain: boolean, now: number): Node | null {
    if (start === node.start) return node
    // What was sent again says nothing of who is there.
    const former = this.find(node.name, start)
    const wasHeard = former !== undefined && former.heardAt > Number.NEGATIVE_INFINITY
    if (isAgain || !node.mayEnd(now) || (wasHeard && node.isHeard(now))) {
      node.counts.otherStart++
      return null
    }
    if (node.start === 0 && former === undefined) return node
    const next = former ?? new Node(node.name, now, node.counts)
    next.hasEnded = false
    next.succeed(node)
    if (former !== undefined) this.ended.splice(this.ended.indexOf(former), 1)
    this.byName.set(node.name, next)
    if (node.start !== 0) this.end(node)
    return next
  }

  /** A run that this node knows from others only, who may have made it up: all of those are sought as if they were one. */
  hearsay(name: string, start: number, now: number): Node {
    const run = new Node(name, now)
    run.start = start
    run.pauses = this.hearsayPauses
    this.end(run)
    return run
  }

  /** A run that goes on, or has ended. */
  find(name: string, start: number): Node | undefined {
    const node = this.byName.get(name)
    if (node?.start === start) return node
    return this.ended.find((run) => run.name === name && run.start === start)
  }

  private end(run: Node): void {
    run.hasEnded = true
    this.ended.push(run)
    if (this.ended.length <= NODES_MAX) return
    // Those that only others have told of make room first.
    const hearsay = this.ended.findIndex(({ heardAt }) => heardAt === Number.NEGATIVE_INFINITY)
    this.ended.splice(Math.max(hearsay, 0), 1)
  }

  /** That have been heard. */
  all(): Node[] {
    return [...this.byName.values()].filter(({ start }) => start !== 0)
  }

  heard(now: number): Node[] {
    return this.all().filter((node) => node.isHeard(now))
  }

  /** Whether nothing is missing of those that are heard. */
  areWhole(now: number): boolean {
    return this.all().every((node) => node.holes.isWhole() || !node.isHeard(now))
  }

  /** Those that have been silent for so long that all their peers have expired. */
  forget(now: number, milliseconds: number): void {
    for (const { name, start, heardAt, metAt } of this.byName.values()) {
      const isOver = start === 0 ? now - metAt > UNHEARD_MILLISECONDS : now - heardAt > milliseconds
      if (isOver) this.byName.delete(name)
    }
    const isOver = ({ heardAt, metAt }: Node) => now - Math.max(heardAt, metAt) > milliseconds
    while (this.ended.length > 0 && isOver(this.ended[0])) this.ended.shift()
  }

  /** This process stood still, or had no engine: that nobody was heard meanwhile means nothing. */
  excuse(now: number): void {
    for (const node of this.all()) node.excusedAt = now
  }
}
