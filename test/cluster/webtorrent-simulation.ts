// Nodes that share WebTorrent swarms, in simulated time: the real protocol and real swarms, with a network that loses, delays and
// parts. Used by the tests of src/ws/cluster/. Times are in milliseconds.
import { ClientGate } from '../../src/client-lists/gate.ts'
import type { Engine } from '../../src/cluster/engine.ts'
import { Announce } from '../../src/swarm/announce.ts'
import { ConnectionStates, createConnectionStates, SLOT_BITS } from '../../src/swarm/connections.ts'
import { PEER_CONNECTION, STRIDE_WEBSOCKET } from '../../src/swarm/layout.ts'
import { attachSwarms, createSwarmMemory } from '../../src/swarm/memory.ts'
import type { Swarms } from '../../src/swarm/swarm.ts'
import { hashInfoHash } from '../../src/swarm/table/torrents.ts'
import { PIECE_HEAD_WORDS, PIECE_PEERS, Walk } from '../../src/swarm/walks/export.ts'
import { ForeignPeers } from '../../src/ws/cluster/foreign-peers.ts'
import { NodeSlots } from '../../src/ws/cluster/node-slots.ts'
import { OwnPeers } from '../../src/ws/cluster/own-peers.ts'
import { OwnWalk } from '../../src/ws/cluster/own-walk.ts'
import { Relay } from '../../src/ws/cluster/relay.ts'
import { WebLink } from '../../src/ws/cluster/web-link.ts'
import { ID_WORDS } from '../../src/ws/wire/request.ts'
import { createOtherNodes, NODE_SLOTS, OtherNodes } from '../../src/ws/worker/other-nodes.ts'
import {
  candidatesFor,
  RECEIVER_CONNECTION,
  RECEIVER_WORDS,
} from '../../src/ws/worker/receivers.ts'

const STEP = 10
const SLOTS = 64
export const SIGNAL_KEYS = { key0: 11, key1: 13 }

interface Flight {
  readonly at: number
  readonly to: SimulatedEngine
  readonly bytes: Uint8Array
  readonly subject: string
}

export class Network {
  now = 1_000_000
  /** The share of messages that are lost. */
  loss = 0
  delay = 1
  readonly random: () => number
  readonly nodes: SimulatedNode[] = []
  /** Nodes on one side of a partition. */
  side = new Set<string>()
  private flights: Flight[] = []

  constructor(random: () => number) {
    this.random = random
  }

  publish(from: SimulatedEngine, subject: string, bytes: Uint8Array): void {
    for (const { engine, isUp } of this.nodes) {
      if (engine === from || !isUp || this.side.has(engine.name) !== this.side.has(from.name))
        continue
      if (this.random() < this.loss) continue
      // What one sends to another comes in that order, as with NATS.
      this.flights.push({ at: this.now + this.delay, to: engine, bytes: bytes.slice(), subject })
    }
  }

  run(milliseconds: number): void {
    const end = this.now + milliseconds
    while (this.now < end) {
      this.now += STEP
      const due = this.flights.filter(({ at }) => at <= this.now)
      this.flights = this.flights.filter(({ at }) => at > this.now)
      for (const { to, bytes, subject } of due) to.deliver(subject, bytes)
      for (const node of this.nodes) if (node.isUp) while (node.link.turn());
    }
  }

  start(name: string): SimulatedNode {
    const node = new SimulatedNode(name, this)
    const index = this.nodes.findIndex((other) => other.name === name)
    if (index >= 0) this.nodes[index] = node
    else this.nodes.push(node)
    return node
  }
}

class SimulatedEngine implements Engine {
  readonly name: string
  private readonly network: Network
  private readonly subscriptions: {
    readonly pattern: RegExp
    readonly receive: (bytes: Uint8Array, subject: string) => void
  }[] = []

  constructor(name: string, network: Network) {
    this.name = name
    this.network = network
  }

  publish(subject: string, bytes: Uint8Array): boolean {
    this.network.publish(this, subject, bytes)
    return true
  }

  subscribe(subject: string, receive: (bytes: Uint8Array, subject: string) => void): void {
    const pattern = new RegExp(`^${subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`)
    this.subscriptions.push({ pattern, receive })
  }

  deliver(subject: string, bytes: Uint8Array): void {
    for (const { pattern, receive } of this.subscriptions) {
      if (pattern.test(subject)) receive(bytes, subject)
    }
  }

  isConnected(): boolean {
    return true
  }

  onStatus(): void {}
  onRefusal(): void {}
  async close(): Promise<void> {}
}

export class SimulatedNode {
  readonly name: string
  readonly engine: SimulatedEngine
  readonly link: WebLink
  readonly swarms: Swarms
  readonly peers: ForeignPeers
  readonly states: ConnectionStates
  readonly others: OtherNodes
  readonly relay: Relay
  isUp = true
  readonly told: string[] = []
  private readonly network: Network
  private readonly masks: Int32Array
  private readonly receivers: Int32Array
  private readonly announcement = new Announce()

  constructor(name: string, network: Network) {
    this.name = name
    this.network = network
    this.engine = new SimulatedEngine(name, network)
    const buffers = createSwarmMemory({
      ...{ maxTorrents: 1000, maxPeers: 10_000, workers: 1 },
      kinds: ['websocket'],
    })
    this.states = new ConnectionStates(createConnectionStates(1, SLOTS, NODE_SLOTS))
    const { states } = this
    const swarms = attachSwarms(buffers, true, states)
    this.swarms = swarms
    for (let slot = 0; slot < SLOTS; slot++) states.set(slot, 0, false, false)
    const [data] = createOtherNodes(1)
    this.masks = new Int32Array(data.masks)
    const receivers = new Int32Array(100 * RECEIVER_WORDS)
    this.receivers = receivers
    this.others = new OtherNodes({ data, swarms, states, receivers })
    const slots = new NodeSlots(states, data.masks, data.worker)
    const gate = new ClientGate()
    this.peers = new ForeignPeers(swarms, slots, data.worker, gate)
    const own = new OwnPeers(swarms, 1, [data.notes], data.lost)
    this.link = new WebLink(
      {
        ...{ node: name, subject: 'aq', engine: this.engine, own, slots, peers: this.peers },
        newWalk: () => new OwnWalk(swarms, 1),
        clock: () => network.now,
        random: network.random,
        tell: (_, text) => this.told.push(text),
      },
      (link) =>
        new Relay({
          ...{
            worker: 1,
            slotsPerWorker: SLOTS,
            messageBytesMax: 2000,
            keys: SIGNAL_KEYS,
            states,
            own,
          },
          start: () => link.start,
          nodeOf: (slot, generation) => link.nodeOf(slot, generation),
          nodeByNumber: (number) => link.nodeByNumber(number),
          publish: (node, bytes) => link.publish(node, bytes),
        }),
    )
    this.relay = this.link.relay
  }

  /** A client's peer comes, or says what it is now. */
  announce(torrent: number, peer: number, seeder: boolean, completed = false): number {
    const { announcement: announce, swarms } = this
    this.aim(torrent, peer)
    Object.assign(announce, {
      seeder,
      completed,
      wanted: 0,
      now: Math.floor(this.network.now / 1000),
    })
    const table = swarms.websocketTableOf(announce.hash)
    table.lock()
    const status = swarms.announce(table, announce)
    table.unlock()
    this.others.entered(requestIds(torrent, peer), announce)
    return status
  }

  /** The receivers of so many offers that a peer announces. */
  receiversOf(torrent: number, peer: number, offers: number, seeder = false): Receiver[] {
    const { announcement: announce, swarms, receivers } = this
    this.aim(torrent, peer)
    const wanted = candidatesFor(offers, true)
    Object.assign(announce, { seeder, wanted, now: Math.floor(this.network.now / 1000) })
    const table = swarms.websocketTableOf(announce.hash)
    table.lock()
    swarms.announce(table, announce)
    const count = this.others.choose(table, requestIds(torrent, peer), offers)
    table.unlock()
    return Array.from({ length: count }, (_, i) => {
      const at = i * RECEIVER_WORDS
      const isOther = receivers[at + RECEIVER_CONNECTION] >>> SLOT_BITS === 1
      return { isOther, id: receivers.slice(at, at + ID_WORDS).join(' ') }
    })
  }

  leave(torrent: number, peer: number): void {
    const { announcement: announce, swarms } = this
    this.aim(torrent, peer)
    const table = swarms.websocketTableOf(announce.hash)
    table.lock()
    swarms.leave(table, announce)
    table.unlock()
    this.others.note(ids(torrent, peer), 0, ID_WORDS, false)
  }

  kill(): void {
    this.isUp = false
  }

  /** All peers that it knows, with their role; those of other nodes with the ids that they have there. */
  known(): string[] {
    const found = [...this.rows()].map(({ torrent, peer, isSeeder }) => {
      return `torrent ${torrent}: ${peer} ${isSeeder ? 'seeder' : 'leecher'}`
    })
    return found.sort()
  }

  /** The row of a peer of another node: who has it, and the id under which. */
  rowOf(torrent: number, peer: number): Row {
    const row = [...this.rows()].find((row) => {
      return row.connection >>> SLOT_BITS === 1 && row.torrent === torrent && row.peer === peer
    })
    if (row === undefined) throw new Error(`no peer ${peer} of another node`)
    return row
  }

  downloads(torrent: number): number {
    const { swarms } = this
    const words = ids(torrent, 0)
    const hash = hashInfoHash(swarms.websocket[0], words, 0)
    const table = swarms.websocketTableOf(hash)
    table.lock()
    swarms.scrape(table, words, 0, hash)
    table.unlock()
    return swarms.completed
  }

  private *rows(): Generator<Row> {
    const walk = new Walk(false)
    for (const table of this.swarms.websocket) {
      walk.open(table)
      for (let isMore = true; isMore; ) {
        isMore = walk.slice(100)
        yield* this.rowsOf(walk)
      }
    }
  }

  private *rowsOf({ words, used }: Walk): Generator<Row> {
    for (let piece = 0; piece < used; ) {
      const end = piece + PIECE_HEAD_WORDS + words[piece + PIECE_PEERS] * STRIDE_WEBSOCKET
      for (let at = piece + PIECE_HEAD_WORDS; at < end; at += STRIDE_WEBSOCKET) {
        const connection = words[at + PEER_CONNECTION]
        const isOther = connection >>> SLOT_BITS === 1
        const mask = isOther ? this.masks[(connection & 0xffffff) * 3 + 2] : 0
        const last = words[at + STRIDE_WEBSOCKET - 1]
        yield {
          ...{ torrent: words[piece], peer: words[at + ID_WORDS - 1] ^ mask, isSeeder: last < 0 },
          ...{ connection, generation: last & 0xffff, id: words.slice(at, at + ID_WORDS) },
        }
      }
      piece = end
    }
  }

  private aim(torrent: number, peer: number): void {
    const { announcement: announce } = this
    announce.source = ids(torrent, peer)
    announce.infoHash = 0
    announce.hash = hashInfoHash(this.swarms.websocket[0], announce.source, 0)
    announce.peer.setWords(announce.source, ID_WORDS)
    announce.peer.id4 = announce.source[2 * ID_WORDS - 1]
    announce.peer.connection = peer % SLOTS
    announce.peer.port = 0
  }
}

interface Receiver {
  /** A peer of another node. */
  readonly isOther: boolean
  readonly id: string
}

interface Row {
  readonly torrent: number
  readonly peer: number
  readonly isSeeder: boolean
  readonly connection: number
  readonly generation: number
  /** As it is in the swarm. */
  readonly id: Int32Array
}

/** Info hash and peer id. */
export function ids(torrent: number, peer: number): Int32Array {
  return Int32Array.of(torrent, 1, 2, 3, 4, 5, 6, 7, 8, peer)
}

function requestIds(torrent: number, peer: number): Int32Array {
  const all = new Int32Array(20)
  all.set(ids(torrent, peer).subarray(0, ID_WORDS), 0)
  all.set(ids(torrent, peer).subarray(ID_WORDS), 15)
  return all
}
