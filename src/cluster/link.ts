// The protocol between the nodes of a cluster, without an engine and without swarms: those are given. Called by worker.ts
// many times a second, and by the engine with what comes in; tests run many of them in simulated time. Owns what is known of
// the others. Nothing in it waits, and nothing waits for it.
//
//  engine ─► heard ─► Nodes: which run, which sequence, how late ─► Records.apply
//  Records.take ─► Sender: numbered batches, kept for who misses them ─► engine
//  Asking: what this node has missed     Answering: what others have     Presence: whether the name is free
//  Survivors: who has heard more of a node that has ended               ClusterClock: seconds that all agree on
import { Answering } from './answering.ts'
import { Asking } from './asking.ts'
import { Batch } from './batch.ts'
import type { ClusterClock } from './cluster-clock.ts'
import { ASK_BATCHES, ASK_WALK, HEARD, type Heard, isControl, readControl } from './control.ts'
import type { Engine } from './engine.ts'
import { EngineWatch } from './engine-watch.ts'
import { isAfter } from './holes.ts'
import { BATCH_FLAGS, FLAG_LEAVING, PURPOSE_CATCH_UP } from './layout.ts'
import { APPLY, type Node, Nodes } from './nodes.ts'
import { nameTaken, Presence, type PresenceState } from './presence.ts'
import type { Records } from './records.ts'
import { Sender } from './sender.ts'
import { type Subjects, senderOf, subjectsOf } from './subjects.ts'
import { heardOf, Survivors } from './survivors.ts'
import { boundedTell, type Tell } from './telling.ts'
import { BATCH_GOOD, BATCH_RESULTS } from './unpack.ts'

/** This process stood still for longer. */
const PAUSE_MILLISECONDS = 2000
/** Messages that are kept until they can be read: of two seconds, usually. What is beyond is asked for again. */
const EARLY_MAX = 256
/** An operator is told of a node that is silent for so long. */
const MISSED_MILLISECONDS = 10_000
/** Whoever was silent for longer than peers are kept has nothing any more that could be missed. */
const FORGET_PEER_AGES = 1

export interface LinkOptions {
  readonly node: string
  readonly subject: string
  readonly engine: Engine
  readonly records: Records
  readonly clusterClock: ClusterClock
  /** In seconds. */
  readonly maxPeerAge: number
  /** For batches that others may have missed (sender.ts). */
  readonly sentBytesMax?: number
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly tell: Tell
}

export class Link {
  readonly counts = { messages: 0, bytes: 0, badControls: 0, strangers: 0, tooManyNodes: 0 }
  /** Batches and beats, by what became of them (unpack.ts). */
  readonly results = BATCH_RESULTS.map(() => 0)
  readonly nodes = new Nodes()
  readonly watch: EngineWatch
  /** In milliseconds, for all batches so far. */
  applyTime = 0
  readonly sender: Sender
  readonly asking: Asking
  readonly answering: Answering
  private readonly survivors: Survivors
  private readonly options: LinkOptions
  private readonly subjects: Subjects
  private readonly start: number
  private readonly presence: Presence
  private readonly batch = new Batch()
  private readonly early: { node: string; bytes: Uint8Array; subject: string }[] = []
  private maxPeerAge: number
  private turnedAt: number
  private wasJoined = false

  constructor(given: LinkOptions) {
    const options = { ...given, tell: boundedTell(given.tell, given.clock) }
    const { engine, records, clock, random, maxPeerAge, tell, sentBytesMax } = options
    const { clusterClock } = options
    this.options = options
    this.maxPeerAge = maxPeerAge
    this.start = 1 + Math.floor(random() * (2 ** 32 - 1))
    this.presence = new Presence(this.start)
    this.subjects = subjectsOf(options.subject, options.node)
    this.turnedAt = clock()
    this.watch = new EngineWatch(engine, tell, this.turnedAt)
    const { subjects, nodes, start } = this
    const startedAt = this.turnedAt
    const subject = subjects.log
    const run = { start, startedAt, maxPeerAge, sentBytesMax }
    this.sender = new Sender({ engine, records, clusterClock, subject, ...run })
    const asks = { engine, nodes, subjects, start, maxPeerAge, random }
    this.asking = new Asking({ ...asks, tell: (text) => tell('info', text) })
    const heard = () => this.heardOfAll()
    const { sender } = this
    this.answering = new Answering({ engine, records, sender, subjects, start, clock, heard })
    this.survivors = new Survivors({ engine, nodes, subjects, start })
    const { logs, requests, answers, commonAnswers } = subjects
    for (const some of [logs, requests, answers, commonAnswers]) {
      engine.subscribe(some, (bytes, from) => this.heard(bytes, from))
    }
  }

  get state(): PresenceState {
    return this.options.engine.isConnected() ? this.presence.state : 'offline'
  }

  get isNameTaken(): boolean {
    return this.presence.isTaken
  }

  /** What is due. True if more can be done at once. */
  turn(): boolean {
    const now = this.options.clock()
    if (now - this.turnedAt > PAUSE_MILLISECONDS) this.nodes.excuse(now)
    this.turnedAt = now
    this.watchEngine(now)
    this.presence.turn(now)
    this.watchPresence(now)
    this.watchNodes(now)
    const isJoined = this.mayTell(now)
    if (this.early.length > 0 && this.options.clusterClock.isSettled) this.hearEarly(now)
    this.sender.isWhole = !this.asking.isNew && this.nodes.areWhole(now)
    const heard = this.nodes.heard(now)
    for (const node of heard) node.isOneOfSeveral = heard.length > 1
    const isSending = this.sender.turn(now, heard.length)
    if (!isJoined || !this.options.engine.isConnected()) return isSending
    this.asking.turn(now)
    this.survivors.turn(now)
    return this.answering.turn(now) || isSending
  }

  /** In seconds: what is older is neither kept for others nor asked for. */
  setMaxPeerAge(maxPeerAge: number): void {
    this.maxPeerAge = maxPeerAge
    this.asking.maxPeerAge = maxPeerAge
    this.sender.sent.millisecondsMax = maxPeerAge * 1000
  }

  /** Before the engine is closed. */
  leave(): void {
    this.sender.leave(this.options.clock())
  }

  private heard(bytes: Uint8Array, subject: string): void {
    this.counts.messages++
    this.counts.bytes += bytes.length
    const name = senderOf(subject)
    const now = this.options.clock()
    if (name === '') {
      this.counts.strangers++
      return
    }
    if (name === this.options.node) {
      this.heardOwnName(bytes, now)
      return
    }
    const node = this.nodes.meet(name, now)
    if (node === null) this.counts.tooManyNodes++
    else if (!node.mayTalk(now)) return
    else if (isControl(bytes)) this.heardControl(node, bytes, now)
    else this.heardBatch(node, bytes, subject, now)
  }

  private readBatch(bytes: Uint8Array): boolean {
    const result = this.batch.read(bytes)
    this.results[result]++
    return result === BATCH_GOOD
  }

  /** What came while this node had no clock to read it by. */
  private hearEarly(now: number): void {
    for (const { node: name, bytes, subject } of this.early.splice(0)) {
      const node = this.nodes.get(name)
      if (node !== undefined) this.heardBatch(node, bytes, subject, now)
    }
  }

  /** This node's own messages do not come back, so another one has the name. */
  private heardOwnName(bytes: Uint8Array, now: number): void {
    const { batch } = this
    if (isControl(bytes) || !this.readBatch(bytes) || batch.start === this.start) return
    const isLeaving = (batch.words[BATCH_FLAGS] & FLAG_LEAVING) !== 0
    this.presence.heardOwnName(batch.start, isLeaving, now)
  }

  private heardBatch(node: Node, bytes: Uint8Array, subject: string, now: number): void {
    const { batch } = this
    if (!this.readBatch(bytes)) return
    if (batch.purpose === PURPOSE_CATCH_UP) {
      this.heardPart(node, now)
      return
    }
    const isAgain = subject !== `${this.options.subject}.log.${node.name}`
    if (!this.options.clusterClock.isSettled && this.early.length < EARLY_MAX) {
      this.early.push({ node: node.name, bytes: bytes.slice(), subject })
    }
    const run = this.nodes.runOf(node, batch.start, isAgain, now)
    if (run !== null) this.heardLog(run, isAgain, node.start, now)
  }

  private heardPart(node: Node, now: number): void {
    if (!this.options.clusterClock.hear(this.batch, false, now)) return
    if (!this.asking.part(node, this.batch, now)) return
    this.apply(now)
    this.asking.heardOf(node, null, now)
  }

  private heardLog(node: Node, isAgain: boolean, start: number, now: number): void {
    const { batch } = this
    const { hasLeft } = node
    const { highest } = node.holes
    const isReadable = this.options.clusterClock.hear(batch, !isAgain, now)
    if (node.hear(batch, isAgain, isReadable, now) === APPLY) {
      node.took(this.apply(now), now)
      const wasMissing = node.start === start && !isAfter(batch.sequence, highest)
      if (wasMissing) this.asking.filled(node, batch.sequence, now)
    }
    this.tellOfNode(node, start, hasLeft)
  }

  /** Returns how many milliseconds it has taken. */
  private apply(now: number): number {
    const { batch } = this
    const second = Math.floor(now / 1000)
    const { clock, clusterClock, records } = this.options
    const begin = clock()
    records.apply(batch.words, clusterClock.addedAge(batch, second), second)
    const took = clock() - begin
    this.applyTime += took
    return took
  }

  private heardControl(node: Node, bytes: Uint8Array, now: number): void {
    const message = readControl(bytes)
    if (message === null) {
      this.counts.badControls++
      return
    }
    const { kind } = message
    if (kind === ASK_BATCHES || kind === ASK_WALK) {
      if (message.start !== this.start || !this.presence.hasName) return
      if (kind === ASK_BATCHES) this.answering.askForBatches(node.name, message.ranges, now)
      else this.answering.askForWalk(node.name, message, now)
      return
    }
    if (kind === HEARD) this.survivors.heard(node, message.heard, now)
    else this.asking.heardOf(node, message, now)
  }

  private heardOfAll(): Heard[] {
    const { node: name } = this.options
    const others = heardOf([...this.nodes.all(), ...this.nodes.ended])
    const sequence = (this.sender.sent.next - 1) >>> 0
    return [...others, { name, start: this.start, sequence, highest: sequence, missing: 0 }]
  }

  private watchEngine(now: number): void {
    if (!this.watch.turn(now)) return
    if (this.watch.isConnected) {
      this.presence.connected(now)
      this.nodes.excuse(now)
    } else this.presence.disconnected()
  }

  private watchPresence(now: number): void {
    const { node, tell } = this.options
    const { hasName } = this.presence
    if (hasName && !this.wasJoined) tell('info', `joined as ${node}`)
    if (this.presence.mustTell(now)) {
      const seconds = Math.round(this.presence.takenFor(now) / 1000)
      tell('error', `${nameTaken(node)}${seconds === 0 ? '' : ` (for ${seconds} s so far)`}`)
    }
    this.wasJoined = hasName
  }

  /** Whether this node may speak. */
  private mayTell(now: number): boolean {
    const { clusterClock, random } = this.options
    const { sender, presence } = this
    if (presence.hasName) clusterClock.begin(random(), now)
    const mayTell = presence.hasName && clusterClock.isSettled
    if (mayTell && !sender.mayTell) sender.join()
    sender.mayTell = mayTell
    return mayTell
  }

  private watchNodes(now: number): void {
    if (!this.options.engine.isConnected()) return
    for (const node of this.nodes.all()) {
      if (node.hasLeft || node.isMissed || node.silence(now) < MISSED_MILLISECONDS) continue
      node.isMissed = true
      const seconds = Math.round((now - node.heardAt) / 1000)
      this.options.tell('warning', `nothing from ${node.name} for ${seconds} s`)
    }
    this.nodes.forget(now, this.maxPeerAge * 1000 * FORGET_PEER_AGES)
  }

  private tellOfNode(node: Node, start: number, hadLeft: boolean): void {
    const { tell } = this.options
    const { name } = node
    if (node.start !== start)
      tell('info', `hears ${name}${start === 0 ? '' : ', which has started anew'}`)
    else if (node.hasLeft && !hadLeft) tell('info', `${name} has left`)
    else if (node.isMissed) tell('info', `hears ${name} again`)
    node.isMissed = false
  }
}
