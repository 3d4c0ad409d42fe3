// The flags that all load testers have, and what their values mean for a run. Used by the settings of
// each tester, and by run.ts before the run begins.
import { randomInt } from 'node:crypto'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { FlagError, StartError } from '../src/config/cli.ts'
import type { OwnFlag } from '../src/config/flags.ts'
import { type CommonSettings, SEED_MAX } from './settings.ts'

/** Each is sampled every second. */
const PIDS_MAX = 64
/** The output of a pidof that found nothing. */
const PID_HINT = '; is the tracker running?'

/** Settings of all load testers that most users change. */
export const COMMON = ['server_address', 'profile', 'workers', 'duration', 'mode'] as const

/** In addition to those of all executables. */
export const LOAD_TEST_FLAGS: readonly OwnFlag[] = [
  { name: 'json', value: 'FILE', help: ['write all figures to FILE as JSON'] },
  { name: 'html', value: 'FILE', help: ['write a report with charts to FILE'] },
  {
    name: 'pid',
    value: 'N',
    help: [
      "watch process N, the tracker's, as [tracker] pid does;",
      'several as pidof prints them',
    ],
    emptyHint: PID_HINT,
  },
]

export interface OutputFiles {
  readonly json: string | undefined
  readonly html: string | undefined
}

/** Checked before the run, so that its figures are not lost after it. */
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

/** Processes to watch: those of the flag, or that of the settings. */
export function pidsOf(
  { tracker }: CommonSettings,
  flags: ReadonlyMap<string, string>,
): readonly number[] {
  const text = flags.get('pid')
  if (text === undefined) return tracker.pid === 0 ? [] : [tracker.pid]
  const pids = text.trim().split(/[\s,]+/)
  if (pids.length > PIDS_MAX) throw new FlagError(`--pid names more than ${PIDS_MAX} processes`)
  if (pids.every((pid) => /^[1-9]\d*$/.test(pid))) return [...new Set(pids.map(Number))]
  const hint = text.trim() === '' ? PID_HINT : ''
  throw new FlagError(`--pid ${text} is not the number of a process${hint}`)
}

/** With a seed in any case, and with the first pid of the command line. */
export function withSeedAndPid<C extends CommonSettings>(
  given: C,
  flags: ReadonlyMap<string, string>,
): C {
  const seed = given.seed === 0 ? randomInt(1, SEED_MAX) : given.seed
  if (!flags.has('pid')) return { ...given, seed }
  const [pid] = pidsOf(given, flags)
  if (given.tracker.command !== '') {
    throw new StartError('--pid and [tracker] command exclude each other: give one of them')
  }
  return { ...given, seed, tracker: { ...given.tracker, pid } }
}
