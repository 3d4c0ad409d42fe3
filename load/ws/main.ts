// A run of the WebTorrent load tester: reach the tracker, simulate torrents and clients, start workers,
// watch, stop, report. Called by bin/aquatic_ws_load_test.ts with valid settings; runs in the main
// thread, which sends nothing. Owns the shared memory and, when it has started one, the tracker.
import { addressText } from '../../src/config/address.ts'
import { writeStderr } from '../../src/config/output.ts'
import { counterSlots } from '../../src/metrics/counters.ts'
import { nowMilliseconds } from '../../src/os/clock.ts'
import { histogramMemory } from '../histogram.ts'
import { Progress } from '../progress.ts'
import {
  EXIT_FAILED,
  EXIT_OK,
  EXIT_WRONG_ANSWERS,
  type OutputFiles,
  onInterrupt,
  outputFiles,
  Sampling,
  withSeedAndPid,
} from '../run.ts'
import { clientHosts, serverOf } from '../settings.ts'
import { Threads } from '../threads.ts'
import { TrackerWatch } from '../watch.ts'
import { type LoadConfig, offerRing } from './config.ts'
import type { Target } from './connection.ts'
import { COUNTS, LATENCIES, wrongOf } from './counts.ts'
import { waitForTracker } from './first-contact.ts'
import { between, Measure, type Period, type Snapshot } from './measure.ts'
import { createOffers, type OfferBuffers } from './offers.ts'
import { createPopulation, type PopulationBuffers } from './population.ts'
import { progressParts, type Result, writeReports } from './reports.ts'
import type { LoadWorkerData } from './worker.ts'

const NAME = 'aquatic_ws_load_test'
/** Room for a few announces, whatever they hold. */
const OUTGOING_BYTES_MIN = 262_144
/** Of a message, beside its offers. */
const MESSAGE_BYTES = 65_536
/** Of an offer beside its description; and UTF-8 takes up to three bytes per character. */
const OFFER_BYTES = 256
const BYTES_PER_CHARACTER = 3

/** `flags`: values of --json, --html and --pid. Returns the exit code. */
export async function runWsLoadTest(
  given: LoadConfig,
  version: string,
  entry: URL,
  flags: ReadonlyMap<string, string>,
): Promise<number> {
  const config = withSeedAndPid(given, flags)
  const files = outputFiles(flags)
  const interrupt = onInterrupt()
  const { pid, command, start_timeout } = config.tracker
  const watch = TrackerWatch.open(pid, command)
  try {
    const ended = () => watch?.ended() ?? (interrupt.isThere() ? 'interrupted' : null)
    await waitForTracker(targetsOf(config)[0], start_timeout, ended)
    const run = new Run(config, entry, watch)
    await run.start()
    writeStderr(`${NAME} ${version}: ${planText(config)}\n`)
    const failure = await run.watch(interrupt.promise)
    const result = await run.finish()
    return report({ ...result, config, version, failure }, files)
  } finally {
    await watch?.stop()
  }
}

function planText(config: LoadConfig): string {
  const { mode, workers, duration, open_loop, seed, network } = config
  const how = mode === 'open' ? `${open_loop.rate} requests/s` : 'as fast as responses come'
  const length = duration === 0 ? 'until Ctrl-C' : `for ${duration} s`
  const threads = workers === 1 ? '1 worker' : `${workers} workers`
  const scheme = network.use_tls ? 'wss' : 'ws'
  const url = `${scheme}://${addressText(serverOf(config))}`
  return `${how}, ${network.connections} connections, ${threads}, ${length}, to ${url}, seed ${seed}`
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

class Run {
  private readonly config: LoadConfig
  private readonly tracker: TrackerWatch | null
  private readonly threads: Threads
  private readonly targets: readonly Target[]
  private readonly population: PopulationBuffers
  private readonly offers: OfferBuffers
  private readonly counters: SharedArrayBuffer
  private readonly histograms: SharedArrayBuffer
  private readonly measure: Measure
  private readonly progress: Progress
  private readonly sampling: Sampling<Snapshot, Period>

  constructor(config: LoadConfig, entry: URL, tracker: TrackerWatch | null) {
    const { workers, network, requests, seed, duration } = config
    this.config = config
    this.tracker = tracker
    this.threads = new Threads(entry)
    this.targets = targetsOf(config)
    this.population = createPopulation({
      torrents: requests.number_of_torrents,
      connections: network.connections,
      torrentsPerConnection: requests.torrents_per_connection,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
    })
    this.offers = createOffers(network.connections, offerRing(config))
    this.counters = counterSlots(workers, COUNTS.length)
    this.histograms = histogramMemory(workers * LATENCIES.length)
    this.measure = new Measure(this.counters, this.histograms, tracker)
    this.progress = new Progress(duration)
    this.sampling = new Sampling({
      take: () => this.measure.snapshot(),
      between,
      duration,
      summarizeLast: config.summarize_last,
      traffic: ({ sent, received, counts }) => ({
        asked: sent + counts.connections_lost + counts.connections_failed,
        heard: received + counts.connections_opened,
      }),
      timeoutMs: requests.response_timeout_milliseconds,
      show: (elapsedSec, period, { counts }) =>
        this.progress.show(elapsedSec, progressParts(period, wrongOf(counts))),
    })
  }

  async start(): Promise<void> {
    const { workers } = this.config
    await Promise.all(
      Array.from({ length: workers }, (_, index) => this.threads.start(this.dataFor(index))),
    )
    this.sampling.begin()
    this.threads.go()
  }

  private dataFor(index: number): LoadWorkerData {
    const { requests, network, closed_loop, open_loop, checks, workers, mode } = this.config
    const { connections } = network
    const first = Math.floor((connections * index) / workers)
    const { weight_announce, weight_scrape, offers_per_announce } = requests
    const offerBytes = OFFER_BYTES + BYTES_PER_CHARACTER * requests.session_description_size
    return {
      index,
      state: this.threads.state,
      targets: this.targets,
      firstConnection: first,
      connections: Math.floor((connections * (index + 1)) / workers) - first,
      connectionRate: network.connection_rate / workers,
      population: this.population,
      offers: this.offers,
      sdpCharacters: requests.session_description_size,
      requests: {
        offers: offers_per_announce,
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
      timeoutMs: requests.response_timeout_milliseconds,
      outgoingBytes: Math.max(OUTGOING_BYTES_MIN, MESSAGE_BYTES + offers_per_announce * offerBytes),
      counters: this.counters,
      histograms: this.histograms,
    }
  }

  /** Goes on until the end of the run; returns why it ended early, or null. */
  watch(interrupted: Promise<void>): Promise<string | null> {
    const ended = () => this.tracker?.ended() ?? null
    return this.sampling.watch(interrupted, this.threads.failed, ended)
  }

  async finish(): Promise<Omit<Result, 'config' | 'version' | 'failure'>> {
    const end = this.measure.snapshot()
    this.progress.end()
    await this.threads.stop()
    // What was under way at the end has been waited for; rates are those up to the end.
    const { ownCpuSec, atMs, tracker } = end
    const final = { ...this.measure.snapshot(), ownCpuSec, atMs, tracker }
    const { connections } = between(this.sampling.first, end)
    return {
      period: { ...between(this.sampling.summaryStart(end), final), connections },
      whole: { ...between(this.sampling.first, final), connections },
      periods: this.sampling.periods,
    }
  }
}

function report(result: Result, files: OutputFiles): number {
  const failure = writeReports(result, files)
  if (failure !== null) writeStderr(`${NAME}: ${failure}\n`)
  const wrong = wrongOf(result.whole.counts)
  if (result.failure !== null) writeStderr(`${NAME}: ${result.failure}\n`)
  if (wrong > 0) writeStderr(`${NAME}: ${wrong} wrong messages\n`)
  if (result.failure !== null || failure !== null) return EXIT_FAILED
  if (wrong > 0) return EXIT_WRONG_ANSWERS
  const { received_announce, received_scrape } = result.whole.counts
  if (received_announce + received_scrape > 0) return EXIT_OK
  writeStderr(`${NAME}: the tracker answered nothing\n`)
  return EXIT_FAILED
}
