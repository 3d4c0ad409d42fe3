// Troubles of a UDP tracker that its figures show: packets lost before, inside and after it, full swarms,
// workers without spare time. Made by main.ts from what reader.ts reads.

import { totalOf } from '../../metrics/counter-list.ts'
import { oneSourceTrouble } from '../../peer-addresses/one-source.ts'
import { peerAddressSources } from '../../peer-addresses/troubles.ts'
import { Growth, lossSource } from '../../process/losses.ts'
import type { Trouble, TroubleSource } from '../../process/troubles.ts'
import { fullSources } from '../../tracker/limits.ts'
import type { Reading } from '../../tracker/statistics-reader.ts'
import type { UdpConfig } from '../settings/config.ts'
import { MAX_BATCH_PACKETS } from '../wire/layout.ts'
import type { UdpNames } from '../worker/counters.ts'
import { FAMILY_COUNTERS, type FamilyCounter, type WorkerCounter } from '../worker/counters.ts'

/** Smaller losses are normal when the machine is briefly busy with something else. */
const LOSS_FROM = 0.001
/** Half of the most that a worker takes at once: such an average means that packets wait for the worker. */
const BUSY_PACKETS = MAX_BATCH_PACKETS / 2
/** Per minute. Fewer are a burst, such as the last of a load test that has just ended. */
const BUSY_BATCHES_MIN = 1000

const REQUESTS = FAMILY_COUNTERS.filter((name) => name.startsWith('requests_'))
const RESPONSES = FAMILY_COUNTERS.filter((name) => name.startsWith('responses_'))

/** `reading`: returns the latest; `config`: returns the settings in force. */
export function udpTroubles(
  reading: () => Reading<UdpNames>,
  config: () => UdpConfig,
  sources: SharedArrayBuffer,
): TroubleSource[] {
  const of = (...names: (FamilyCounter | WorkerCounter)[]) => totalOf(reading().counts, ...names)
  const load = new Load(reading)
  return [
    { name: 'workers_busy', find: () => load.trouble(config()) },
    lossSource({
      name: 'receive_drops',
      lost: () => reading().totals.receiveDrops,
      all: () => reading().histograms.batch_size.sum + reading().totals.receiveDrops,
      from: LOSS_FROM,
      what: 'packet',
      text: (figure, when) => `The system dropped ${figure} ${when} before the tracker saw them.`,
      remedy: () => (load.isBusy ? moreWorkers(config()) : largerBuffer(config())),
    }),
    lossSource({
      name: 'xdp_losses',
      lost: () => xdpLost(reading()),
      all: () => of('xdp_packets') + xdpLost(reading()),
      from: LOSS_FROM,
      what: 'packet',
      text: (figure, when) => `${figure} ${when} were lost at the network card's queues.`,
      remedy: () => moreWorkers(config()),
    }),
    lossSource({
      name: 'send_failures',
      lost: () => of('send_failures'),
      all: () => of(...RESPONSES),
      from: LOSS_FROM,
      what: 'response',
      text: (figure, when) => `The system did not accept ${figure} ${when}.`,
      remedy: () =>
        'Check whether the network device keeps up (ip -s link) and has its routes (ip route).',
    }),
    lossSource({
      name: 'channel_dropped',
      lost: () => of(...DROPPED),
      all: () => of(...REQUESTS),
      from: LOSS_FROM,
      what: 'request',
      text: (figure, when) =>
        `Request workers did not keep up, so ${figure} ${when} got no answer.`,
      remedy: () =>
        `Raise request_workers (${config().request_workers}) if there are cores, or set it to 0.`,
    }),
    ...fullSources(of, () => config().limits),
    ...peerAddressSources(of),
    oneSourceTrouble(sources, () => of('requests_announce'), 'udp'),
  ]
}

function xdpLost({ totals }: Reading<UdpNames>): number {
  return totals.xdpRingFull + totals.xdpFillEmpty + totals.xdpDropped
}

const DROPPED: readonly WorkerCounter[] = [
  'dropped_requests',
  'dropped_responses',
  'dropped_scrapes',
]

/** How many packets workers found waiting, over the last minute. */
class Load {
  isBusy = false
  private readonly reading: () => Reading<UdpNames>
  private readonly packets = new Growth()
  private readonly batches = new Growth()

  constructor(reading: () => Reading<UdpNames>) {
    this.reading = reading
  }

  trouble(config: UdpConfig): Trouble | null {
    const { counts, sum } = this.reading().histograms.batch_size
    const packets = this.packets.since(sum)
    const batches = this.batches.since(counts.reduce((all, count) => all + count, 0))
    const atOnce = packets / Math.max(1, batches)
    this.isBusy = batches >= BUSY_BATCHES_MIN && atOnce > BUSY_PACKETS
    if (!this.isBusy) return null
    return {
      severity: 'attention',
      text: `Workers found ${Math.round(atOnce)} packets waiting each time in the last minute: they are at their limit.`,
      remedy: moreWorkers(config),
    }
  }
}

function moreWorkers({ socket_workers }: UdpConfig): string {
  return (
    `Raise socket_workers (${socket_workers}) up to the number of cores less one, and give the tracker ` +
    'cores of its own.'
  )
}

function largerBuffer({ network }: UdpConfig): string {
  return (
    `They came in bursts: raise [network] socket_recv_buffer_size (${network.socket_recv_buffer_size}) ` +
    'and, for it, net.core.rmem_max.'
  )
}
