// What a run of the load tester for HTTP trackers has of its own: the first contact, the simulated torrents
// and peers, the addresses that they have, and what each worker is told of them. Used by load/run.ts, in
// the main thread. Owns the shared memory; the connections are the workers'.
import { addressBytes, addressText } from '../../src/config/address.ts'
import { counted } from '../../src/config/quantities.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { reachTracker } from '../first-contact.ts'
import { Measure, type Snapshot } from '../measure.ts'
import { announcedTo, createPopulation, type PopulationBuffers } from '../population.ts'
import type { Load, Tester } from '../run.ts'
import { isFloodAlone, isLoopback, serverOf, stepOf } from '../settings.ts'
import type { Announced } from '../simulated.ts'
import type { TrackerWatch } from '../watch.ts'
import { connectionsOf, type LoadConfig } from './config.ts'
import { COUNTS, type CountName, LATENCIES } from './counts.ts'
import { firstContact } from './first-contact.ts'
import { type HttpPeriod, httpPeriod } from './measure.ts'
import { reports } from './reports.ts'
import { findSources, SOURCES_PER_WORKER, type Sources } from './sources.ts'
import type { WorkerSettings } from './worker.ts'

export const httpTester: Tester<LoadConfig, Snapshot<CountName>, HttpPeriod> = {
  reports,
  reach: (config, ended) => {
    const { host, port } = serverOf(config)
    const { use_tls, path } = config.network
    const target = { hostname: host, port, tls: use_tls, host: hostText(config), path }
    return reachTracker(firstContact, target, config.tracker.start_timeout, ended)
  },
  plan: (config) => {
    const { use_tls, path } = config.network
    const scheme = use_tls ? 'https' : 'http'
    return { how: howText(config), target: `${scheme}://${hostText(config)}${path}` }
  },
  prepare: (config, tracker) => new HttpLoad(config, tracker),
  heardNothing: ({ config, whole }) => !isFloodAlone(config) && whole.answered === 0,
}

function hostText(config: LoadConfig): string {
  return addressText(serverOf(config))
}

function howText(config: LoadConfig): string {
  const { mode, open_loop, flood, network } = config
  const share = network.keep_alive_share
  const kept =
    share === 0 ? 'a connection each' : share === 1 ? 'kept connections' : 'some connections kept'
  if (mode === 'open') return `${open_loop.rate} requests/s, ${kept}`
  if (mode === 'flood') return `flood of ${flood.flood_kind}`
  return `as fast as answers come, ${counted(connectionsOf(config), 'connection')}, ${kept}`
}

class HttpLoad implements Load<Snapshot<CountName>, HttpPeriod> {
  readonly between = httpPeriod
  private readonly config: LoadConfig
  private readonly sources: Sources
  private readonly population: PopulationBuffers
  private readonly measure: Measure<CountName>

  constructor(config: LoadConfig, tracker: TrackerWatch | null) {
    const { workers, requests, seed } = config
    this.config = config
    this.sources = findSources(config)
    this.population = createPopulation({
      torrents: requests.number_of_torrents,
      peers: requests.number_of_peers,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
      sockets: workers * SOURCES_PER_WORKER,
    })
    this.measure = new Measure(workers, COUNTS, LATENCIES.length, tracker)
  }

  snapshot(): Snapshot<CountName> {
    return this.measure.snapshot()
  }

  traffic({ asked, answered, counts }: HttpPeriod): { asked: number; heard: number } {
    return {
      asked: asked + counts.connections_failed,
      heard: answered + counts.connections_opened,
    }
  }

  /** The workers have closed their connections. */
  close(): void {}

  announced(): Announced {
    return announcedTo(this.population)
  }

  workerData(index: number): WorkerSettings {
    const { config } = this
    const { network, mode, flood, workers, requests, open_loop } = config
    const server = serverOf(config)
    const first = index * SOURCES_PER_WORKER
    return {
      server: { ...server, address: addressBytes(server) },
      isLoopback: isLoopback(config.server_address),
      tls: network.use_tls,
      resumes: network.tls_resumption,
      texts: { host: hostText(config), path: network.path },
      hosts: this.sources.hosts.slice(first, first + SOURCES_PER_WORKER),
      firstSource: first,
      population: this.population,
      mix: {
        weightAnnounce: requests.weight_announce,
        weightScrape: requests.weight_scrape,
        peersWanted: requests.announce_peers_wanted,
        scrapeTorrents: requests.scrape_max_torrents,
      },
      checks: this.checks(server.family === 6),
      connections: this.connections(index),
      mode,
      flood: mode === 'flood' ? { kind: flood.flood_kind, rate: flood.flood_rate / workers } : null,
      rate: open_loop.rate / workers,
      step: stepOf(open_loop),
      timeoutMs: requests.response_timeout_milliseconds,
      counters: this.measure.counters,
      histograms: this.measure.histograms,
    }
  }

  private checks(ipv6: boolean): WorkerSettings['checks'] {
    const { checks, requests } = this.config
    return {
      ipv6,
      addresses: this.sources.addresses,
      peersWanted: requests.announce_peers_wanted,
      scrapeTorrents: requests.scrape_max_torrents,
      ownPeer: checks.own_peer,
      canonical: checks.canonical_bencoding,
      unknownTorrents: checks.unknown_torrents,
      freshTracker: checks.fresh_tracker,
      peersKeptUntilMs: nowMilliseconds() + checks.peers_kept * 1000,
    }
  }

  private connections(index: number): WorkerSettings['connections'] {
    const { network, flood, mode, workers, checks } = this.config
    const share = (all: number) =>
      Math.floor((all * (index + 1)) / workers) - Math.floor((all * index) / workers)
    return {
      connections: share(connectionsOf(this.config)),
      floodConnections: mode === 'flood' ? share(flood.flood_connections) : 0,
      keepShare: network.keep_alive_share,
      requestsPerConnection: network.requests_per_connection,
      pipelining: network.pipelining,
      contentLength: checks.content_length,
    }
  }
}
