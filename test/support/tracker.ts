// The tracker as its users run it: an executable with a settings file, told apart by its start line.
// Used by the tests that need real sockets. Every process started here is ended with its test.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkBuilt } from './built.ts'
import { newFolder, removeFolder } from './folder.ts'
import { currentRequestWorkers, REQUEST_WORKERS } from './request-workers.ts'
import { waitFor, waitUntil } from './wait.ts'

/** AQUATIC_UDP_EXECUTABLE, an absolute path, names another executable to test. */
export const EXECUTABLE =
  process.env.AQUATIC_UDP_EXECUTABLE ?? join(import.meta.dir, '../../dist/aquatic_udp')

/** The same of aquatic_ws, with AQUATIC_WS_EXECUTABLE. */
export const WS_EXECUTABLE =
  process.env.AQUATIC_WS_EXECUTABLE ?? join(import.meta.dir, '../../dist/aquatic_ws')

/** The same of aquatic_http, with AQUATIC_HTTP_EXECUTABLE. */
export const HTTP_EXECUTABLE =
  process.env.AQUATIC_HTTP_EXECUTABLE ?? join(import.meta.dir, '../../dist/aquatic_http')

/** The same of aquatic, the tracker of all protocols, with AQUATIC_EXECUTABLE. */
export const ALL_EXECUTABLE =
  process.env.AQUATIC_EXECUTABLE ?? join(import.meta.dir, '../../dist/aquatic')

/** Starts take a hundredth of it on an idle machine; this one may be building something else. */
const START_MS = 60_000
const END_MS = 60_000
const LAST_OUTPUT_MS = 10_000

/** Small enough that many trackers at once reserve little. */
const SMALL = '[limits]\nmax_torrents = 10000\nmax_peers = 100000\n'
/** So few fit the usual limit on open files: no warning at the start. */
const WS_SMALL = `${SMALL}max_connections = 900\n`
const HAVE_CONNECTIONS = [WS_EXECUTABLE, HTTP_EXECUTABLE]
const ALL_SMALL = `${SMALL}[http.limits]\nmax_connections = 300\n[ws.limits]\nmax_connections = 300\n`

/** Clients of tests are at 127.0.0.1, at addresses for documentation, or at any others, all in one swarm. */
const OF_TESTS = "[peer_addresses]\nprivate_peers = 'store'\nreserved_peers = 'store'\n"

/** What clients are told can then be compared with the settings. */
const EXACT_INTERVALS = { AQUATIC_PROTOCOL_INTERVAL_JITTER: '0' }
const ALL_EXACT_INTERVALS = {
  AQUATIC_UDP_PROTOCOL_INTERVAL_JITTER: '0',
  AQUATIC_HTTP_PROTOCOL_INTERVAL_JITTER: '0',
  AQUATIC_WS_PROTOCOL_INTERVAL_JITTER: '0',
}

export interface StartOptions {
  /** aquatic_udp when not given. */
  readonly executable?: string | readonly string[]
  /** TOML; a part [limits] of its own replaces the small one. */
  readonly settings?: string
  /** A settings file, in place of `settings`. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string>>
  /** A command to run it by, such as `setpriv --reuid=nobody`. */
  readonly prefix?: readonly string[]
  readonly cwd?: string
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | number | null
  readonly stderr: string
}

/** As settings and URLs have it. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Settings that listen on a free port of one address. */
export function listenOn(...addresses: string[]): string {
  return `[network]\naddress = [${addresses.map((address) => `'${address}'`).join(', ')}]\n`
}

/**
 * The same for any tracker, with threads for each of its protocols; of aquatic the address is that of UDP, and
 * the others have free ports.
 */
export function servedOn(executable: string, address: string, workers = 1): string {
  const threads = `socket_workers = ${workers}\n`
  if (executable !== ALL_EXECUTABLE) return `${threads}${listenOn(address)}`
  const own = (name: string, at: string) =>
    `[${name}]\n${threads}${listenOn(at).replace('[', `[${name}.`)}`
  return own('udp', address) + own('http', '127.0.0.1:0') + own('ws', '127.0.0.1:0')
}

/** Starts a tracker, has it used, and ends it. On 127.0.0.1, where the settings say nothing else. */
export async function withTracker<T>(
  options: StartOptions,
  use: (tracker: Tracker) => T | Promise<T>,
): Promise<T> {
  const tracker = new Tracker(options)
  try {
    await tracker.waitForStart()
    return await use(tracker)
  } finally {
    await tracker.discard()
  }
}

/** Runs a tracker that is expected to end by itself. */
export async function runTracker(options: StartOptions): Promise<Ended> {
  const tracker = new Tracker(options)
  try {
    return await tracker.waitForEnd()
  } finally {
    await tracker.discard()
  }
}

export class Tracker {
  /** Where it listens, in the order of the start line. */
  endpoints: readonly Endpoint[] = []
  stderr = ''
  private readonly child: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  private readonly folder = newFolder()
  private readonly outputEnd: Promise<void>
  /** Called once, when there is more output: several may wait. */
  private readonly waiting: (() => void)[] = []

  constructor(options: StartOptions) {
    const { settings = listenOn('127.0.0.1:0'), env = {}, prefix = [], cwd } = options
    const { executable = EXECUTABLE } = options
    const path = join(this.folder, 'tracker.toml')
    const program = typeof executable === 'string' ? [executable] : executable
    for (const part of program) checkBuilt(part)
    const isOfAll = isOfAllProtocols(program)
    const small = HAVE_CONNECTIONS.some((each) => program.includes(each))
      ? WS_SMALL
      : isOfAll
        ? ALL_SMALL
        : SMALL
    const exact = isOfAll ? ALL_EXACT_INTERVALS : EXACT_INTERVALS
    const storesPeers = !program.some(
      (each) => each === WS_EXECUTABLE || each.endsWith('/aquatic_ws.ts'),
    )
    const limited = settings.includes('[limits]') ? settings : `${settings}${small}`
    const isSaid = !storesPeers || settings.includes('[peer_addresses]')
    writeFileSync(path, isSaid ? limited : `${limited}\n${OF_TESTS}`)
    this.child = Bun.spawn([...prefix, ...program, '-c', options.file ?? path], {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { PATH: process.env.PATH ?? '', ...exact, ...schedule(program), ...env },
      cwd: cwd ?? this.folder,
    })
    this.outputEnd = this.collect(this.child.stderr)
  }

  get pid(): number {
    return this.child.pid
  }

  /** The first of its endpoints; `host` replaces a wildcard. */
  at(host?: string, index = 0): Endpoint {
    const { host: own, port } = this.endpoints[index]
    return { host: host ?? own, port }
  }

  /** Where it listens, as settings and URLs have it. */
  address(): string {
    const { host, port } = this.at()
    return hostPort(host, port)
  }

  /** Of the operations endpoint. */
  async operationsUrl(): Promise<string> {
    const [, url] = await this.waitForOutput(/operations at (\S+)\n/)
    return url
  }

  async waitForStart(): Promise<void> {
    const [, list] = await this.waitForOutput(/listening on ([^(\n]+) \(/, START_MS)
    this.endpoints = list.split(', ').map((text) => {
      const colon = text.lastIndexOf(':')
      return {
        host: text.slice(0, colon).replace(/^\[|\]$/g, ''),
        port: Number(text.slice(colon + 1)),
      }
    })
  }

  /** The first match in what it has written to standard error. */
  async waitForOutput(pattern: RegExp, timeoutMs = END_MS): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const match = this.stderr.match(pattern)
      if (match !== null) return match
      const left = deadline - performance.now()
      if (left <= 0 || this.child.exitCode !== null) {
        await waitFor(this.outputEnd, LAST_OUTPUT_MS)
        const late = this.stderr.match(pattern)
        if (late !== null) return late
        throw new Error(`no ${pattern} (exit code ${this.child.exitCode}) in:\n${this.stderr}`)
      }
      const news = new Promise<void>((resolve) => {
        this.waiting.push(resolve)
      })
      await waitFor(Promise.race([news, this.child.exited]), left)
    }
  }

  stdout(): Promise<string> {
    return new Response(this.child.stdout).text()
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** Stops all its threads, until SIGCONT. The signal alone may find some of them at work a moment longer. */
  async pause(): Promise<void> {
    this.signal('SIGSTOP')
    const tasks = `/proc/${this.child.pid}/task`
    await waitUntil('it is stopped', () =>
      readdirSync(tasks).every((task) => {
        const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8')
        return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
      }),
    )
  }

  async waitForEnd(): Promise<Ended> {
    const exited = await waitFor(this.child.exited, END_MS)
    if (exited === undefined) throw new Error(`it goes on:\n${this.stderr}`)
    await waitFor(this.outputEnd, LAST_OUTPUT_MS)
    return { code: this.child.exitCode, signal: this.child.signalCode, stderr: this.stderr }
  }

  /** Ends it, whatever it does. */
  async discard(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
    removeFolder(this.folder)
  }

  private async collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      this.stderr += decoder.decode(chunk, { stream: true })
      for (const wake of this.waiting.splice(0)) wake()
    }
  }
}

/** Also from its source. */
function isOfAllProtocols(program: readonly string[]): boolean {
  return program.some((part) => part === ALL_EXECUTABLE || part.endsWith('/bin/aquatic.ts'))
}

/** `aquatic_ws` and `aquatic_http` have no request workers. */
function schedule(program: readonly string[]): Record<string, string> {
  if (HAVE_CONNECTIONS.some((each) => program.includes(each)) || isOfAllProtocols(program))
    return {}
  const count = currentRequestWorkers()
  return count === 0 ? {} : { [REQUEST_WORKERS]: String(count) }
}
