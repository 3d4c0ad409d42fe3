// WebTorrent's part of the cluster's thread (cluster/sharing.ts): puts together what shares its swarms with other nodes. Called by
// the cluster's worker, through what the executables hand to it.
import type { Sharing, SharingData, SharingHost, SharingView } from '../../cluster/sharing.ts'
import {
  COUNTER_WORDS,
  DROPPED_BETWEEN_WORKERS_ANSWER,
  DROPPED_BETWEEN_WORKERS_OFFER,
} from '../worker/counters.ts'
import { Exchange, type ExchangeEnds } from '../worker/exchange.ts'
import type { SignalKeys } from '../worker/offer-relay.ts'
import type { OtherNodesData } from '../worker/other-nodes.ts'
import { ForeignPeers } from './foreign-peers.ts'
import { NodeSlots } from './node-slots.ts'
import { OwnPeers } from './own-peers.ts'
import { OwnWalk } from './own-walk.ts'
import { Relay } from './relay.ts'
import { WebLink } from './web-link.ts'

export interface WsSharingData extends SharingData {
  readonly exchange: ExchangeEnds
  readonly signalKeys: SignalKeys
  readonly messageBytesMax: number
  readonly maxOffers: number
  /** By worker. */
  readonly nodes: readonly OtherNodesData[]
}

export class WsSharing implements Sharing {
  private readonly link: WebLink
  private readonly relay: Relay
  private readonly peers: ForeignPeers
  /** Those of the exchange. */
  private readonly counts = new Int32Array(COUNTER_WORDS)

  constructor(data: WsSharingData, host: SharingHost) {
    const { exchange: ends, messageBytesMax, maxOffers, nodes, connections } = data
    const { swarms, states, clients } = host
    const [{ masks, lost, worker }] = nodes
    const slots = new NodeSlots(states, masks, worker)
    this.peers = new ForeignPeers(swarms, slots, worker, clients)
    const notes = nodes.map((each) => each.notes)
    const own = new OwnPeers(swarms, worker, notes, lost)
    const newWalk = () => new OwnWalk(swarms, worker)
    const { slotsPerWorker } = connections
    const newRelay = (link: WebLink) =>
      new Relay({
        ...{ worker, slotsPerWorker, messageBytesMax, keys: data.signalKeys, states, own },
        start: () => link.start,
        nodeOf: (slot, generation) => link.nodeOf(slot, generation),
        nodeByNumber: (number) => link.nodeByNumber(number),
        publish: (node, bytes) => link.publish(node, bytes),
      })
    const { node, subject, engine, clock, tell } = host
    const common = { node, subject, engine, clock, tell, random: Math.random }
    this.link = new WebLink({ ...common, own, newWalk, slots, peers: this.peers }, newRelay)
    this.relay = this.link.relay
    const limits = { messageBytesMax, maxOffers }
    this.relay.connect(new Exchange(worker, ends, limits, this.relay, this.counts))
  }

  get messages(): number {
    return this.link.counts.messages
  }

  turn(): boolean {
    return this.link.turn()
  }

  listsChanged(): void {
    this.link.listsChanged()
  }

  leave(): void {
    this.link.leave()
  }

  view(now: number): SharingView {
    const { link, relay, peers, counts } = this
    const nodes = link.all()
    const sum = (value: (node: (typeof nodes)[number]) => number) =>
      nodes.reduce((total, node) => total + value(node), 0)
    const { joined, left, swept, unwanted, noRoom } = peers.counts
    const { offersIn, offersOut, answersIn, answersOut, ...dropped } = relay.counts
    const { good: _, ...refused } = link.results
    return {
      state: link.state,
      isNameTaken: link.isNameTaken,
      reason: link.watch.reason,
      refusals: [...link.watch.refusals.now],
      isCatchingUp: nodes.some((node) => node.isSyncing),
      nodes: nodes.map((node) => ({
        name: node.name,
        state: node.hasLeft ? 'left' : node.isHeard(now) ? 'heard' : 'silent',
        silence: now - node.heardAt,
        isWhole: node.isWhole,
        records: node.counts.records,
        gaps: node.counts.gaps,
      })),
      peers: Math.max(0, joined - left - swept),
      records: { in: sum(({ counts }) => counts.records), out: link.counts.records },
      relayed: { offersIn, offersOut, answersIn, answersOut },
      droppedRelays: {
        ...dropped,
        betweenWorkers:
          counts[DROPPED_BETWEEN_WORKERS_OFFER] + counts[DROPPED_BETWEEN_WORKERS_ANSWER],
      },
      refused: {
        ...refused,
        stranger: link.counts.strangers,
        known: sum(({ counts }) => counts.known),
        otherStart: sum(({ counts }) => counts.otherStart),
        overLimit: sum(({ counts }) => counts.overLimit),
      },
      refusedPeers: { unwanted, noRoom },
      syncs: { asked: sum(({ counts }) => counts.syncs), answered: link.counts.walks },
    }
  }
}

export function openWsSharing(data: SharingData, host: SharingHost): Sharing {
  return new WsSharing(data as WsSharingData, host)
}
