// Finds the trackers of this family that run on the host, and the settings that one of them was started with. Called
// by host.ts. Reads /proc only.
import { isAbsolute, join } from 'node:path'
import { parseCommandLine } from '../../src/config/flags.ts'
import type { Environment } from '../../src/config/load.ts'
import { UsageError } from '../command-line.ts'
import { type GivenSettings, PROGRAM_NAMES, programNamed, wantsOf } from './settings.ts'
import type { HostView } from './view.ts'
import type { RunningTracker, Wants } from './wants.ts'

/** A host has few of them; a process with such a name may be anybody's. */
const TRACKERS_MAX = 16

export interface RunningTrackers {
  readonly here: readonly RunningTracker[]
  /** In other networks, as those of containers: this is not their host. */
  readonly elsewhere: number
}

export function runningTrackers(host: HostView): RunningTrackers {
  let elsewhere = 0
  const found = host.list('/proc').flatMap((name): RunningTracker[] => {
    if (!/^\d+$/.test(name)) return []
    const pid = Number(name)
    const program = programOf(wordsOf(host, pid))
    if (program === null) return []
    if (!isInThisNetwork(host, pid)) {
      elsewhere++
      return []
    }
    return [{ pid, program, wants: wantsOfProcess(host, pid, program) }]
  })
  return { here: found.slice(0, TRACKERS_MAX), elsewhere }
}

/** One in a container's network has another host, so to speak. If that cannot be read, it counts as here. */
function isInThisNetwork(host: HostView, pid: number): boolean {
  const theirs = host.link(`/proc/${pid}/ns/net`)
  return theirs === null || theirs === host.link('/proc/self/ns/net')
}

/** Null if its settings cannot be read, or have changed and are wrong now. */
function wantsOfProcess(host: HostView, pid: number, program: string): Wants | null {
  try {
    const given = settingsOf(host, pid, program)
    return given === null ? null : wantsOf(given)
  } catch (error) {
    if (error instanceof UsageError) return null
    throw error
  }
}

/** The settings of a running tracker, as it was started. */
function settingsOf(host: HostView, pid: number, program: string): GivenSettings | null {
  const flags = programNamed(program)
  const words = wordsOf(host, pid)
  const variables = host.read(`/proc/${pid}/environ`)
  const folder = host.link(`/proc/${pid}/cwd`)
  if (flags === null || variables === null || folder === null) return null
  const line = parseCommandLine(words.slice(startOf(words)), flags.flags)
  if ('mistake' in line) return null
  const inFolder = (path: string) => (isAbsolute(path) ? path : join(folder, path))
  const base = flags.base?.(line.values, inFolder)
  if (base !== undefined && base.problems.length > 0) return null
  const configPath = line.configPath === null ? null : inFolder(line.configPath)
  return { configPath, program, environment: environmentOf(variables), base }
}

function wordsOf(host: HostView, pid: number): string[] {
  return (host.read(`/proc/${pid}/cmdline`) ?? '').split('\0').filter((word) => word !== '')
}

/** By the executable, or by the source that a runtime executes. */
function programOf(words: readonly string[]): string | null {
  const [first = ''] = words
  const name = first.slice(first.lastIndexOf('/') + 1)
  if (PROGRAM_NAMES.includes(name)) return name
  const source = words[startOf(words) - 1] ?? ''
  return PROGRAM_NAMES.find((each) => source.endsWith(`/bin/${each}.ts`)) ?? null
}

/** Where the tracker's own flags begin. */
function startOf(words: readonly string[]): number {
  const source = words.findIndex((word) => /\/bin\/aquatic\w*\.ts$/.test(word))
  return source > 0 ? source + 1 : 1
}

function environmentOf(text: string): Environment {
  const pairs = text.split('\0').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=')
    return at <= 0 ? [] : [[pair.slice(0, at), pair.slice(at + 1)]]
  })
  return Object.fromEntries(pairs)
}
