// What the runs of all load testers have in common: values of the command line, Ctrl-C, a snapshot
// each second, and the part of the run that the summary is about. Used by the main function of each
// tester, in its main thread.
import { randomInt } from 'node:crypto'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { FlagError, StartError } from '../src/config/cli.ts'
import type { OwnFlag } from '../src/config/flags.ts'

export const EXIT_OK = 0
export const EXIT_FAILED = 1
export const EXIT_WRONG_ANSWERS = 3

export const SAMPLE_MS = 1000
/** A tracker that stands still for some seconds is measured; after this long it counts as gone. */
const SILENCE_MS = 10_000
const SEED_MAX = 2 ** 31 - 1

/** Beside those of all executables. */
export const LOAD_TEST_FLAGS: readonly OwnFlag[] = [
  { name: 'json', value: 'FILE', help: ['write all figures to FILE as JSON'] },
  { name: 'html', value: 'FILE', help: ['write a report with charts to FILE'] },
  { name: 'pid', value: 'N', help: ["watch process N, the tracker's, as [tracker] pid does"] },
]

export interface OutputFiles {
  readonly json: string | undefined
  readonly html: string | undefined
}

/** Looked at before the run, so that its figures are not lost after it. */
export function outputFiles(flags: ReadonlyMap<string, string>): OutputFiles {
  const files = { json: flags.get('json'), html: flags.get('html') }
  for (const path of [files.json, files.html]) if (path !== undefined) expectWritable(path)
  return files
}

/** Writes nothing: a run that cannot begin leaves no empty file. Throws StartError. */
export function expectWritable(path: string): void {
  try {
    if (existsSync(path) && statSync(path).isDirectory()) {
      throw new StartError(`cannot write to ${path}: this is a folder`)
    }
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK)
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`cannot write to ${path}: ${writeFailure(error)}`)
  }
}

/** In plain words. */
export function writeFailure(error: unknown): string {
  const { code, message } = error as { code?: string; message: string }
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such folder'
  if (code === 'EISDIR') return 'this is a folder'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not write there'
  if (code === 'EROFS') return 'the file system is read-only'
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'there is no room left'
  return message
}

interface CommonSettings {
  readonly seed: number
  readonly tracker: { readonly pid: number; readonly command: string }
}

/** With a seed in any case, and with the pid of the command line. */
export function withSeedAndPid<C extends CommonSettings>(
  given: C,
  flags: ReadonlyMap<string, string>,
): C {
  const seed = given.seed === 0 ? randomInt(1, SEED_MAX) : given.seed
  const text = flags.get('pid')
  if (text === undefined) return { ...given, seed }
  if (!/^[1-9]\d*$/.test(text)) throw new FlagError(`--pid ${text} is not the number of a process`)
  if (given.tracker.command !== '') {
    throw new StartError('--pid and [tracker] command exclude each other: give one of them')
  }
  return { ...given, seed, tracker: { ...given.tracker, pid: Number(text) } }
}

export interface Interruption {
  readonly promise: Promise<void>
  isThere(): boolean
}

/** The first signal ends the run, the second the process. */
export function onInterrupt(): Interruption {
  const { promise, resolve } = Promise.withResolvers<void>()
  let signals = 0
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      signals++
      if (signals > 1) process.exit(EXIT_FAILED)
      resolve()
    })
  }
  return { promise, isThere: () => signals > 0 }
}

interface Moment {
  readonly atMs: number
}

export interface SamplingSettings<Snapshot, Period> {
  readonly take: () => Snapshot
  readonly between: (from: Snapshot, to: Snapshot) => Period
  /** Seconds, 0 = until told to stop. */
  readonly duration: number
  /** Seconds, 0 = the whole run. */
  readonly summarizeLast: number
  /** What was asked in a period, tried connections included, and what came of it. */
  readonly traffic: (period: Period) => { readonly asked: number; readonly heard: number }
  /** A request is lost after this long, so a silence must last at least as long. */
  readonly timeoutMs: number
  /** Called once a second. */
  readonly show: (elapsedSec: number, period: Period, snapshot: Snapshot) => void
}

/** Snapshots of a run, once a second. */
export class Sampling<Snapshot extends Moment, Period extends { readonly seconds: number }> {
  readonly periods: Period[] = []
  private readonly settings: SamplingSettings<Snapshot, Period>
  private readonly snapshots: Snapshot[] = []
  /** Since when the tracker has been asked and has said nothing, or null. */
  private silentSinceMs: number | null = null

  constructor(settings: SamplingSettings<Snapshot, Period>) {
    this.settings = settings
  }

  get first(): Snapshot {
    return this.snapshots[0]
  }

  /** Just before the load begins. */
  begin(): void {
    this.snapshots.push(this.settings.take())
  }

  /** Goes on until the end of the run; returns why it ended early, or null. */
  async watch(
    interrupted: Promise<void>,
    failed: Promise<never>,
    ended: () => string | null,
  ): Promise<string | null> {
    const { duration } = this.settings
    const start = performance.now()
    let stopped = false
    const interruption = interrupted.then(() => {
      stopped = true
    })
    for (let second = 1; duration === 0 || second <= duration; second++) {
      const wait = Math.max(0, start + second * SAMPLE_MS - performance.now())
      await Promise.race([Bun.sleep(wait), interruption, failed])
      if (stopped) break
      this.sample()
      const why = ended() ?? this.silence()
      if (why !== null) return why
    }
    return null
  }

  /** Why the tracker counts as gone, or null. */
  private silence(): string | null {
    if (this.silentSinceMs === null) return null
    const silentMs = this.snapshots[this.snapshots.length - 1].atMs - this.silentSinceMs
    // The samples are a second apart, give or take some milliseconds.
    if (silentMs + SAMPLE_MS / 2 < Math.max(SILENCE_MS, this.settings.timeoutMs)) return null
    const seconds = Math.round(silentMs / 1000)
    return `no answer for ${seconds} s: the tracker has ended or cannot be reached`
  }

  private sample(): void {
    const { take, between, summarizeLast, show } = this.settings
    const snapshot = take()
    const period = between(this.snapshots[this.snapshots.length - 1], snapshot)
    this.snapshots.push(snapshot)
    this.periods.push(period)
    const { asked, heard } = this.settings.traffic(period)
    if (heard > 0) this.silentSinceMs = null
    else if (asked > 0) this.silentSinceMs ??= snapshot.atMs - period.seconds * 1000
    // Those that no summary will start from are not kept: each has a few thousand numbers.
    const needed = summarizeLast === 0 ? 1 : summarizeLast + 1
    if (this.snapshots.length > needed + 1) this.snapshots.splice(1, 1)
    show((snapshot.atMs - this.first.atMs) / 1000, period, snapshot)
  }

  /** Where the summary of a run that ended at `end` starts. */
  summaryStart(end: Snapshot): Snapshot {
    const { duration, summarizeLast } = this.settings
    const wanted = end.atMs - summarizeLast * 1000 - SAMPLE_MS / 2
    const isPart = summarizeLast > 0 && (duration === 0 || summarizeLast < duration)
    return (isPart && this.snapshots.find(({ atMs }) => atMs >= wanted)) || this.first
  }
}
