// Child processes on fixed cores, each ended by its own pid, however this program ends.
// Used by the load testers and the benchmarks. Owns the list of live children.
import { spawnSync } from 'node:child_process'

const STDERR_KEPT_CHARS = 4000
const STOP_TIMEOUT_MS = 5000

export interface Child {
  readonly pid: number
  readonly name: string
  /** Resolves when the process has ended. */
  readonly ended: Promise<number>
  /** True until the process has ended. */
  alive(): boolean
  /** The last text it wrote to stderr. */
  errors(): string
  stop(): Promise<void>
}

export interface StartOptions {
  /** One core, or several as taskset writes them. */
  readonly core?: number | string
  readonly cwd?: string
  /** Instead of this process's own. */
  readonly env?: Record<string, string>
  /** In a session of its own: Ctrl-C in a terminal is for this program, which ends the child later. */
  readonly ownSession?: boolean
  /** Called with each piece of standard output as it arrives. */
  readonly onOutput?: (text: string) => void
}

const live = new Set<Bun.Subprocess>()

process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL')
})

/** For programs without an orderly stop of their own: a signal ends them, and so the children. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(1))
  }
}

export function startChild(name: string, command: string[], options: StartOptions = {}): Child {
  const child = Bun.spawn(pinned(command, options.core), {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    detached: options.ownSession === true,
    stdin: 'ignore',
    stdout: options.onOutput === undefined ? 'ignore' : 'pipe',
    stderr: 'pipe',
  })
  live.add(child)
  let errors = ''
  void follow(child.stderr, (text) => {
    errors = (errors + text).slice(-STDERR_KEPT_CHARS)
  })
  if (options.onOutput !== undefined) {
    void follow(child.stdout as ReadableStream<Uint8Array>, options.onOutput)
  }
  const ended = child.exited.finally(() => live.delete(child))
  return {
    pid: child.pid,
    name,
    ended,
    alive: () => child.exitCode === null && child.signalCode === null,
    errors: () => errors.trim(),
    stop: () => stopChild(child),
  }
}

/** Without the variables of our own settings, which a program of the same family would take for its own. */
export function plainEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith('AQUATIC_'))
  return Object.fromEntries(entries) as Record<string, string>
}

/**
 * taskset and sh replace themselves by the command, so the pid is the command's. Locked memory is
 * raised as far as the system lets us: io_uring needs it on older kernels.
 */
function pinned(command: string[], core: number | string | undefined): string[] {
  const limits = 'ulimit -l unlimited 2>/dev/null || ulimit -l "$(ulimit -H -l)"; exec "$@"'
  const raised = ['sh', '-c', limits, 'sh', ...command]
  return core === undefined ? raised : ['taskset', '-c', String(core), ...raised]
}

async function follow(stream: ReadableStream<Uint8Array>, sink: (text: string) => void) {
  const decoder = new TextDecoder()
  for await (const chunk of stream) sink(decoder.decode(chunk, { stream: true }))
}

async function stopChild(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await child.exited
  clearTimeout(timer)
}

/** Moves this program's own threads to `core`, away from the tracker's. */
export function pinSelf(core: number | string): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)])
}
