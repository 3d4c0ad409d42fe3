// Finds the trackers and load testers of this machine. Used by aquatic_bench, the soak test
// and the latency probe.
//
// Locations come from --path, from the environment or from PATH; none of them is part of this
// repository but our own.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { readRegularFile } from '../../src/config/named-file.ts'
import { type Entry, entryOf, namesOf, type Protocol } from './entries.ts'

export interface Candidate {
  readonly name: string
  readonly executable: string
  readonly version: string
  /** Lines appended to its settings file; for trackers of the aquatic family. */
  readonly settings: string
  readonly entry: Entry
}

/** Settings files are a few KiB long. */
const SETTINGS_BYTES_MAX = 1024 * 1024

/** The text of a settings file for a tracker or a load tester. */
export function readSettingsOf(path: string): string {
  try {
    return readRegularFile(path, SETTINGS_BYTES_MAX).toString()
  } catch (error) {
    throw new Error(`the settings file ${path} cannot be read: ${(error as Error).message}`)
  }
}

/** A tracker, null when this machine does not have it. Throws for an unknown name. */
function findCandidate(
  protocol: Protocol,
  name: string,
  paths: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string>,
): Candidate | null {
  const entry = entryOf(protocol, name)
  if (entry === null) {
    const known = namesOf(protocol).join(', ')
    throw new Error(`unknown tracker «${name}»: known are ${known} and ours-…`)
  }
  const executable = findExecutable(name, entry.envName, entry.onPath, paths)
  if (executable === null) return null
  const file = settings.get(name)
  return {
    name,
    executable,
    version: entry.version(executable),
    settings: file === undefined ? '' : readSettingsOf(file),
    entry,
  }
}

/** The same tracker, looking for old peers every `seconds`. */
export function withCleaning(candidate: Candidate, seconds: number): Candidate {
  const lines = candidate.entry.cleaning(seconds)
  if (lines === '') throw new Error(`${candidate.name} has no setting for its cleaning`)
  return { ...candidate, settings: candidate.settings + lines }
}

/** Finds those that this machine has; `onMissing` is told of the others. */
export function findCandidates(
  names: readonly string[],
  paths: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string>,
  protocol: Protocol = 'udp',
  onMissing: (name: string) => void = tellMissing,
): Candidate[] {
  const found: Candidate[] = []
  for (const name of names) {
    const candidate = findCandidate(protocol, name, paths, settings)
    if (candidate === null) onMissing(name)
    else found.push(candidate)
  }
  if (found.length === 0) throw new Error('no tracker to measure')
  return found
}

function tellMissing(name: string): void {
  process.stderr.write(`skipped: ${name} is not on this machine\n`)
}

export function findLoadTest(paths: ReadonlyMap<string, string>): string | null {
  return findExecutable('load-test', 'AQUATIC_COMPARE_LOAD_TEST', 'aquatic_udp_load_test', paths)
}

/** `onPath`: an absolute path, or a name in the PATH. */
export function findExecutable(
  name: string,
  envName: string,
  onPath: string,
  paths: ReadonlyMap<string, string>,
): string | null {
  const given = paths.get(name) ?? process.env[envName]
  if (given !== undefined) {
    if (!existsSync(given)) throw new Error(`${name}: the given executable does not exist`)
    return resolve(given)
  }
  if (onPath.startsWith('/')) return existsSync(onPath) ? onPath : null
  return Bun.which(onPath)
}
