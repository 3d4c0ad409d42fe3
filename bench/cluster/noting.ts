// What noting costs a whole announce over UDP: the real loop of a socket worker in this process, which notes and does not in
// turn, under the load tester as fast as it answers. Counted is this thread's processor time; the cluster's thread, the
// nats-server and the load tester are on the other core. Two trackers side by side would not do: with other keys of their
// tables they differ by 4 %.
import { KEYS_OFF, KeyGate } from '../../src/access-keys/gate.ts'
import { createGuessLimits } from '../../src/access-keys/guess-limits.ts'
import { newHashKey } from '../../src/access-keys/key-hash.ts'
import { ClusterNotes } from '../../src/cluster/note.ts'
import { clockSeconds, nowMilliseconds, readClock } from '../../src/os/clock.ts'
import { PacketBatch, PacketMemory } from '../../src/os/packet-batch.ts'
import { Poll } from '../../src/os/poll.ts'
import { openUdpSocket } from '../../src/os/udp-socket.ts'
import {
  createPublicPeers,
  PeerAddresses,
  type PeerAddressRules,
} from '../../src/peer-addresses/peer-addresses.ts'
import { NO_PAUSE } from '../../src/requests/pause.ts'
import { attachSwarms } from '../../src/swarm/memory.ts'
import { LookAhead } from '../../src/swarm/table/look-ahead.ts'
import { ConnectionIds } from '../../src/udp/wire/connection-id.ts'
import {
  ANSWER_BYTES_MAX_IPV4,
  MAX_BATCH_PACKETS,
  RECEIVE_SLOT_BYTES,
} from '../../src/udp/wire/layout.ts'
import { Request } from '../../src/udp/wire/request.ts'
import { AnnounceKey } from '../../src/udp/worker/announce-key.ts'
import { COUNTER_WORDS } from '../../src/udp/worker/counters.ts'
import { Handler } from '../../src/udp/worker/handle.ts'
import { serveBatch } from '../../src/udp/worker/receive.ts'
import { Responder } from '../../src/udp/worker/respond.ts'
import { newFolder } from '../support/folder.ts'
import { LOAD_CORE, load, TRACKER_CORE } from '../support/pair.ts'
import { threadMilliseconds } from '../support/thread-time.ts'
import { times } from '../support/times.ts'
import { pinThread, startNats } from './nodes.ts'
import { type OwnNode, startOwnNode } from './own-node.ts'

const PIECE_MILLISECONDS = 100
const IDLE_MILLISECONDS = 20
const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20
/** Within which a renewal is told of once. */
const PERIOD_SECONDS = 4
const MAX_PEER_AGE = PERIOD_SECONDS * 4
/** Once a second, it is known what was sent. */
const REPORT_MILLISECONDS = 1200
const WARM_UP_SECONDS = 9
const ALL_STORED: PeerAddressRules = {
  ...{ privatePeers: 'store', storesReserved: true, internal: [] },
  ...{ externalIPv4: '', externalIPv6: '' },
}

const SETTINGS = {
  ...{ maxScrapeTorrents: 255, maxResponsePeers: 30, maxResponseBytes: 1472, pause: NO_PAUSE },
  ...{ announceInterval: 900, intervalJitter: 5, answerInvalidId: false },
}

/** Serves one batch after the other, noting or not. */
class Server {
  readonly port: number
  /** While noting. */
  announces = 0
  private readonly batch: PacketBatch
  private readonly poll: Poll
  private readonly handler: Handler
  private readonly responder: Responder
  private readonly notes: ClusterNotes
  private readonly request = new Request()

  constructor({ buffers, notes }: OwnNode) {
    const socket = openUdpSocket({
      ...{ family: 4, address: [127, 0, 0, 1], port: 0, sharePort: false, dualStack: false },
      ...{ packetInfo: false, receiveBufferBytes: RECEIVE_BUFFER_BYTES },
    })
    this.port = socket.port
    this.poll = new Poll([socket.fd])
    const memory = new PacketMemory(MAX_BATCH_PACKETS, RECEIVE_SLOT_BYTES, ANSWER_BYTES_MAX_IPV4)
    this.batch = new PacketBatch(socket.fd, memory, false)
    const swarms = attachSwarms(buffers, true)
    const counts = new Int32Array(COUNTER_WORDS)
    this.responder = new Responder(swarms, counts)
    this.responder.setInterval(SETTINGS.announceInterval, SETTINGS.intervalJitter)
    this.responder.addresses = new PeerAddresses(createPublicPeers(), ALL_STORED, MAX_PEER_AGE)
    const ids = new ConnectionIds(new Uint8Array(32), 300)
    this.handler = new Handler(this.responder, ids, buffers, SETTINGS, counts, null)
    const keys = { hashKey: newHashKey(), guesses: createGuessLimits() }
    this.handler.keys = new AnnounceKey(new KeyGate(keys, KEYS_OFF))
    this.handler.ahead = new LookAhead(swarms, new Int32Array(buffers.control), MAX_BATCH_PACKETS)
    this.notes = new ClusterNotes(notes, MAX_PEER_AGE)
  }

  /** As fast as packets come; returns nanoseconds of this thread per packet. */
  piece(isNoting: boolean): number {
    this.responder.notes = isNoting ? this.notes : null
    const end = nowMilliseconds() + PIECE_MILLISECONDS
    const start = threadMilliseconds()
    let served = 0
    do {
      readClock()
      this.handler.setTime(clockSeconds())
      const packets = serveBatch(this.batch, this.handler, this.request, MAX_BATCH_PACKETS)
      if (packets === 0) this.poll.wait(IDLE_MILLISECONDS)
      served += packets
    } while (nowMilliseconds() < end)
    if (isNoting) this.announces += served
    return ((threadMilliseconds() - start) * 1e6) / served
  }
}

export async function measureNoting(seconds: number, peers: number): Promise<string[]> {
  const folder = newFolder()
  const nats = await startNats(folder, LOAD_CORE)
  const options = { name: 'a', server: nats.address, peersMax: peers * 2 }
  const node = await startOwnNode({
    ...options,
    maxPeerAge: MAX_PEER_AGE,
    peerAddresses: ALL_STORED,
  })
  pinThread(process.pid, TRACKER_CORE)
  pinThread(node.thread, LOAD_CORE)
  const server = new Server(node)
  const testing = load('load', folder, server.port, {
    ...{
      DURATION: seconds + WARM_UP_SECONDS,
      REQUESTS_WEIGHT_CONNECT: 0,
      REQUESTS_WEIGHT_SCRAPE: 0,
    },
    ...{ REQUESTS_WEIGHT_ANNOUNCE: 1, REQUESTS_NUMBER_OF_PEERS: peers, CHECKS_PEERS_KEPT: 5 },
    ...{ REQUESTS_NUMBER_OF_TORRENTS: peers / 2 },
  })
  let isOver = false
  void testing.then(() => {
    isOver = true
  })
  const pieces: { without: number; noting: number }[] = []
  const start = nowMilliseconds()
  let [announces, told] = [0, 0]
  while (!isOver) {
    const [first, second] = pieces.length % 2 === 0 ? [true, false] : [false, true]
    const times = [server.piece(first), server.piece(second)]
    const [noting, without] = first ? times : times.toReversed()
    const after = nowMilliseconds() - start
    if (after > WARM_UP_SECONDS * 1000) pieces.push({ without, noting })
    else [announces, told] = [server.announces, node.sent()]
    await Bun.sleep(0)
  }
  const summary = await testing
  // Until the load tester ended.
  const under = pieces
    .filter(({ without, noting }) => Number.isFinite(without + noting))
    .slice(0, -1)
  await Bun.sleep(REPORT_MILLISECONDS)
  await nats.child.stop()
  const share = (100 * (node.sent() - told)) / (server.announces - announces)
  return [
    ...report(under),
    `${share.toFixed(0)} % of what was noted is told; ${Math.round(summary.responses_per_second.all)} announces/s`,
  ]
}

function report(pieces: readonly { without: number; noting: number }[]): string[] {
  const without = times(pieces.map((piece) => piece.without))
  const noting = times(pieces.map((piece) => piece.noting))
  const ratio = times(pieces.map((piece) => (piece.noting / piece.without - 1) * 100))
  const error = ratio.deviation / Math.sqrt(pieces.length)
  return [
    `announce without noting  ${without.mean.toFixed(0)} ns`,
    `announce with noting     ${noting.mean.toFixed(0)} ns`,
    `noting ${(noting.mean - without.mean).toFixed(0)} ns, ${ratio.mean.toFixed(2)} ± ${error.toFixed(2)} % of an announce (${pieces.length} pairs)`,
  ]
}
