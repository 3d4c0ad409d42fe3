// Starts a tracker on its cores and returns when it is ready to be measured. Used by aquatic_bench, the
// soak test and the latency probe. Owns the folders it makes, inside the caller's.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, plainEnvironment, startChild } from '../children.ts'
import { cpuSeconds, tcpPortListens, udpPortBound, usesIoUring } from '../proc.ts'
import type { Candidate } from './candidates.ts'
import { portsOf, runner } from './entries.ts'
import { infoHashLines } from './info-hashes.ts'
import type { StartPlan } from './other-trackers.ts'

const READY_TIMEOUT_MS = 30_000
const SETTLE_TIMEOUT_MS = 30_000
const SETTLE_STEP_MS = 300
/** Using less than this share of a core, it is idle; some programs have a timer. */
const REST_SHARE = 0.04
/** Below those that the system gives to connections, of which one might take a port before the tracker has it. */
const PORT_FIRST = 10_000
const PORT_LAST = 31_999
const PORT_ATTEMPTS = 20

export interface RunningTracker {
  readonly child: Child
  readonly port: number
  /** What a reader of the table should know about this run, or ''. */
  readonly remark: string
}

export interface StartOptions {
  readonly workers?: number
  /** Default: those of aquatic_udp_load_test 0.9. */
  readonly infoHashes?: StartPlan['infoHashes']
  readonly certificate?: StartPlan['certificate']
}

/** `cores` as taskset writes them. Returns when its port is bound and its start-up work is over. */
export async function startTracker(
  candidate: Candidate,
  cores: string | number,
  folder: string,
  options: StartOptions = {},
): Promise<RunningTracker> {
  const { name, executable, settings, entry } = candidate
  const own = mkdtempSync(join(folder, 'tracker-'))
  const port = await freePort(portsOf(entry))
  const { argv, env } = entry.command({
    name,
    executable,
    settings,
    port,
    workers: options.workers ?? 1,
    folder: own,
    infoHashes: options.infoHashes ?? infoHashLines,
    certificate: options.certificate ?? null,
  })
  const child = startChild(name, argv, {
    core: cores,
    cwd: own,
    env: { ...plainEnvironment(), ...withoutPressure(candidate), ...env },
  })
  const last = port + portsOf(entry) - 1
  const isOpen = () => (entry.protocol === 'udp' ? udpPortBound(port) : tcpPortListens(last))
  try {
    await until(READY_TIMEOUT_MS, child, 'did not open its port', isOpen)
    await settle(child)
    return { child, port, remark: remarkOf(candidate, child.pid) }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/**
 * Full load is pressure, under which ours would do other work than the rest: not store some peers. Builds that do
 * not know the setting, and settings of the user's own, are left alone.
 */
function withoutPressure({ name, executable, settings }: Candidate): Record<string, string> {
  if (!name.startsWith('ours') || settings.includes('[pressure]')) return {}
  const [program, ...first] = runner(executable)
  const { stdout } = spawnSync(program, [...first, '-p'], { timeout: 5000 })
  return stdout?.includes('[pressure]') ? { AQUATIC_PRESSURE_ENABLED: 'false' } : {}
}

// Reading a long white list or compiling code must not count as serving.
async function settle(child: Child): Promise<void> {
  let before = Number.NEGATIVE_INFINITY
  await until(SETTLE_TIMEOUT_MS, child, 'stayed busy after its start', () => {
    const now = cpuSeconds(child.pid)
    const quiet = now - before <= (REST_SHARE * SETTLE_STEP_MS) / 1000
    before = now
    return quiet
  })
}

async function until(timeoutMs: number, child: Child, failure: string, test: () => boolean) {
  const end = performance.now() + timeoutMs
  while (child.alive() && !test()) {
    if (performance.now() > end) throw new Error(`${child.name} ${failure}: ${child.errors()}`)
    await Bun.sleep(SETTLE_STEP_MS)
  }
  if (!child.alive()) throw new Error(`${child.name} ended at once: ${child.errors()}`)
}

function remarkOf({ name }: Candidate, pid: number): string {
  if (name !== 'aquatic-uring') return ''
  return usesIoUring(pid) ? '' : 'no io_uring here: it fell back to plain system calls'
}

/**
 * The first of `count` in a row. Free for TCP and for UDP: opentracker opens both, and after a run over HTTP many ports of the machine are
 * those of connections that have just ended.
 */
async function freePort(count: number): Promise<number> {
  for (let left = PORT_ATTEMPTS; ; left--) {
    const port = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST - count))
    try {
      for (let next = port; next < port + count; next++) listenAt(next).stop(true)
      const socket = await Bun.udpSocket({ hostname: '127.0.0.1', port })
      socket.close()
      return port
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

function listenAt(port: number) {
  return Bun.listen({ hostname: '127.0.0.1', port, socket: { data: () => {} } })
}
