// What a run of the UDP load tester has of its own: the first contact, the sockets, the simulated
// torrents and peers, and what each worker is told of them. Used by load/run.ts, in the main thread.
// Owns the sockets and the shared memory.
import { addressText } from '../../src/config/address.ts'
import { writeStderr } from '../../src/config/output.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { announcedTo, createPopulation, type PopulationBuffers } from '../population.ts'
import type { Load, Tester } from '../run.ts'
import { isFloodAlone, isLoopback, serverOf, stepOf } from '../settings.ts'
import type { Announced } from '../simulated.ts'
import type { TrackerWatch } from '../watch.ts'
import type { LoadConfig } from './config.ts'
import { waitForTracker } from './first-contact.ts'
import { LoadCard } from './load-card.ts'
import { UdpMeasure, type UdpPeriod, type UdpSnapshot, udpPeriod } from './measure.ts'
import { reports } from './reports.ts'
import { closeSockets, type LoadSockets, openSockets } from './sockets.ts'
import { RING_MAX } from './under-way.ts'
import type { FloodStart, WorkerSettings } from './worker.ts'

export const udpTester: Tester<LoadConfig, UdpSnapshot, UdpPeriod> = {
  reports,
  reach: (config, ended) => waitForTracker(serverOf(config), config.tracker.start_timeout, ended),
  plan: (config) => ({ how: howText(config), target: addressText(serverOf(config)) }),
  prepare: (config, tracker) => new UdpLoad(config, tracker),
  heardNothing: ({ config, whole }) => !isFloodAlone(config) && whole.answered === 0,
}

function howText({ mode, open_loop, flood, network }: LoadConfig): string {
  const path = network.packet_path === 'xdp' ? ', past the kernel' : ''
  if (mode === 'open') return `${open_loop.rate} requests/s${path}`
  return mode === 'flood' ? `flood of ${flood.flood_kind}` : `as fast as answers come${path}`
}

class UdpLoad implements Load<UdpSnapshot, UdpPeriod> {
  readonly between = udpPeriod
  private readonly config: LoadConfig
  private readonly sockets: LoadSockets
  private readonly card: LoadCard | null
  private readonly population: PopulationBuffers
  private readonly measure: UdpMeasure

  constructor(config: LoadConfig, tracker: TrackerWatch | null) {
    const { workers, network, requests, seed } = config
    const sockets = workers * network.sockets_per_worker
    this.config = config
    // Each worker's flood has a socket of its own, behind all others.
    this.sockets = openSockets(config, sockets + (config.mode === 'flood' ? workers : 0))
    for (const warning of this.sockets.warnings) {
      writeStderr(`${reports.program}: warning: ${warning}\n`)
    }
    this.population = createPopulation({
      torrents: requests.number_of_torrents,
      peers: requests.number_of_peers,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
      sockets,
    })
    this.card = network.packet_path === 'xdp' ? LoadCard.open(config, this.sockets) : null
    const port = isLoopback(config.server_address) ? serverOf(config).port : 0
    this.measure = new UdpMeasure(workers, tracker, port, this.sockets.ports, this.card)
  }

  snapshot(): UdpSnapshot {
    return this.measure.snapshot()
  }

  traffic({ sent, answered, counts }: UdpPeriod): { asked: number; heard: number } {
    return { asked: sent + counts.send_failures, heard: answered }
  }

  close(): void {
    this.card?.close()
    closeSockets(this.sockets)
  }

  announced(): Announced {
    return announcedTo(this.population)
  }

  workerData(index: number): WorkerSettings {
    const { requests, network, closed_loop, open_loop, checks, workers, mode } = this.config
    const { sockets_per_worker, send_together } = network
    const first = index * sockets_per_worker
    const rate = open_loop.rate / workers
    return {
      sockets: this.sockets.fds.slice(first, first + sockets_per_worker),
      firstSocket: first,
      card: this.card?.start ?? null,
      population: this.population,
      mix: {
        weightConnect: requests.weight_connect,
        weightAnnounce: requests.weight_announce,
        weightScrape: requests.weight_scrape,
        peersWanted: requests.announce_peers_wanted,
        scrapeTorrents: requests.scrape_max_torrents,
        invalidShare: requests.invalid_id_share,
      },
      checks: {
        ipv6: serverOf(this.config).family === 6,
        addresses: this.sockets.addresses,
        peersWanted: requests.announce_peers_wanted,
        ownPeer: checks.own_peer,
        freshTracker: checks.fresh_tracker,
        peersKeptUntilMs: nowMilliseconds() + checks.peers_kept * 1000,
      },
      mode,
      flood: mode === 'flood' ? this.floodFor(index) : null,
      workers,
      inFlight: closed_loop.in_flight,
      rate,
      step: stepOf(open_loop),
      timeoutMs: requests.response_timeout_milliseconds,
      ring:
        mode === 'open'
          ? ringFor(
              rate * Math.max(1, open_loop.step_factor),
              requests.response_timeout_milliseconds,
            )
          : RING_MAX,
      trains: send_together,
      counters: this.measure.counters,
      histograms: this.measure.histograms,
    }
  }

  private floodFor(index: number): FloodStart {
    const { flood, workers, network } = this.config
    return {
      fd: this.sockets.fds[workers * network.sockets_per_worker + index],
      kind: flood.flood_kind,
      rate: flood.flood_rate / workers,
    }
  }
}

/** Room for all requests that can be under way, with some to spare. */
function ringFor(rate: number, timeoutMs: number): number {
  const waiting = rate * (timeoutMs / 1000) * 1.25 + 4096
  return Math.min(RING_MAX, 2 ** Math.ceil(Math.log2(waiting)))
}
