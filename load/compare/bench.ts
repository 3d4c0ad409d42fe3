// The comparison runner: starts trackers in turn, puts the same load on each, several rounds, and
// writes what came out. Called by bin/aquatic_bench.ts with valid settings. Owns the processes it
// starts and a folder for their files, both gone at its end.
//
// The tracker has cores of its own, load tester and this program have others. What counts is the
// tracker's processor time per response: responses per second mean something only where its cores were
// full. Trackers alternate, and ratios are taken within each round.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FlagError, StartError } from '../../src/config/cli.ts'
import { loadSettings } from '../../src/config/load.ts'
import { writeStderr, writeStdout } from '../../src/config/output.ts'
import { exitOnSignals, pinSelf } from '../children.ts'
import { expectWritable } from '../flags.ts'
import { loadSettings as httpLoadSettings } from '../http/config.ts'
import { createPopulation, Population } from '../population.ts'
import { coreList, memoryOf } from '../proc.ts'
import { loadSettings as udpLoadSettings } from '../udp/config.ts'
import { type Candidate, findCandidates, findExecutable, readSettingsOf } from './candidates.ts'
import type { BenchConfig } from './config.ts'
import { ownExecutable, usesTls } from './entries.ts'
import { type LoadPlan, runAquatic, runOurs } from './load.ts'
import type { StartPlan } from './other-trackers.ts'
import { chartOf, type Run, reportOf } from './report.ts'
import { startTracker } from './start.ts'
import { type Kind, streamsOf } from './streams.ts'

const EXIT_OK = 0
const EXIT_FAILED = 1

/** `flags`: values of --trackers, --rounds and --report. Returns the exit code. */
export async function runBench(
  given: BenchConfig,
  version: string,
  flags: ReadonlyMap<string, string>,
): Promise<number> {
  exitOnSignals()
  const config = withFlags(given, flags)
  const report = flags.get('report')
  if (report !== undefined) expectWritable(report)
  const folder = mkdtempSync(join(tmpdir(), 'aquatic-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const missing: string[] = []
  const paths = pairs(config.paths)
  const candidates = candidatesOf(config, paths, missing, flags.has('trackers'))
  for (const name of missing) writeStderr(`skipped: ${name} is not on this machine\n`)
  const plan = loadPlan(config, paths, folder)
  pinSelf(config.generator_cores)
  const rounds = await allRounds(config, candidates, plan, startOptions(config, plan, folder))
  const generator = `${config.generator === 'ours' ? `ours ${version}` : 'of aquatic 0.9'}`
  const comparison = { config, candidates, missing, generator, rounds }
  const text = reportOf(comparison, report === undefined ? null : `${report}.svg`)
  writeStdout(`${text}\n`)
  if (report !== undefined) {
    writeFileSync(report, `${text}\n`)
    writeFileSync(`${report}.svg`, chartOf(comparison))
  }
  return rounds.flat().some(({ measured }) => measured === null) ? EXIT_FAILED : EXIT_OK
}

function withFlags(given: BenchConfig, flags: ReadonlyMap<string, string>): BenchConfig {
  const trackers = flags.get('trackers')?.split(',') ?? given.trackers
  const rounds = Number(flags.get('rounds') ?? given.rounds)
  if (Number.isInteger(rounds) && rounds > 0) return { ...given, trackers, rounds }
  throw new FlagError(`--rounds ${flags.get('rounds')} is not a number of rounds`)
}

function pairs(setting: string | readonly string[]): Map<string, string> {
  return new Map(
    [setting].flat().map((text) => {
      const [name, ...rest] = text.split('=')
      return [name, rest.join('=')] as const
    }),
  )
}

function candidatesOf(
  config: BenchConfig,
  paths: ReadonlyMap<string, string>,
  missing: string[],
  isFlag: boolean,
): Candidate[] {
  const { trackers, tracker_settings, protocol } = config
  try {
    const names = [trackers].flat()
    const tell = (name: string) => missing.push(name)
    return findCandidates(names, paths, pairs(tracker_settings), protocol, tell)
  } catch (error) {
    const { message } = error as Error
    throw isFlag ? new FlagError(`--trackers: ${message}`) : new StartError(message)
  }
}

function loadSettingsOf(path: string): string {
  try {
    return readSettingsOf(path)
  } catch (error) {
    throw new StartError(`load_settings: ${(error as Error).message}`)
  }
}

function loadPlan(
  config: BenchConfig,
  paths: ReadonlyMap<string, string>,
  folder: string,
): LoadPlan {
  const { protocol, load_settings } = config
  const settings = load_settings === '' ? '' : loadSettingsOf(load_settings)
  const streams = streamsOf(config, settings)
  const kinds = [...new Set(streams.map(({ kind }) => kind))]
  const executables = kinds.map((kind) => [kind, loadTestOf(config, kind, paths)] as const)
  return {
    protocol,
    executables: Object.fromEntries(executables),
    streams,
    settings,
    warmUpSec: config.warm_up,
    measuredSec: config.measured,
    trackerCores: coreList(config.tracker_cores),
    generatorCores: config.generator_cores,
    folder,
    seed: config.seed,
  }
}

function loadTestOf(
  { generator, protocol }: BenchConfig,
  kind: Kind,
  paths: ReadonlyMap<string, string>,
): string {
  const name = `aquatic_${kind}_load_test`
  const onPath = generator === 'ours' ? ownExecutable(name) : name
  // Those of a site lie side by side.
  const given = protocol === 'site' ? new Map<string, string>() : paths
  const executable = findExecutable('load-test', 'AQUATIC_COMPARE_LOAD_TEST', onPath, given)
  if (executable !== null) return executable
  const remedy =
    generator === 'ours' ? './scripts/build.sh builds it' : `cargo install ${name}, or see paths`
  throw new StartError(`there is no ${name} (${generator}): ${remedy}`)
}

type StartExtras = Pick<StartPlan, 'certificate'> & { infoHashes?: StartPlan['infoHashes'] }

function startOptions(config: BenchConfig, plan: LoadPlan, folder: string): StartExtras {
  const certificate = usesTls(config.protocol) ? makeCertificate(folder) : null
  return config.generator === 'ours'
    ? { certificate, infoHashes: () => infoHashesOf(config, plan, folder) }
    : { certificate }
}

/** Those that our load tester announces with its settings. */
function infoHashesOf({ seed, protocol }: BenchConfig, plan: LoadPlan, folder: string): string {
  const file = join(folder, 'load-settings.toml')
  writeFileSync(file, plan.streams[0].settings)
  const { config } =
    protocol === 'udp'
      ? loadSettings(udpLoadSettings, file, {})
      : loadSettings(httpLoadSettings, file, {})
  const { requests } = config
  return new Population(
    createPopulation({
      torrents: requests.number_of_torrents,
      peers: requests.number_of_peers,
      gammaShape: requests.torrent_gamma_shape,
      seederProbability: requests.peer_seeder_probability,
      seed,
      sockets: 1,
    }),
  ).infoHashLines()
}

function makeCertificate(folder: string): { certificate: string; key: string } {
  const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') }
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', '/CN=localhost', '-days', '2', '-keyout', files.key, '-out', files.certificate],
  ])
  if (made.status === 0) return files
  throw new StartError('openssl could not make a certificate: is it installed?')
}

// Each round starts with another candidate, so none is always first on a cool machine.
async function allRounds(
  config: BenchConfig,
  candidates: readonly Candidate[],
  plan: LoadPlan,
  extras: StartExtras,
): Promise<Run[][]> {
  const rounds: Run[][] = []
  for (let round = 0; round < config.rounds; round++) {
    const first = round % candidates.length
    const row: Run[] = []
    for (const candidate of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const run = await oneRun(config, candidate, plan, extras)
      row.push(run)
      writeStderr(`round ${round + 1}/${config.rounds} ${progress(run)}\n`)
    }
    rounds.push(row)
  }
  return rounds
}

function progress({ name, measured, failure }: Run): string {
  if (measured === null) return `${name} FAILED: ${failure}`
  const micros = ((measured.cpuSec / measured.responses) * 1e6).toFixed(3)
  const rate = Math.round(measured.responses / measured.seconds)
  const wrong = measured.wrong ? `, ${measured.wrong} WRONG answers` : ''
  return `${name}: ${micros} µs/response, ${rate}/s, ${(measured.rssKb / 1024).toFixed(1)} MB${wrong}`
}

/** A tracker that crashes, or does not start, costs only its own figures. */
async function oneRun(
  config: BenchConfig,
  candidate: Candidate,
  plan: LoadPlan,
  extras: StartExtras,
): Promise<Run> {
  const { tracker_cores, tracker_workers, generator } = config
  const { name } = candidate
  let remark = ''
  let idleKb = 0
  try {
    const options = { ...extras, workers: tracker_workers }
    const tracker = await startTracker(candidate, tracker_cores, plan.folder, options)
    remark = tracker.remark
    try {
      idleKb = memoryOf(tracker.child.pid).rssKb
      const measured =
        generator === 'ours'
          ? await runOurs(plan, candidate, tracker)
          : await runAquatic(plan, tracker)
      return { name, remark, idleKb, measured, failure: '' }
    } finally {
      await tracker.child.stop()
    }
  } catch (error) {
    return { name, remark, idleKb, measured: null, failure: (error as Error).message }
  }
}
