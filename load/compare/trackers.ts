// The trackers that can be compared: where each is found, how it is configured and started.
// Used by the comparison, the soak test and the latency probe. Owns nothing between runs.
//
// Each runs with its own default settings; only the address is given. Locations come from --path,
// from the environment or from PATH, and none of them is part of this repository but our own.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Child, startChild } from '../children.ts'
import { cpuSeconds, udpPortBound, usesIoUring } from '../proc.ts'
import { infoHashLines } from './info-hashes.ts'

const READY_TIMEOUT_MS = 30_000
const SETTLE_TIMEOUT_MS = 30_000
const SETTLE_STEP_MS = 300
const OPENTRACKER_LIST = 'white-list'

export interface Candidate {
  readonly name: string
  readonly executable: string
  readonly version: string
  /** Lines appended to its settings file; for variants of our own tracker. */
  readonly settings: string
  readonly kind: Kind
}

interface Kind {
  readonly envName: string
  readonly onPath: string
  command(candidate: Candidate, port: number, folder: string): string[]
  /** Settings that make it look for old peers every `seconds`; '' where that cannot be set. */
  cleaning(seconds: number): string
  version(executable: string): string
}

export const DEFAULT_NAMES = ['ours', 'aquatic', 'aquatic-uring', 'opentracker']

/** Variants of ours with such a name listen on all addresses, as by default, and pay for packet info. */
const WILDCARD_NAME = 'ours-wildcard'

const ROOT = resolve(import.meta.dirname, '../..')

const OURS: Kind = {
  envName: 'AQUATIC_COMPARE_OURS',
  onPath: join(ROOT, 'dist/aquatic_udp'),
  command: (candidate, port, folder) => [
    ...runner(candidate.executable),
    '-c',
    settingsFile(candidate, port, folder),
  ],
  cleaning: (seconds) => `\n[cleaning]\ninterval = ${seconds}\n`,
  version: askVersion,
}

const AQUATIC: Kind = {
  ...OURS,
  envName: 'AQUATIC_COMPARE_AQUATIC',
  onPath: 'aquatic_udp',
  cleaning: (seconds) => `\n[cleaning]\ntorrent_cleaning_interval = ${seconds}\n`,
}

const AQUATIC_URING: Kind = {
  ...AQUATIC,
  envName: 'AQUATIC_COMPARE_AQUATIC_URING',
  onPath: 'aquatic_udp_uring',
}

const OPENTRACKER: Kind = {
  envName: 'AQUATIC_COMPARE_OPENTRACKER',
  onPath: 'opentracker',
  command: opentrackerCommand,
  cleaning: () => '',
  version: packageVersion,
}

/** Any name that starts with «ours-» is another build or other settings of our own tracker. */
function kindOf(name: string): Kind {
  if (name === 'ours' || name.startsWith('ours-')) return OURS
  if (name === 'aquatic') return AQUATIC
  if (name === 'aquatic-uring') return AQUATIC_URING
  if (name === 'opentracker') return OPENTRACKER
  throw new Error(`unknown tracker «${name}»: known are ${DEFAULT_NAMES.join(', ')} and ours-…`)
}

/** Finds a tracker, or returns null when this machine has none. */
function findCandidate(
  name: string,
  paths: Map<string, string>,
  settings: Map<string, string>,
): Candidate | null {
  const kind = kindOf(name)
  const executable = findExecutable(name, kind.envName, kind.onPath, paths)
  if (executable === null) return null
  const file = settings.get(name)
  return {
    name,
    executable,
    version: kind.version(executable),
    settings: file === undefined ? '' : readFileSync(file, 'utf8'),
    kind,
  }
}

/** The same tracker, looking for old peers every `seconds`. */
export function withCleaning(candidate: Candidate, seconds: number): Candidate {
  const lines = candidate.kind.cleaning(seconds)
  if (lines === '') throw new Error(`${candidate.name} has no setting for its cleaning`)
  return { ...candidate, settings: candidate.settings + lines }
}

/** Finds those that this machine has, and names the others on standard error. */
export function findCandidates(
  names: string[],
  paths: Map<string, string>,
  settings: Map<string, string>,
): Candidate[] {
  const found: Candidate[] = []
  for (const name of names) {
    const candidate = findCandidate(name, paths, settings)
    if (candidate === null) process.stderr.write(`skipped: ${name} is not on this machine\n`)
    else found.push(candidate)
  }
  if (found.length === 0) throw new Error('no tracker to measure')
  return found
}

export function findLoadTest(paths: Map<string, string>): string | null {
  return findExecutable('load-test', 'AQUATIC_COMPARE_LOAD_TEST', 'aquatic_udp_load_test', paths)
}

function findExecutable(
  name: string,
  envName: string,
  onPath: string,
  paths: Map<string, string>,
): string | null {
  const given = paths.get(name) ?? process.env[envName]
  if (given !== undefined) {
    if (!existsSync(given)) throw new Error(`${name}: the given executable does not exist`)
    return resolve(given)
  }
  if (onPath.startsWith('/')) return existsSync(onPath) ? onPath : null
  return Bun.which(onPath)
}

export interface RunningTracker {
  readonly child: Child
  readonly port: number
  /** What a reader of the table should know about this run, or ''. */
  readonly remark: string
}

/** Starts a tracker on `core` and returns when its port is bound and its start-up work is over. */
export async function startTracker(
  candidate: Candidate,
  core: number,
  folder: string,
): Promise<RunningTracker> {
  const port = await freePort()
  const command = candidate.kind.command(candidate, port, folder)
  const child = startChild(candidate.name, command, { core, cwd: folder })
  try {
    await until(READY_TIMEOUT_MS, child, 'did not bind its port', () => udpPortBound(port))
    await settle(child)
    return { child, port, remark: remarkOf(candidate, child.pid) }
  } catch (error) {
    await child.stop()
    throw error
  }
}

// Reading a long white list or compiling code must not count as serving.
async function settle(child: Child): Promise<void> {
  let before = -1
  await until(SETTLE_TIMEOUT_MS, child, 'stayed busy after its start', () => {
    const now = cpuSeconds(child.pid)
    const quiet = now === before
    before = now
    return quiet
  })
}

async function until(timeoutMs: number, child: Child, failure: string, test: () => boolean) {
  const end = performance.now() + timeoutMs
  while (!test()) {
    if (!child.alive()) throw new Error(`${child.name} ended at once: ${child.errors()}`)
    if (performance.now() > end) throw new Error(`${child.name} ${failure}: ${child.errors()}`)
    await Bun.sleep(SETTLE_STEP_MS)
  }
}

function remarkOf(candidate: Candidate, pid: number): string {
  if (candidate.kind !== AQUATIC_URING) return ''
  return usesIoUring(pid) ? '' : 'no io_uring here: it fell back to plain system calls'
}

async function freePort(): Promise<number> {
  const socket = await Bun.udpSocket({ hostname: '127.0.0.1' })
  const port = socket.port
  socket.close()
  return port
}

function runner(executable: string): string[] {
  return executable.endsWith('.ts') ? [process.execPath, executable] : [executable]
}

function settingsFile(candidate: Candidate, port: number, folder: string): string {
  const file = join(folder, `${candidate.name}.toml`)
  const host = candidate.name.startsWith(WILDCARD_NAME) ? '0.0.0.0' : '127.0.0.1'
  writeFileSync(file, withAddress(candidate.settings, `address = "${host}:${port}"\n`))
  return file
}

/** Puts the address into the [network] table, which the given settings may already have. */
function withAddress(settings: string, line: string): string {
  const table = '[network]\n'
  return settings.includes(table)
    ? settings.replace(table, table + line)
    : `${settings}\n${table}${line}`
}

// It changes into `folder` as its root and reads the list from there, as an unprivileged user.
function opentrackerCommand(candidate: Candidate, port: number, folder: string): string[] {
  const list = join(folder, OPENTRACKER_LIST)
  if (!existsSync(list)) writeFileSync(list, infoHashLines())
  chmodSync(folder, 0o755)
  const ports = ['-i', '127.0.0.1', '-p', String(port), '-P', String(port)]
  return [candidate.executable, ...ports, '-u', 'nobody', '-d', folder, '-w', OPENTRACKER_LIST]
}

function askVersion(executable: string): string {
  const answer = spawnSync(runner(executable)[0], [...runner(executable).slice(1), '--version'])
  return answer.stdout?.toString().trim() || fingerprint(executable)
}

function packageVersion(executable: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
  const answer = spawnSync('dpkg-query', ['-W', '-f', '${Version}', 'opentracker'])
  const version = answer.stdout?.toString().trim() ?? ''
  return version === '' ? fingerprint(executable) : `Debian ${version}`
}

function fingerprint(executable: string): string {
  const hash = createHash('sha256').update(readFileSync(executable)).digest('hex')
  return `sha256 ${hash.slice(0, 12)}`
}
