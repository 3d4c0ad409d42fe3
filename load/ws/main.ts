// What a run of the WebTorrent load tester has of its own: the first contact, the simulated torrents
// and clients, and what each worker is told of them. Used by load/run.ts, in the main thread. Owns the
// shared memory; the connections are the workers'.
import { addressText } from '../../src/config/address.ts'
import { counted } from '../../src/config/quantities.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { reachTracker } from '../first-contact.ts'
import { Measure, type Snapshot } from '../measure.ts'
import type { Load, Tester } from '../run.ts'
import { clientHosts, serverOf, stepOf } from '../settings.ts'
import type { Announced } from '../simulated.ts'
import type { TrackerWatch } from '../watch.ts'
import { type LoadConfig, offerRing, offersPerAnnounce } from './config.ts'
import type { Target } from './connection.ts'
import { COUNTS, type CountName, LATENCIES } from './counts.ts'
import { firstContact } from './first-contact.ts'
import { type WsPeriod, wsPeriod } from './measure.ts'
import { createOffers, type OfferBuffers } from './offers.ts'
import { announcedTo, createPopulation, type PopulationBuffers } from './population.ts'
import { reports } from './reports.ts'
import type { WorkerSettings } from './worker.ts'

/** Room for a few announces, whatever they hold. */
const OUTGOING_BYTES_MIN = 262_144
/** Of a message, beside its offers. */
const MESSAGE_BYTES = 65_536
/** Of an offer beside its description; and UTF-8 takes up to three bytes per character. */
const OFFER_BYTES = 256
const BYTES_PER_CHARACTER = 3

export const wsTester: Tester<LoadConfig, Snapshot<CountName>, WsPeriod> = {
  reports,
  reach: (config, ended) =>
    reachTracker(firstContact, targetsOf(config)[0], config.tracker.start_timeout, ended),
  plan: (config) => {
    const { network } = config
    const scheme = network.use_tls ? 'wss' : 'ws'
    return {
      how: `${howOf(config)}, ${counted(network.connections, 'connection')}`,
      target: `${scheme}://${addressText(serverOf(config))}`,
    }
  },
  prepare: (config, tracker) => new WsLoad(config, tracker),
  heardNothing: ({ whole: { counts } }) => counts.received_announce + counts.received_scrape === 0,
}

function howOf({ mode, open_loop, mix }: LoadConfig): string {
  if (mode === 'closed') return 'as fast as responses come'
  if (mode === 'open') return `${open_loop.rate} requests/s`
  return (
    `${mix.announces_per_second} announces/s of ${counted(mix.offers_per_announce, 'offer')}, ` +
    `${mix.answers_per_second} answers/s, ${mix.scrapes_per_second} scrapes/s`
  )
}

/** One for each address to connect from. */
function targetsOf(config: LoadConfig): Target[] {
  const { host, port } = serverOf(config)
  const { use_tls, path, connections } = config.network
  return clientHosts(config, connections, '').map((localAddress) => ({
    hostname: host,
    port,
    tls: use_tls,
    path,
    localAddress,
  }))
}

class WsLoad implements Load<Snapshot<CountName>, WsPeriod> {
  readonly between = wsPeriod
  private readonly config: LoadConfig
  private readonly targets: readonly Target[]
  private readonly population: PopulationBuffers
  private readonly offers: OfferBuffers
  private readonly measure: Measure<CountName>

  constructor(config: LoadConfig, tracker: TrackerWatch | null) {
    const { workers, network, requests, mix, mode, seed } = config
    this.config = config
    this.targets = targetsOf(config)
    this.population = createPopulation({
      torrents: requests.number_of_torrents,
      connections: network.connections,
      torrentsPerConnection: requests.torrents_per_connection,
      peersPerTorrent: mode === 'mix' ? mix.peers_per_torrent : 0,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
    })
    this.offers = createOffers(network.connections, offerRing(config), workers)
    this.measure = new Measure(workers, COUNTS, LATENCIES.length, tracker)
  }

  snapshot(): Snapshot<CountName> {
    return this.measure.snapshot()
  }

  traffic({ sent, received, counts }: WsPeriod): { asked: number; heard: number } {
    return {
      asked: sent + counts.connections_lost + counts.connections_failed,
      heard: received + counts.connections_opened,
    }
  }

  /** The workers have closed their connections. */
  close(): void {}

  announced(): Announced {
    return announcedTo(this.population)
  }

  workerData(index: number): WorkerSettings {
    const { requests, network, closed_loop, open_loop, mix, checks, workers, mode } = this.config
    const { connections } = network
    const first = Math.floor((connections * index) / workers)
    const { weight_announce, weight_scrape } = requests
    const offers = offersPerAnnounce(this.config)
    const offerBytes = OFFER_BYTES + BYTES_PER_CHARACTER * requests.session_description_size
    return {
      targets: this.targets,
      firstConnection: first,
      connections: Math.floor((connections * (index + 1)) / workers) - first,
      connectionRate: network.connection_rate / workers,
      population: this.population,
      offers: this.offers,
      sdpCharacters: requests.session_description_size,
      requests: {
        offers,
        scrapeShare: weight_scrape / (weight_announce + weight_scrape),
        scrapeTorrents: requests.scrape_max_torrents,
        answerShare: requests.answer_probability,
      },
      checks: {
        answersAnswered: checks.answers_answered,
        rolesKept: checks.roles_kept,
        freshTracker: checks.fresh_tracker,
        peersKeptUntilMs: nowMilliseconds() + checks.peers_kept * 1000,
      },
      mode,
      inFlight: closed_loop.in_flight,
      rate: open_loop.rate / workers,
      step: stepOf(open_loop),
      mix: {
        announces: mix.announces_per_second / workers,
        offersPerAnnounce: mix.offers_per_announce,
        answers: mix.answers_per_second / workers,
        scrapes: mix.scrapes_per_second / workers,
      },
      timeoutMs: requests.response_timeout_milliseconds,
      outgoingBytes: Math.max(OUTGOING_BYTES_MIN, MESSAGE_BYTES + offers * offerBytes),
      counters: this.measure.counters,
      histograms: this.measure.histograms,
    }
  }
}
