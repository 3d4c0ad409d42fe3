// A run of a load tester: reach the tracker, simulate its clients, start workers, watch, stop, report.
// Called by the files of bin/ with valid settings and what is the tester's own (its main.ts). Runs in
// the main thread, which sends nothing. Owns the threads and, when it has started one, the tracker.
import { StartError } from '../src/config/cli.ts'
import { writeStderr } from '../src/config/output.ts'
import { counted } from '../src/config/quantities.ts'
import { type OutputFiles, outputFiles, pidsOf, withSeedAndPid } from './flags.ts'
import { type Period, type Snapshot, wrongOf } from './measure.ts'
import { Progress } from './progress.ts'
import { missingIn, type Reports, type Result, writeReports } from './reports.ts'
import { type Measured, Sampling } from './sampling.ts'
import type { CommonSettings } from './settings.ts'
import type { Announced } from './simulated.ts'
import { Threads } from './threads.ts'
import { TrackerWatch } from './watch.ts'

const EXIT_OK = 0
const EXIT_FAILED = 1
const EXIT_WRONG_ANSWERS = 3

/** What a load tester has of its own. */
export interface Tester<C extends CommonSettings, S extends Snapshot, P extends Period> {
  /**
   * Waits for a first answer of the tracker. `ended` tells why there is no point in waiting any longer,
   * or null. Throws StartError.
   */
  readonly reach: (config: C, ended: () => string | null) => Promise<void>
  /** How requests are sent, and where to. */
  readonly plan: (config: C) => { readonly how: string; readonly target: string }
  readonly prepare: (config: C, tracker: TrackerWatch | null) => Load<S, P>
  readonly reports: Reports<C, P>
  /** A message that the tracker has not answered at all, and should have. */
  readonly heardNothing: (result: Result<C, P>) => boolean
}

/** Simulated clients that are ready to begin. */
export interface Load<S, P> extends Measured<S, P> {
  /** What the tracker has been told so far. */
  announced(): Announced
  /** What a worker is told in addition to WorkerStart. */
  workerData(index: number): object
  /** Called once all workers have ended. */
  close(): void
}

/** `flags`: values of --json, --html and --pid. Returns the exit code. */
export async function runLoadTest<C extends CommonSettings, S extends Snapshot, P extends Period>(
  tester: Tester<C, S, P>,
  given: C,
  version: string,
  entry: URL,
  flags: ReadonlyMap<string, string>,
): Promise<number> {
  const config = withSeedAndPid(given, flags)
  const files = outputFiles(flags)
  const interrupt = onInterrupt()
  const watch = TrackerWatch.open(pidsOf(config, flags), config.tracker.command)
  const ended = () => watch?.ended() ?? null
  try {
    await Promise.race([tester.reach(config, ended), interrupt.promise])
    interrupt.refuseStart()
    const load = tester.prepare(config, watch)
    const threads = new Threads(entry)
    await threads.start(config.workers, (index) => load.workerData(index))
    interrupt.refuseStart()
    // From here on a signal ends the run, and its summary is printed.
    writeStderr(`${tester.reports.program} ${version}: ${planText(tester, config)}\n`)
    const measured = await measure(tester, config, load, threads, interrupt.promise, ended)
    load.close()
    return conclude(tester, { config, version, ...measured }, files)
  } finally {
    await watch?.stop()
  }
}

interface Interruption {
  readonly promise: Promise<void>
  /** Throws StartError once a signal has come: a summary of nothing would look like a tracker that says nothing. */
  refuseStart(): void
}

/** The first signal ends the run, the second the process. */
function onInterrupt(): Interruption {
  const { promise, resolve } = Promise.withResolvers<void>()
  let signals = 0
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      signals++
      if (signals > 1) process.exit(EXIT_FAILED)
      resolve()
    })
  }
  const refuseStart = () => {
    if (signals > 0) throw new StartError('interrupted before the load began: nothing was measured')
  }
  return { promise, refuseStart }
}

function planText<C extends CommonSettings, S extends Snapshot, P extends Period>(
  tester: Tester<C, S, P>,
  config: C,
): string {
  const { workers, duration, seed } = config
  const { how, target } = tester.plan(config)
  const length = duration === 0 ? 'until Ctrl-C' : `for ${duration} s`
  const threads = counted(workers, 'worker')
  return `${how}, ${threads}, ${length}, to ${target}, seed ${seed}`
}

/** From the moment at which all workers begin until all have ended. */
async function measure<C extends CommonSettings, S extends Snapshot, P extends Period>(
  { reports }: Tester<C, S, P>,
  config: C,
  load: Load<S, P>,
  threads: Threads,
  interrupted: Promise<void>,
  ended: () => string | null,
): Promise<Omit<Result<C, P>, 'config' | 'version'>> {
  const progress = new Progress(config.duration)
  const sampling = new Sampling(config, load, (elapsedSec, period, { counts }) =>
    progress.show(elapsedSec, reports.progress(period, wrongOf(counts))),
  )
  sampling.begin()
  threads.go()
  const failure = await sampling.watch(interrupted, threads.failed, ended)
  const end = load.snapshot()
  progress.end()
  await threads.stop()
  // What was under way at the end has been waited for; rates are those up to the end.
  const { atMs, ownCpuSec, tracker } = end
  const last = { ...load.snapshot(), atMs, ownCpuSec, tracker }
  return {
    failure,
    period: load.between(sampling.summaryStart(end), last),
    whole: load.between(sampling.first, last),
    periods: sampling.periods,
    announced: load.announced(),
  }
}

/** Writes the reports, says what went wrong, and returns the exit code. */
function conclude<C extends CommonSettings, S extends Snapshot, P extends Period>(
  { reports, heardNothing }: Tester<C, S, P>,
  result: Result<C, P>,
  files: OutputFiles,
): number {
  const say = (text: string) => writeStderr(`${reports.program}: ${text}\n`)
  const notWritten = writeReports(reports, result, files)
  const wrong = wrongOf(result.whole.counts)
  const missing = missingIn(reports, result)
  if (notWritten !== null) say(notWritten)
  if (result.failure !== null) say(result.failure)
  if (wrong > 0) say(`${wrong} wrong ${reports.answers}`)
  for (const { text, count, owed } of missing) say(`${count} of ${owed} ${text} are missing`)
  if (result.failure !== null || notWritten !== null) return EXIT_FAILED
  if (wrong > 0) return EXIT_WRONG_ANSWERS
  if (heardNothing(result)) {
    say('the tracker answered nothing')
    return EXIT_FAILED
  }
  return missing.length > 0 ? EXIT_WRONG_ANSWERS : EXIT_OK
}
