// A run of the UDP load tester: reach the tracker, simulate torrents and peers, start workers, watch,
// stop, report. Called by bin/aquatic_udp_load_test.ts with valid settings; runs in the main thread,
// which sends nothing. Owns the shared memory, the sockets and, when it has started one, the tracker.
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
import { isLoopback, serverOf } from '../settings.ts'
import { Threads } from '../threads.ts'
import { TrackerWatch } from '../watch.ts'
import { KINDS } from './check.ts'
import type { LoadConfig } from './config.ts'
import { COUNTS } from './counts.ts'
import { waitForTracker } from './first-contact.ts'
import { between, Measure, type Period, type Snapshot, wrongOf } from './measure.ts'
import { createPopulation, type PopulationBuffers } from './population.ts'
import { progressParts, type Result, writeReports } from './reports.ts'
import { closeSockets, type LoadSockets, openSockets } from './sockets.ts'
import { RING_MAX } from './under-way.ts'
import type { FloodStart, LoadWorkerData } from './worker.ts'

const NAME = 'aquatic_udp_load_test'
/** Of the closed loop, whose requests under way are a few thousand at most. */
const RING_CLOSED = 2 ** 17

/** `flags`: values of --json, --html and --pid. Returns the exit code. */
export async function runUdpLoadTest(
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
    const server = serverOf(config)
    const ended = () => watch?.ended() ?? (interrupt.isThere() ? 'interrupted' : null)
    await waitForTracker(server, start_timeout, ended)
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
  const { mode, workers, duration, open_loop, flood, seed } = config
  const how =
    mode === 'open'
      ? `${open_loop.rate} requests/s`
      : mode === 'flood'
        ? `flood of ${flood.flood_kind}`
        : 'as fast as answers come'
  const length = duration === 0 ? 'until Ctrl-C' : `for ${duration} s`
  const threads = workers === 1 ? '1 worker' : `${workers} workers`
  return `${how}, ${threads}, ${length}, to ${addressText(serverOf(config))}, seed ${seed}`
}

class Run {
  private readonly config: LoadConfig
  private readonly tracker: TrackerWatch | null
  private readonly threads: Threads
  private readonly sockets: LoadSockets
  private readonly population: PopulationBuffers
  private readonly counters: SharedArrayBuffer
  private readonly histograms: SharedArrayBuffer
  private readonly measure: Measure
  private readonly progress: Progress
  private readonly sampling: Sampling<Snapshot, Period>

  constructor(config: LoadConfig, entry: URL, tracker: TrackerWatch | null) {
    const { workers, network, requests, seed, duration } = config
    const sockets = workers * network.sockets_per_worker
    this.config = config
    this.tracker = tracker
    this.threads = new Threads(entry)
    // Each worker's flood has a socket of its own, behind all others.
    this.sockets = openSockets(config, sockets + (config.mode === 'flood' ? workers : 0))
    for (const warning of this.sockets.warnings) writeStderr(`${NAME}: warning: ${warning}\n`)
    this.population = createPopulation({
      torrents: requests.number_of_torrents,
      peers: requests.number_of_peers,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
      sockets,
    })
    this.counters = counterSlots(workers, COUNTS.length)
    this.histograms = histogramMemory(workers * KINDS.length)
    const port = isLoopback(config.server_address) ? serverOf(config).port : 0
    const { ports } = this.sockets
    this.measure = new Measure(this.counters, this.histograms, tracker, port, ports)
    this.progress = new Progress(duration)
    this.sampling = new Sampling({
      take: () => this.measure.snapshot(),
      between,
      duration,
      summarizeLast: config.summarize_last,
      traffic: ({ sent, answered, counts }) => ({
        asked: sent + counts.send_failures,
        heard: answered,
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
    const { sockets_per_worker, send_together } = network
    const first = index * sockets_per_worker
    const rate = open_loop.rate / workers
    return {
      index,
      state: this.threads.state,
      sockets: this.sockets.fds.slice(first, first + sockets_per_worker),
      firstSocket: first,
      population: this.population,
      mix: {
        weightConnect: requests.weight_connect,
        weightAnnounce: requests.weight_announce,
        weightScrape: requests.weight_scrape,
        peersWanted: requests.announce_peers_wanted,
        scrapeTorrents: requests.scrape_max_torrents,
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
      timeoutMs: requests.response_timeout_milliseconds,
      ring: mode === 'open' ? ringFor(rate, requests.response_timeout_milliseconds) : RING_CLOSED,
      trains: send_together,
      counters: this.counters,
      histograms: this.histograms,
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
    const final = { ...this.measure.snapshot(), ownCpuSec: end.ownCpuSec, atMs: end.atMs }
    const tracker = end.tracker
    closeSockets(this.sockets)
    return {
      period: between(this.sampling.summaryStart(end), { ...final, tracker }),
      whole: between(this.sampling.first, { ...final, tracker }),
      periods: this.sampling.periods,
      population: this.population,
    }
  }
}

/** Room for all requests that can be under way, with some to spare. */
function ringFor(rate: number, timeoutMs: number): number {
  const waiting = rate * (timeoutMs / 1000) * 1.25 + 4096
  return Math.min(RING_MAX, 2 ** Math.ceil(Math.log2(waiting)))
}

function report(result: Result, files: OutputFiles): number {
  const failure = writeReports(result, files)
  if (failure !== null) writeStderr(`${NAME}: ${failure}\n`)
  const wrong = wrongOf(result.whole.counts)
  if (result.failure !== null) writeStderr(`${NAME}: ${result.failure}\n`)
  if (wrong > 0) writeStderr(`${NAME}: ${wrong} wrong answers\n`)
  if (result.failure !== null || failure !== null) return EXIT_FAILED
  if (wrong > 0) return EXIT_WRONG_ANSWERS
  const { mode, flood } = result.config
  const expectsNone = mode === 'flood' && flood.flood_kind !== 'mixed'
  if (expectsNone || result.whole.answered > 0) return EXIT_OK
  writeStderr(`${NAME}: the tracker answered nothing\n`)
  return EXIT_FAILED
}
