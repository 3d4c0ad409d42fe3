// The protocol between nodes that share WebTorrent swarms. Called by sharing.ts many times a second, and by the engine with what
// comes in; tests run several of them in simulated time. Owns what is known of the others. Nothing waits for it.
//
// A peer is where its connection is. So each node alone says which peers it has, in messages with numbers, and needs to keep none
// of them: whoever has missed one asks for all, which are told beside what goes on. A node that is silent has no peers any more.
import { NODES_MAX } from '../../cluster/control.ts'
import type { Engine } from '../../cluster/engine.ts'
import { EngineWatch } from '../../cluster/engine-watch.ts'
import { nameTaken, Presence, type PresenceState } from '../../cluster/presence.ts'
import { type Subjects, senderOf, subjectsOf } from '../../cluster/subjects.ts'
import { boundedTell } from '../../cluster/telling.ts'
import { newRegion, type Region } from '../../memory/region.ts'
import type { ForeignPeers } from './foreign-peers.ts'
import {
  ANSWER,
  ASK,
  ASK_START,
  ASK_TICKET,
  checkMessage,
  FLAG_LEAVING,
  KIND,
  LOG,
  LOG_FLAGS,
  LOG_RECORDS_AT,
  MESSAGE_RESULTS,
  type MessageResult,
  MessageWriter,
  OFFER,
  PART,
  PART_RECORDS_AT,
  RECORDS_MAX,
  START,
  WORDS_MAX,
} from './messages.ts'
import type { NodeSlots } from './node-slots.ts'
import type { OwnPeers } from './own-peers.ts'
import type { OwnWalk } from './own-walk.ts'
import type { Relay } from './relay.ts'
import { WebNode } from './web-node.ts'

const BEAT_MILLISECONDS = 1000
/** Records wait so long for others to share their message. */
const FLUSH_MILLISECONDS = 50
const LOGS_PER_TURN = 16
/** This process stood still for longer. */
const PAUSE_MILLISECONDS = 2000
/** An operator is told of a node that is silent for so long. */
const MISSED_MILLISECONDS = 10_000
const FORGET_MILLISECONDS = 3_600_000

/** Nodes that are told everything at the same time. */
const WALKS_MAX = 4
/** Of one turn, for each of them: 100,000 a second. The table is locked meanwhile, as by a cleaning. */
const WALK_PEERS = 1000
/** A node may ask that often. */
const ASKED_MILLISECONDS = 1000

interface Answer {
  readonly ticket: number
  readonly walk: OwnWalk
  number: number
}

export interface WebLinkParts {
  readonly node: string
  readonly subject: string
  readonly engine: Engine
  readonly own: OwnPeers
  readonly newWalk: () => OwnWalk
  readonly slots: NodeSlots
  readonly peers: ForeignPeers
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly tell: (severity: 'info' | 'warning' | 'error', text: string) => void
}

export class WebLink {
  readonly counts = {
    ...{ messages: 0, batches: 0, records: 0, unsent: 0, lost: 0, walks: 0, strangers: 0 },
  }
  readonly results = Object.fromEntries(MESSAGE_RESULTS.map((name) => [name, 0])) as Record<
    MessageResult,
    number
  >
  readonly start: number
  readonly watch: EngineWatch
  private readonly parts: WebLinkParts
  private readonly subjects: Subjects
  private readonly presence: Presence
  private readonly nodes = new Map<string, WebNode>()
  private readonly byNumber = new Map<number, WebNode>()
  private readonly answers = new Map<string, Answer>()
  private readonly askedAt = new Map<string, number>()
  private readonly writer = new MessageWriter(WORDS_MAX)
  private readonly partRecords: Int32Array
  readonly relay: Relay
  private readonly message: Region
  private number = 0
  private ticket = 0
  private sequence = 0
  private turnedAt: number
  private flushedAt = 0
  private toldAt = 0
  private hadName = false

  constructor(given: WebLinkParts, newRelay: (link: WebLink) => Relay) {
    const parts = { ...given, tell: boundedTell(given.tell, given.clock) }
    this.parts = parts
    const { engine, random, clock } = parts
    const subjects = subjectsOf(parts.subject, parts.node)
    this.subjects = subjects
    this.start = 1 + Math.floor(random() * (2 ** 31 - 1))
    this.presence = new Presence(this.start)
    this.turnedAt = clock()
    this.watch = new EngineWatch(engine, parts.tell, this.turnedAt)
    this.partRecords = this.writer.words.subarray(PART_RECORDS_AT)
    this.relay = newRelay(this)
    this.message = newRegion(Math.max(WORDS_MAX * 4, this.relay.bytesMax) + 4)
    engine.subscribe(subjects.webLogs, (bytes, from) => this.heard(bytes, from, true))
    engine.subscribe(subjects.signals, (bytes, from) => this.heard(bytes, from, false))
  }

  get state(): PresenceState {
    return this.parts.engine.isConnected() ? this.presence.state : 'offline'
  }

  get isNameTaken(): boolean {
    return this.presence.isTaken
  }

  all(): WebNode[] {
    return [...this.nodes.values()]
  }

  nodeOf(slot: number, generation: number): WebNode | null {
    for (const node of this.nodes.values()) if (node.hasSlot(slot, generation)) return node
    return null
  }

  nodeByNumber(number: number): WebNode | null {
    return this.byNumber.get(number) ?? null
  }

  /** To one node. False if that is not possible now. */
  publish({ name }: Pick<WebNode, 'name'>, bytes: Uint8Array): boolean {
    const { engine } = this.parts
    if (!this.presence.hasName || !engine.isConnected()) return false
    this.counts.messages++
    return engine.publish(this.subjects.signal(name), bytes)
  }

  /** What is due. True if more can be done at once. */
  turn(): boolean {
    const now = this.parts.clock()
    const paused = now - this.turnedAt
    if (paused > PAUSE_MILLISECONDS) for (const node of this.all()) node.excuse(paused)
    this.turnedAt = now
    this.watchPresence(now)
    const isTelling = this.tellLog(now)
    this.tendNodes(now)
    const isAnswering = this.answer()
    const isSweeping = this.parts.peers.sweep()
    return isTelling || isAnswering || isSweeping
  }

  /** Others may be wanted now that were not. */
  listsChanged(): void {
    const now = this.parts.clock()
    for (const node of this.all()) node.askLater(now)
  }

  /** Before the engine is closed. */
  leave(): void {
    this.publishLog(0, FLAG_LEAVING)
    // In a drain the workers go on: no more offers for others.
    for (const node of this.all()) node.drop()
  }

  private watchPresence(now: number): void {
    const { node, tell } = this.parts
    const { presence, watch } = this
    if (watch.turn(now)) {
      if (watch.isConnected) presence.connected(now)
      else presence.disconnected()
    }
    presence.turn(now)
    const { hasName } = presence
    if (hasName && !this.hadName) {
      tell('info', `joined as ${node}`)
      // Before others are asked, whom it has to be known to.
      this.toldAt = Number.NEGATIVE_INFINITY
    }
    if (presence.mustTell(now)) tell('error', nameTaken(node))
    this.hadName = hasName
  }

  /** True if more waits. */
  private tellLog(now: number): boolean {
    const { own } = this.parts
    if (own.hasLost()) {
      // Others notice that a message is missing, and ask for all.
      this.sequence = (this.sequence + 1) | 0
      this.counts.lost++
    }
    let isMore = false
    if (now - this.flushedAt >= FLUSH_MILLISECONDS) {
      isMore = this.flush(now)
      if (!isMore) this.flushedAt = now
    }
    if (now - this.toldAt >= BEAT_MILLISECONDS) {
      this.publishLog(0, 0)
      this.toldAt = now
    }
    return isMore
  }

  private flush(now: number): boolean {
    const { own } = this.parts
    for (let logs = 0; logs < LOGS_PER_TURN; logs++) {
      const records = own.take(this.writer.words, LOG_RECORDS_AT, RECORDS_MAX)
      if (records === 0) return false
      this.sequence = (this.sequence + 1) | 0
      this.counts.batches++
      this.counts.records += records
      if (!this.publishLog(records, 0)) this.counts.unsent++
      this.toldAt = now
    }
    return true
  }

  private publishLog(records: number, flags: number): boolean {
    const { engine } = this.parts
    if (!this.presence.hasName || !engine.isConnected()) return false
    const message = this.writer.log(this.start, this.sequence, flags, records)
    this.counts.messages++
    return engine.publish(this.subjects.webLog, message)
  }

  private tendNodes(now: number): void {
    const { tell } = this.parts
    const mayAsk = this.presence.hasName && this.watch.isConnected
    for (const node of this.all()) {
      const ticket = node.turn(now, mayAsk ? this.ticket + 1 : 0)
      if (ticket !== 0) {
        this.ticket = ticket
        this.publish(node, this.writer.ask(this.start, node.start, ticket))
      }
      const silence = now - node.heardAt
      if (
        this.watch.isConnected &&
        !node.hasLeft &&
        !node.isMissed &&
        silence > MISSED_MILLISECONDS
      ) {
        node.isMissed = true
        tell('warning', `nothing from ${node.name} for ${Math.round(silence / 1000)} s`)
      }
      if (now - node.heardAt > FORGET_MILLISECONDS) {
        node.drop()
        this.nodes.delete(node.name)
        this.byNumber.delete(node.number)
        this.askedAt.delete(node.name)
      }
    }
  }

  private heard(bytes: Uint8Array, subject: string, isLog: boolean): void {
    const { words, bytes: copy } = this.message
    this.counts.messages++
    const name = senderOf(subject)
    if (name === '') {
      this.counts.strangers++
      return
    }
    if (bytes.length > this.message.bytes.length - 4) {
      this.results.bad_size++
      return
    }
    copy.set(bytes)
    const result = checkMessage(words, bytes.length)
    const isRight = result !== 'good' || (words[KIND] === LOG) === isLog
    this.results[isRight ? result : 'malformed']++
    if (result !== 'good' || !isRight) return
    const now = this.parts.clock()
    if (isLog) this.heardLog(name, words, now)
    else this.heardSignal(name, bytes.length, now)
  }

  private heardLog(name: string, words: Int32Array, now: number): void {
    const isLeaving = (words[LOG_FLAGS] & FLAG_LEAVING) !== 0
    if (name === this.parts.node) {
      if (words[START] !== this.start) this.presence.heardOwnName(words[START], isLeaving, now)
      return
    }
    const node = this.meet(name)
    if (node === null) {
      this.counts.strangers++
      return
    }
    const { start, hasLeft } = node
    node.heardLog(words, now)
    const { tell } = this.parts
    if (node.start !== start) {
      tell('info', `hears ${name}${start === 0 ? '' : ', which has started anew'}`)
    } else if (node.hasLeft && !hasLeft) tell('info', `${name} has left`)
    else if (node.isMissed) tell('info', `hears ${name} again`)
    node.isMissed = false
  }

  private heardSignal(name: string, bytes: number, now: number): void {
    const { words } = this.message
    const node = this.nodes.get(name)
    if (node === undefined || words[START] !== node.start) {
      this.counts.strangers++
      return
    }
    const kind = words[KIND]
    if (kind === ASK) this.heardAsk(name, words, now)
    else if (kind === PART) node.heardPart(words, now)
    else if (!node.mayRelay(now)) this.relay.counts.overLimit++
    else if (kind === OFFER) this.relay.heardOffer(node, this.message, bytes)
    else if (kind === ANSWER) this.relay.heardAnswer(node, this.message, bytes)
  }

  private heardAsk(name: string, words: Int32Array, now: number): void {
    if (words[ASK_START] !== this.start) return
    const { answers, askedAt } = this
    const before = askedAt.get(name) ?? Number.NEGATIVE_INFINITY
    if (now - before < ASKED_MILLISECONDS) return
    // Whoever gets no answer asks again.
    if (answers.size >= WALKS_MAX && !answers.has(name)) return
    askedAt.set(name, now)
    this.counts.walks++
    answers.set(name, { ticket: words[ASK_TICKET], walk: this.parts.newWalk(), number: 0 })
  }

  /**
   * What is read is sent before anything else is told, so that what comes later is true. True if more can be done at once: but
   * no node is told faster than that, which it may not take.
   */
  private answer(): boolean {
    for (const [name, answer] of this.answers) {
      const { walk } = answer
      const send = (records: number, isLast: boolean) =>
        this.sendPart(name, answer, records, isLast)
      // Before anything is read: what is told from here on belongs to the copy.
      const isBegun = answer.number > 0 || send(0, false)
      const isSent =
        isBegun && walk.slice(WALK_PEERS, this.partRecords, (_, records) => send(records, false))
      if (!isSent || walk.isDone) this.answers.delete(name)
      if (isSent && walk.isDone) send(0, true)
    }
    return false
  }

  private sendPart(name: string, answer: Answer, records: number, isLast: boolean): boolean {
    const { ticket } = answer
    const head = { ticket, number: answer.number++, sequence: this.sequence, isLast, records }
    return this.publish({ name }, this.writer.part(this.start, head))
  }

  /** Null if there are too many. */
  private meet(name: string): WebNode | null {
    const known = this.nodes.get(name)
    if (known !== undefined) return known
    if (this.nodes.size >= NODES_MAX) return null
    const { slots, peers, random } = this.parts
    const node = new WebNode(name, ++this.number, { slots, peers, random })
    this.nodes.set(name, node)
    this.byNumber.set(node.number, node)
    return node
  }
}
